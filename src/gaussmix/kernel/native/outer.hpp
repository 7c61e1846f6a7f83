// Sums over the rows of a micro-block of products of two features: the M-step's matrix products.
//
// The lanes are rows. A tile keeps R x C accumulators in registers while it passes once over the
// micro-block: R = 8 with C = 3 where there are 32 registers (24 accumulators, 3 vectors of one side, 1 of the
// other), else 4 x 3. Its R rows stay in the first-level cache, the columns stream from the second. At the
// end the accumulators are transposed and summed, and added to float64 sums, tile after tile ("slots",
// padded to whole vectors). traverse_*() is the only place that knows the order of the tiles.
#pragma once

#include "block.hpp"

namespace gaussmix::GAUSSMIX_ISA {

inline constexpr int kTileRows = kRegisters == 32 ? 8 : 4;
inline constexpr int kTileColumns = 3;

/// R rows times C columns.
template <int R, int C>
struct Rectangle {
    static constexpr int count = R * C;

    template <class T>
    static GAUSSMIX_INLINE void add(const T* rows, const T* columns, size_t ld, size_t n, double* sums) {
        Vec<T> sum[count] = {};
        for (size_t i = 0; i < n; i += kLanes<T>) {
            Vec<T> column[C];
            GAUSSMIX_UNROLL
            for (int c = 0; c < C; ++c) column[c] = kept(load(columns + c * ld + i));
            GAUSSMIX_UNROLL
            for (int r = 0; r < R; ++r) {
                const Vec<T> row = kept(load(rows + r * ld + i));
                GAUSSMIX_UNROLL
                for (int c = 0; c < C; ++c) sum[c * R + r] += row * column[c];
            }
        }
        add_lane_sums<T, count>(sum, sums);
    }

    /// Calls put(row, column, value) for each sum of the tile.
    template <class Put>
    static void read(const double* sums, size_t row, size_t column, Put&& put) {
        for (size_t c = 0; c < C; ++c)
            for (size_t r = 0; r < R; ++r) put(row + r, column + c, sums[c * R + r]);
    }
};

/// The lower triangle of R rows times themselves.
template <int R>
struct Triangle {
    static constexpr int count = R * (R + 1) / 2;

    template <class T>
    static GAUSSMIX_INLINE void add(const T* rows, const T*, size_t ld, size_t n, double* sums) {
        Vec<T> sum[count] = {};
        for (size_t i = 0; i < n; i += kLanes<T>) {
            Vec<T> row[R];
            GAUSSMIX_UNROLL
            for (int r = 0; r < R; ++r) {
                row[r] = kept(load(rows + r * ld + i));
                GAUSSMIX_UNROLL
                for (int c = 0; c <= r; ++c) sum[r * (r + 1) / 2 + c] += row[r] * row[c];
            }
        }
        add_lane_sums<T, count>(sum, sums);
    }

    template <class Put>
    static void read(const double* sums, size_t row, size_t column, Put&& put) {
        for (size_t r = 0; r < R; ++r)
            for (size_t c = 0; c <= r; ++c) put(row + r, column + c, *sums++);
    }
};

/// Calls visit(tile, row, column) for the tiles of rows j .. j + R and columns 0 .. n_columns.
template <int R, class Visit>
GAUSSMIX_INLINE void traverse_panel(size_t j, size_t n_columns, Visit&& visit) {
    size_t c = 0;
    for (; c + kTileColumns <= n_columns; c += kTileColumns) visit(Rectangle<R, kTileColumns>{}, j, c);
    with_height<kTileColumns - 1>(n_columns - c, [&](auto rest) { visit(Rectangle<R, decltype(rest)::value>{}, j, c); });
}

/// The diagonal square of H rows from j, in triangles of at most 4 rows: 10 accumulators.
template <int H, class Visit>
GAUSSMIX_INLINE void traverse_diagonal(size_t j, Visit&& visit) {
    if constexpr (H <= 4) {
        visit(Triangle<H>{}, j, j);
    } else {
        visit(Triangle<4>{}, j, j);
        visit(Rectangle<H - 4, 4>{}, j + 4, j);
        visit(Triangle<H - 4>{}, j + 4, j + 4);
    }
}

/// The tiles of the lower triangle of an m x m product, the short panel first.
template <class Visit>
GAUSSMIX_INLINE void traverse_symmetric(size_t m, Visit&& visit) {
    size_t j = m % kTileRows;
    with_height<kTileRows - 1>(j, [&](auto h) { traverse_diagonal<decltype(h)::value>(0, visit); });
    for (; j < m; j += kTileRows) {
        traverse_panel<kTileRows>(j, j, visit);
        traverse_diagonal<kTileRows>(j, visit);
    }
}

/// The tiles of a rectangular product, the short panel first.
template <class Visit>
GAUSSMIX_INLINE void traverse_rectangle(size_t n_rows, size_t n_columns, Visit&& visit) {
    size_t j = n_rows % kTileRows;
    with_height<kTileRows - 1>(j, [&](auto h) { traverse_panel<decltype(h)::value>(0, n_columns, visit); });
    for (; j < n_rows; j += kTileRows) traverse_panel<kTileRows>(j, n_columns, visit);
}

/// Doubles that the slots of all tiles take.
inline size_t symmetric_slots(size_t m) {
    size_t slots = 0;
    traverse_symmetric(m, [&](auto tile, size_t, size_t) { slots += padded(tile.count); });
    return slots;
}
inline size_t rectangle_slots(size_t n_rows, size_t n_columns) {
    size_t slots = 0;
    traverse_rectangle(n_rows, n_columns, [&](auto tile, size_t, size_t) { slots += padded(tile.count); });
    return slots;
}

/// sums += W W^T for the m arrays of w.
template <class T>
void add_symmetric(const T* w, size_t ld, size_t m, size_t n, double* sums) {
    traverse_symmetric(m, [&](auto tile, size_t row, size_t column) {
        tile.template add<T>(w + row * ld, w + column * ld, ld, n, sums);
        sums += padded(tile.count);
    });
}

/// sums += A B^T for n_rows arrays of a and n_columns arrays of b.
template <class T>
void add_rectangle(const T* a, size_t n_rows, const T* b, size_t n_columns, size_t ld, size_t n, double* sums) {
    traverse_rectangle(n_rows, n_columns, [&](auto tile, size_t row, size_t column) {
        tile.template add<T>(a + row * ld, b + column * ld, ld, n, sums);
        sums += padded(tile.count);
    });
}

/// Calls put(row, column, value) for each sum of add_symmetric (row >= column) or add_rectangle.
template <class Put>
void read_symmetric(const double* sums, size_t m, Put&& put) {
    traverse_symmetric(m, [&](auto tile, size_t row, size_t column) {
        tile.read(sums, row, column, put);
        sums += padded(tile.count);
    });
}
template <class Put>
void read_rectangle(const double* sums, size_t n_rows, size_t n_columns, Put&& put) {
    traverse_rectangle(n_rows, n_columns, [&](auto tile, size_t row, size_t column) {
        tile.read(sums, row, column, put);
        sums += padded(tile.count);
    });
}

}  // namespace gaussmix::GAUSSMIX_ISA
