// Micro-blocks: the rows of a call, some hundred at a time, transposed to one array a feature.
//
// A micro-block is the unit that stays in the caches while all components pass over it. Layout: feature
// a of row i is at x[a * ld + i]; ld is a whole number of strips and one cache line more, so that the
// arrays of neighbouring features fall into different sets of the caches. The last strip is filled up with
// copies of the last row at weight 0; no other masks exist. A micro-block whose rows all weigh 1 has
// weight == nullptr.
#pragma once

#include <cstdlib>
#include <new>

#include "interface.hpp"
#include "simd.hpp"

namespace gaussmix::GAUSSMIX_ISA {

using std::size_t;

/// Freed arrays that a thread keeps for its next call. Handing some hundred kilobytes back to the operating system
/// after each block and faulting them in again would take a few percent of a pass.
class Scratch {
public:
    struct Block {
        void* memory;
        size_t bytes;
    };
    Scratch() = default;
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    ~Scratch() {
        for (size_t i = 0; i < count_; ++i) std::free(kept_[i].memory);
    }
    static Scratch& of_this_thread() {
        static thread_local Scratch scratch;
        return scratch;
    }
    /// A block of at least `bytes`: the smallest of those kept that is at most twice as large, or a new one.
    Block take(size_t bytes) {
        size_t best = count_;
        for (size_t i = 0; i < count_; ++i)
            if (kept_[i].bytes >= bytes && kept_[i].bytes <= 2 * bytes &&
                (best == count_ || kept_[i].bytes < kept_[best].bytes))
                best = i;
        if (best < count_) return removed(best);
        void* memory = nullptr;
        if (posix_memalign(&memory, 64, bytes)) throw std::bad_alloc();
        return {memory, bytes};
    }
    void give_back(Block block) {
        if (block.bytes > kMostBytes) return std::free(block.memory);
        while (count_ == kMostBlocks || total_ + block.bytes > kMostBytes) drop_oldest();
        total_ += block.bytes;
        kept_[count_++] = block;
    }

private:
    Block removed(size_t i) {
        const Block block = kept_[i];
        total_ -= block.bytes;
        --count_;
        for (; i < count_; ++i) kept_[i] = kept_[i + 1];
        return block;
    }
    void drop_oldest() { std::free(removed(0).memory); }

    static constexpr size_t kMostBlocks = 24, kMostBytes = size_t(4) << 20;  // a thread
    Block kept_[kMostBlocks];
    size_t count_ = 0, total_ = 0;
};

/// An array aligned to cache lines, given back at the end of its scope. Contents start undefined.
template <class T>
class Buffer {
public:
    Buffer() : block_{nullptr, 0} {}
    explicit Buffer(size_t count) : block_{nullptr, 0} { resize(count); }
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;
    ~Buffer() { release(); }
    void resize(size_t count) {
        release();
        block_ = Scratch::of_this_thread().take(count * sizeof(T) + kVectorBytes);
    }
    void fill(size_t count, T value) {
        for (size_t i = 0; i < count; ++i) data()[i] = value;
    }
    operator T*() { return data(); }
    operator const T*() const { return data(); }

private:
    T* data() const { return static_cast<T*>(block_.memory); }
    void release() {
        if (block_.memory) Scratch::of_this_thread().give_back(block_);
        block_ = {nullptr, 0};
    }
    Scratch::Block block_;
};

constexpr size_t smaller(size_t a, size_t b) { return a < b ? a : b; }
constexpr size_t larger(size_t a, size_t b) { return a > b ? a : b; }
constexpr size_t rounded_up(size_t n, size_t unit) { return (n + unit - 1) / unit * unit; }

/// Rows of a micro-block. `arrays` numbers a row must stay in the second-level cache. Where the `inner` numbers a
/// row that the inner loops use fit the first-level cache, with enough rows to outweigh the reductions at the end
/// of a tile, they stay there.
template <class T>
size_t micro_block_rows(size_t n_rows, size_t arrays, size_t inner) {
    constexpr size_t second_level = kVectorBytes == 64 ? 1 << 20 : 1 << 18, first_level = 1 << 15;
    constexpr size_t most_strips = 16, fewest_strips = 5, strip_bytes = kStrip<T> * sizeof(T);
    size_t strips = larger(1, smaller(second_level / (arrays * strip_bytes), most_strips));
    const size_t inner_strips = first_level / (inner * strip_bytes);
    if (inner_strips >= fewest_strips) strips = smaller(strips, inner_strips);
    return smaller(strips * kStrip<T>, rounded_up(larger(n_rows, 1), kStrip<T>));
}

/// Distance of two features' arrays, for micro-blocks of `rows`.
template <class T>
size_t leading_dimension(size_t rows) {
    return rows + 64 / sizeof(T);
}

template <class T, int D, int A, size_t... I>
GAUSSMIX_INLINE Vec<T> every_third(const Vec<T>* v, std::index_sequence<I...>) {
    constexpr int W = kLanes<T>;
    const Vec<T> two = __builtin_shufflevector(v[0], v[1], (int(I) * D + A < 2 * W ? int(I) * D + A : 0)...);
    return __builtin_shufflevector(two, v[2], (int(I) * D + A < 2 * W ? int(I) : int(I) * D + A - W)...);
}
template <class T, int A, size_t... I>
GAUSSMIX_INLINE Vec<T> every_second(Vec<T> a, Vec<T> b, std::index_sequence<I...>) {
    return __builtin_shufflevector(a, b, (2 * int(I) + A)...);
}

/// Column A of kLanes rows of D <= 4 numbers, which fill D vectors.
template <class T, int D, int A>
GAUSSMIX_INLINE Vec<T> column(const Vec<T>* v) {
    constexpr LaneIndex<T> lanes{};
    if constexpr (D == 1) return v[0];
    else if constexpr (D == 2) return every_second<T, A>(v[0], v[1], lanes);
    else if constexpr (D == 3) return every_third<T, D, A>(v, lanes);
    else
        return every_second<T, A / 2>(every_second<T, A % 2>(v[0], v[1], lanes),
                                      every_second<T, A % 2>(v[2], v[3], lanes), lanes);
}

template <class T, int D, int A = 0>
GAUSSMIX_INLINE void split_columns(const Vec<T>* v, const T* anchor, T* out, size_t ld) {
    if constexpr (A < D) {
        store(out + A * ld, column<T, D, A>(v) - broadcast(anchor ? anchor[A] : T(0)));
        split_columns<T, D, A + 1>(v, anchor, out, ld);
    }
}

/// kLanes rows of D <= 4 numbers.
template <class T, int D>
GAUSSMIX_INLINE void transpose_narrow(const T* x, const T* anchor, T* out, size_t ld) {
    Vec<T> v[D];
    GAUSSMIX_UNROLL
    for (int a = 0; a < D; ++a) v[a] = load(x + a * kLanes<T>);
    split_columns<T, D>(v, anchor, out, ld);
}

/// kLanes rows of d >= 5 numbers. Where d is below the lanes, rows are read beyond their end.
template <class T>
GAUSSMIX_INLINE void transpose_wide(const T* x, size_t d, const T* anchor, T* out, size_t ld) {
    constexpr size_t W = kLanes<T>;
    for (size_t from = 0; from < d; from += W) {
        const size_t a = from + W <= d ? from : (d >= W ? d - W : 0);  // the last square overlaps its neighbour
        Vec<T> v[W];
        GAUSSMIX_UNROLL
        for (size_t row = 0; row < W; ++row) v[row] = load(x + row * d + a);
        transpose<T>(v);
        GAUSSMIX_UNROLL
        for (size_t j = 0; j < W; ++j)
            if (j < d) store(out + (a + j) * ld, v[j] - broadcast(anchor ? anchor[a + j] : T(0)));
    }
}

/// Transposes n rows less the anchor (null: none) and fills up to `padded` with copies of the last one.
/// `end` is the end of the readable memory behind x.
template <class T>
void transpose_rows(const T* x, size_t n, size_t padded, size_t d, const T* end, const T* anchor, T* out, size_t ld) {
    constexpr size_t W = kLanes<T>;
    const size_t read = d <= 4 ? W * d : (W - 1) * d + larger(d, W);  // numbers that one step reads
    size_t i = 0;
    for (; i + W <= n && size_t(end - (x + i * d)) >= read; i += W) {
        const T* from = x + i * d;
        if (d == 1) transpose_narrow<T, 1>(from, anchor, out + i, ld);
        else if (d == 2) transpose_narrow<T, 2>(from, anchor, out + i, ld);
        else if (d == 3) transpose_narrow<T, 3>(from, anchor, out + i, ld);
        else if (d == 4) transpose_narrow<T, 4>(from, anchor, out + i, ld);
        else transpose_wide<T>(from, d, anchor, out + i, ld);
    }
    for (; i < padded; ++i) {
        const T* from = x + smaller(i, n - 1) * d;
        for (size_t a = 0; a < d; ++a) out[a * ld + i] = from[a] - (anchor ? anchor[a] : T(0));
    }
}

/// A power of two that brings the largest of n weights near 1, so that weights of any size fit a float.
inline double power_near(const double* weight, size_t n) {
    double most = 0;
    for (size_t i = 0; i < n; ++i) most = weight[i] > most ? weight[i] : most;
    if (!(most > 0) || most == __builtin_inf()) return 1.0;
    const int exponent = __builtin_ilogb(most);
    return __builtin_ldexp(1.0, exponent < -1000 ? 1000 : -exponent);  // the power itself must be finite
}

/// The rows of a call as a sequence of transposed micro-blocks.
template <class T>
class MicroBlocks {
public:
    /// `rows` is the capacity (micro_block_rows); `extra` arrays follow the features and belong to the pass.
    MicroBlocks(const Rows<T>& data, size_t rows, const T* anchor, size_t extra = 0)
        : data_(data), anchor_(anchor), capacity(rows),
          ld(leading_dimension<T>(capacity)), x_((data.n_features + extra) * ld), weight_(ld),
          scale_(data.weight ? power_near(data.weight, data.n_rows) : 1.0) {}

    /// Moves to the next micro-block; false at the end.
    bool next() {
        first += n;
        if (first >= data_.n_rows) return false;
        n = smaller(capacity, data_.n_rows - first);
        padded_rows = rounded_up(n, kStrip<T>);
        const size_t d = data_.n_features;
        transpose_rows<T>(data_.x + first * d, n, padded_rows, d, data_.x + data_.n_rows * d, anchor_, x_, ld);
        set_weights();
        return true;
    }

    /// Asks for one of `parts` parts of the next micro-block. A pass spreads these calls over its work, so that
    /// the rows come in meanwhile; asked for at once, they would fill the queues of the memory and stall.
    void fetch_ahead(size_t part, size_t parts) const {
        const size_t after = first + n, d = data_.n_features;
        const size_t count = smaller(capacity, data_.n_rows - after) * d;
        const T* next = data_.x + after * d;
        for (size_t i = count * part / parts; i < count * (part + 1) / parts; i += 64 / sizeof(T))
            __builtin_prefetch(next + i);
    }

    /// What sums over weighted rows must be multiplied by.
    double unscale() const { return 1.0 / scale_; }
    T* x() { return x_; }
    const T* weight() const { return weighted_ ? static_cast<const T*>(weight_) : nullptr; }

private:
    void set_weights() {
        weighted_ = data_.weight || padded_rows > n;
        if (!weighted_) return;
        for (size_t i = 0; i < padded_rows; ++i)
            weight_[i] = i >= n ? T(0) : data_.weight ? T(data_.weight[first + i] * scale_) : T(1);
    }

    const Rows<T> data_;
    const T* anchor_;

public:
    const size_t capacity, ld;
    size_t first = 0, n = 0, padded_rows = 0;

private:
    Buffer<T> x_, weight_;
    double scale_;
    bool weighted_ = false;
};

/// Total weight of the rows.
template <class T>
double total_weight(const Rows<T>& data) {
    if (!data.weight) return double(data.n_rows);
    double total = 0;
    for (size_t i = 0; i < data.n_rows; ++i) total += data.weight[i];
    return total;
}

}  // namespace gaussmix::GAUSSMIX_ISA
