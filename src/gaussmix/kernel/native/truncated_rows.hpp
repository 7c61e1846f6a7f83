// The rows of a truncated pass (truncated.hpp), by the groups of components to which their best ones belong.
//
// They are gathered from wherever they lie, some hundred at a time, and transposed as in block.hpp.
#pragma once

#include "block.hpp"

namespace gaussmix::GAUSSMIX_ISA {

/// The rows by group, in ascending order within each.
struct Grouping {
    Grouping(const Candidates& candidates, const std::int32_t* best, size_t n)
        : starts(candidates.n_groups + 1), rows(n) {
        const size_t G = candidates.n_groups;
        Buffer<size_t> next(G);
        starts.fill(G + 1, 0);
        for (size_t i = 0; i < n; ++i) ++starts[candidates.group_of[best[i]] + 1];
        for (size_t g = 0; g < G; ++g) starts[g + 1] += starts[g], next[g] = starts[g];
        for (size_t i = 0; i < n; ++i) rows[next[candidates.group_of[best[i]]]++] = i;
    }
    Buffer<size_t> starts, rows;
};

/// Some rows of a group, transposed as in block.hpp.
template <class T>
struct GatheredRows {
    GatheredRows(const Rows<T>& data, size_t most)
        : data(data), capacity(most), ld(leading_dimension<T>(most)), flat(most * data.n_features),
          x(data.n_features * ld), weight(ld), scale(data.weight ? power_near(data.weight, data.n_rows) : 1.0) {}

    void gather(const size_t* rows, size_t count, const T* anchor) {
        const size_t d = data.n_features;
        n = count;
        padded_rows = rounded_up(n, kStrip<T>);
        for (size_t i = 0; i < n; ++i) {
            if (i + 8 < n) __builtin_prefetch(data.x + rows[i + 8] * d);
            __builtin_memcpy(flat + i * d, data.x + rows[i] * d, d * sizeof(T));
            weight[i] = data.weight ? T(data.weight[rows[i]] * scale) : T(1);
        }
        for (size_t i = n; i < padded_rows; ++i) weight[i] = 0;
        transpose_rows<T>(flat, n, padded_rows, d, flat + capacity * d, anchor, x, ld);
    }

    const Rows<T> data;
    const size_t capacity, ld;
    size_t n = 0, padded_rows = 0;
    Buffer<T> flat, x, weight;
    double scale;
};

/// Largest number of candidates of a group that has rows.
inline size_t most_candidates(const Candidates& candidates) {
    size_t most = 1;
    for (size_t g = 0; g < candidates.n_groups; ++g)
        most = larger(most, size_t(candidates.starts[g + 1] - candidates.starts[g]));
    return most;
}

inline bool has_live(const Parameters& p, const std::int32_t* list, size_t n) {
    for (size_t c = 0; c < n; ++c)
        if (is_live(p, list[c])) return true;
    return false;
}

}  // namespace gaussmix::GAUSSMIX_ISA
