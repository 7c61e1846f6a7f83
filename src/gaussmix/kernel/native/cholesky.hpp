// Inverse Cholesky factors: L lower triangular with Sigma^-1 = L^T L, and log |Sigma|.
//
// Sigma = G G^T by elimination on the upper triangle U = G^T, then L = G^-1 row by row. All inner loops run
// over contiguous rows, so the compiler vectorises them. A pivot must be positive and finite, no more: what
// counts as singular is decided by the caller.
#pragma once

#include "block.hpp"

namespace gaussmix::GAUSSMIX_ISA {

/// U with Sigma = U^T U in the upper triangle of u, from the lower triangle of Sigma; false at a bad pivot.
inline bool factorise(const double* covariance, size_t d, double* u, double* log_determinant) {
    for (size_t j = 0; j < d; ++j)
        for (size_t a = j; a < d; ++a) u[j * d + a] = covariance[a * d + j];
    *log_determinant = 0;
    for (size_t j = 0; j < d; ++j) {
        double* pivot_row = u + j * d;
        const double pivot = pivot_row[j];
        if (!(pivot > 0) || !__builtin_isfinite(pivot)) return false;
        *log_determinant += __builtin_log(pivot);
        const double diagonal = __builtin_sqrt(pivot);
        for (size_t a = j; a < d; ++a) pivot_row[a] /= diagonal;
        for (size_t i = j + 1; i < d; ++i) {
            const double factor = pivot_row[i];
            double* row = u + i * d;
            for (size_t a = i; a < d; ++a) row[a] -= factor * pivot_row[a];
        }
    }
    return true;
}

/// L = (U^T)^-1: row i is (e_i - sum_{j < i} U_ji L_j) / U_ii.
inline void invert(const double* u, size_t d, double* inverse) {
    for (size_t i = 0; i < d; ++i) {
        double* row = inverse + i * d;
        for (size_t j = 0; j < i; ++j) {
            const double factor = u[j * d + i];
            const double* known = inverse + j * d;
            for (size_t a = 0; a <= j; ++a) row[a] -= factor * known[a];
        }
        const double diagonal = u[i * d + i];
        for (size_t a = 0; a < i; ++a) row[a] /= diagonal;
        row[i] = 1 / diagonal;
    }
}

/// factors (K, D, D), log_determinants (K,) and ok (K,); a matrix with a bad pivot has factor 0 and -inf.
inline void precision_cholesky(const double* covariances, size_t n_components, size_t d, double* factors,
                               double* log_determinants, bool* ok) {
    Buffer<double> u(d * d);
    for (size_t k = 0; k < n_components; ++k) {
        double* factor = factors + k * d * d;
        for (size_t i = 0; i < d * d; ++i) factor[i] = 0;
        ok[k] = factorise(covariances + k * d * d, d, u, log_determinants + k);
        if (ok[k]) invert(u, d, factor);
        else log_determinants[k] = -__builtin_inf();
    }
}

}  // namespace gaussmix::GAUSSMIX_ISA
