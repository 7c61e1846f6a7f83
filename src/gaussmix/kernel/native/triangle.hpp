// |L (x - mean)|^2 for a strip of rows, with L lower triangular: the E-step of full covariances.
//
// L is cut into panels of kPanel rows, the short panel (D mod kPanel) first, so that all others are full.
// A panel is packed column by column, kPanel numbers each, followed by its triangle column by column
// without the zeros. A panel keeps kPanel x 3 accumulators, 3 vectors of x and 1 broadcast in registers:
// 28 of 32 (AVX-512, ARM) or 16 of 16 (AVX2). L is read once for 3 vectors of rows.
#pragma once

#include "block.hpp"

namespace gaussmix::GAUSSMIX_ISA {

inline constexpr int kPanel = kRegisters == 32 ? 8 : 4;

/// Numbers of a packed triangle.
constexpr size_t packed_size(size_t d) { return d * (d + 1) / 2; }

/// Packs scale * L (row-major, full square) as described above.
template <class T>
void pack_triangle(const double* factor, size_t d, double scale, T* out) {
    size_t height = d % kPanel ? d % kPanel : kPanel;
    for (size_t j = 0; j < d; j += height, height = kPanel) {
        for (size_t a = 0; a < j; ++a)
            for (size_t r = 0; r < height; ++r) *out++ = T(scale * factor[(j + r) * d + a]);
        for (size_t t = 0; t < height; ++t)
            for (size_t r = t; r < height; ++r) *out++ = T(scale * factor[(j + r) * d + j + t]);
    }
}

/// y[r][v] += sum_a packed[a][r] * x[a][v] over `columns` columns; advances packed and x.
template <class T, int R>
GAUSSMIX_INLINE void multiply_columns(const T*& packed, const T*& x, size_t ld, size_t columns,
                                      Vec<T> (&y)[R][kStripVectors]) {
    for (size_t a = 0; a < columns; ++a) {
        Vec<T> column[kStripVectors];
        GAUSSMIX_UNROLL
        for (int v = 0; v < kStripVectors; ++v) column[v] = load(x + v * kLanes<T>);
        GAUSSMIX_UNROLL
        for (int r = 0; r < R; ++r) {
            const Vec<T> factor = broadcast(packed[r]);
            GAUSSMIX_UNROLL
            for (int v = 0; v < kStripVectors; ++v) y[r][v] += factor * column[v];
        }
        packed += R;
        x += ld;
    }
}

/// The triangle at the end of a panel.
template <class T, int R>
GAUSSMIX_INLINE void multiply_triangle(const T*& packed, const T* x, size_t ld, Vec<T> (&y)[R][kStripVectors]) {
    GAUSSMIX_UNROLL
    for (int t = 0; t < R; ++t) {
        Vec<T> column[kStripVectors];
        GAUSSMIX_UNROLL
        for (int v = 0; v < kStripVectors; ++v) column[v] = load(x + t * ld + v * kLanes<T>);
        GAUSSMIX_UNROLL
        for (int r = t; r < R; ++r) {
            const Vec<T> factor = broadcast(*packed++);
            GAUSSMIX_UNROLL
            for (int v = 0; v < kStripVectors; ++v) y[r][v] += factor * column[v];
        }
    }
}

/// Rows j .. j + R of y = L x + start; take(row, y) receives each as three vectors.
template <class T, int R, class Take>
GAUSSMIX_INLINE const T* panel(const T* packed, const T* start, const T* x, size_t ld, size_t j, Take&& take) {
    Vec<T> y[R][kStripVectors];
    GAUSSMIX_UNROLL
    for (int r = 0; r < R; ++r)
        GAUSSMIX_UNROLL
        for (int v = 0; v < kStripVectors; ++v) y[r][v] = broadcast(start[j + r]);
    multiply_columns<T, R>(packed, x, ld, j, y);
    multiply_triangle<T, R>(packed, x, ld, y);
    GAUSSMIX_UNROLL
    for (int r = 0; r < R; ++r) take(j + r, y[r]);
    return packed;
}

/// All rows of y = L x + start for one strip; x[a] is at x + a * ld.
template <class T, class Take>
GAUSSMIX_INLINE void multiply_lower(size_t d, const T* packed, const T* start, const T* x, size_t ld, Take&& take) {
    size_t j = d % kPanel;
    if (j)
        with_height<kPanel - 1>(j, [&](auto h) {
            packed = panel<T, decltype(h)::value>(packed, start, x, ld, 0, take);
        });
    for (; j < d; j += kPanel) packed = panel<T, kPanel>(packed, start, x, ld, j, take);
}

/// q = |L x + start|^2 for one strip.
template <class T>
GAUSSMIX_INLINE void squared_norm(size_t d, const T* packed, const T* start, const T* x, size_t ld, Vec<T>* q) {
    Vec<T> sum[kStripVectors] = {};
    multiply_lower(d, packed, start, x, ld, [&](size_t, const Vec<T>* y) {
        GAUSSMIX_UNROLL
        for (int v = 0; v < kStripVectors; ++v) sum[v] += y[v] * y[v];
    });
    GAUSSMIX_UNROLL
    for (int v = 0; v < kStripVectors; ++v) q[v] = sum[v];
}

}  // namespace gaussmix::GAUSSMIX_ISA
