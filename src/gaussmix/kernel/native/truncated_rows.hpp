// The rows of a truncated pass (truncated.hpp), by the groups of components to which their best ones belong.
//
// They are gathered from wherever they lie, some hundred at a time, and transposed as in block.hpp.
#pragma once

#include "block.hpp"

namespace gaussmix::GAUSSMIX_ISA {

/// The rows of a part, by the group to which their best component belongs, in ascending order within each.
///
/// The rows of all groups, one group after another, are cut into parts of about as many rows; a group belongs to the
/// part in which its last row is.
struct Grouping {
    Grouping(const Candidates& candidates, const std::int32_t* best, size_t n, Portion part)
        : starts(candidates.n_groups + 1), rows(0) {
        const size_t G = candidates.n_groups;
        Buffer<size_t> next(G);
        starts.fill(G + 1, 0);
        for (size_t i = 0; i < n; ++i) ++starts[candidates.group_of[best[i]] + 1];
        for (size_t g = 0; g < G; ++g) starts[g + 1] += starts[g];
        const size_t from = n * part.index / part.count, to = n * (part.index + 1) / part.count;
        for (size_t g = 0; g < G; ++g) first += starts[g + 1] <= from, last += starts[g + 1] <= to;
        const size_t behind = starts[first];
        for (size_t g = 0; g <= G; ++g) starts[g] -= smaller(starts[g], behind);
        for (size_t g = 0; g < G; ++g) next[g] = starts[g];
        rows.resize(n_rows() + 1);
        for (size_t i = 0; i < n; ++i)
            if (const size_t g = candidates.group_of[best[i]]; g - first < last - first) rows[next[g]++] = i;
    }
    size_t n_rows() const { return starts[last]; }

    size_t first = 0, last = 0;    // groups
    Buffer<size_t> starts, rows;  // the rows of group g are rows[starts[g] .. starts[g + 1])
};

// Rows lie anywhere: they are asked for so far ahead that they arrive in time, their first bytes at least.
inline constexpr size_t kRowsAhead = 32, kBytesAhead = 256;

/// Some rows of a group, transposed as in block.hpp.
template <class T>
struct GatheredRows {
    GatheredRows(const Rows<T>& data, size_t most)
        : data(data), capacity(most), ld(leading_dimension<T>(most)), flat(most * data.n_features),
          x(data.n_features * ld), weight(ld), scale(data.weight ? power_near(data.weight, data.n_rows) : 1.0) {}

    /// Of `behind` rows listed, the first `count`.
    void gather(const size_t* rows, size_t count, size_t behind, const T* anchor) {
        const size_t d = data.n_features;
        n = count;
        padded_rows = rounded_up(n, kStrip<T>);
        for (size_t i = 0; i < n; ++i) {
            if (i + kRowsAhead < behind) fetch(rows[i + kRowsAhead]);
            __builtin_memcpy(flat + i * d, data.x + rows[i] * d, d * sizeof(T));
            weight[i] = data.weight ? T(data.weight[rows[i]] * scale) : T(1);
        }
        for (size_t i = n; i < padded_rows; ++i) weight[i] = 0;
        transpose_rows<T>(flat, n, padded_rows, d, flat + capacity * d, anchor, x, ld);
    }

    void fetch(size_t row) const {
        const char *from = reinterpret_cast<const char*>(data.x + row * data.n_features),
                   *end = from + smaller(data.n_features * sizeof(T), kBytesAhead);
        for (; from < end; from += 64) __builtin_prefetch(from);
        __builtin_prefetch(end - 1);
    }

    const Rows<T> data;
    const size_t capacity, ld;
    size_t n = 0, padded_rows = 0;
    Buffer<T> flat, x, weight;
    double scale;
};

/// Largest number of candidates of a group.
inline size_t most_candidates(const Candidates& candidates, const Grouping& grouping) {
    size_t most = 1;
    for (size_t g = grouping.first; g < grouping.last; ++g)
        most = larger(most, size_t(candidates.starts[g + 1] - candidates.starts[g]));
    return most;
}

inline bool has_live(const Parameters& p, const std::int32_t* list, size_t n) {
    for (size_t c = 0; c < n; ++c)
        if (is_live(p, list[c])) return true;
    return false;
}

}  // namespace gaussmix::GAUSSMIX_ISA
