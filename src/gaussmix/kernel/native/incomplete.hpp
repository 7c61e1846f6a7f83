// Rows of which features are missing (NaN), for full covariances: log-densities of what was observed, and the expected
// moments of the complete rows (covariance/completion.py has the formulas and their source).
//
// Rows of the same pattern should stand together: what depends on the pattern alone (factors of the marginals, the
// regression of missing on observed features) is computed once a run of such rows. Runs may be of single rows.
#pragma once

#include "cholesky.hpp"

namespace gaussmix::GAUSSMIX_ISA {

inline constexpr double kLog2PiOfRow = 1.8378770664093453;

/// c (n, m) = a (n, d) b (d, m), rows of b `ld` apart.
inline void multiply(const double* a, const double* b, size_t n, size_t d, size_t m, size_t ld, double* c) {
    for (size_t i = 0; i < n; ++i) {
        double* row = c + i * m;
        for (size_t j = 0; j < m; ++j) row[j] = 0;
        for (size_t l = 0; l < d; ++l) {
            const double factor = a[i * d + l];
            const double* other = b + l * ld;
            for (size_t j = 0; j < m; ++j) row[j] += factor * other[j];
        }
    }
}

/// c (n, m) = a (n, d) b (m, d) transposed.
inline void multiply_transposed(const double* a, const double* b, size_t n, size_t d, size_t m, double* c) {
    for (size_t i = 0; i < n; ++i)
        for (size_t j = 0; j < m; ++j) {
            double sum = 0;
            for (size_t l = 0; l < d; ++l) sum += a[i * d + l] * b[j * d + l];
            c[i * m + j] = sum;
        }
}

/// The observed and the missing features of a run of rows, and how they depend on each other in each component.
class Pattern {
public:
    size_t d = 0, m = 0;  // numbers of observed and missing features
    Buffer<size_t> observed, missing;
    Buffer<double> factors, log_determinants, slopes, residuals;

    explicit Pattern(const IncompleteMixture& mixture, size_t n_features)
        : observed(n_features), missing(n_features), factors(size(mixture, n_features)),
          log_determinants(mixture.n_matrices), slopes(size(mixture, n_features)),
          residuals(size(mixture, n_features)), mixture_(mixture), D_(n_features),
          gathered_(size(mixture, n_features)), half_(n_features * n_features), ok_(mixture.n_matrices) {}

    template <class T>
    void set(const T* row) {
        d = m = 0;
        for (size_t a = 0; a < D_; ++a)
            if (row[a] == row[a]) observed[d++] = a;
            else missing[m++] = a;
        for (size_t k = 0; k < mixture_.n_matrices; ++k)
            gather(k, observed, d, observed, d, gathered_ + k * d * d);
        precision_cholesky(gathered_, mixture_.n_matrices, d, factors, log_determinants, ok_);
        for (size_t k = 0; k < mixture_.n_matrices; ++k)
            if (!ok_[k]) log_determinants[k] = 0;  // a singular matrix that is about to be raised: as in Python
    }

    /// Slopes B = S_mo L^T L (m, d) and residual covariances C = S_mm - S_mo L^T L S_om (m, m).
    void regress() {
        for (size_t k = 0; k < mixture_.n_matrices; ++k) {
            double *slope = slopes + k * m * d, *residual = residuals + k * m * m;
            gather(k, missing, m, observed, d, slope);
            multiply_transposed(slope, factors + k * d * d, m, d, d, half_);
            multiply(half_, factors + k * d * d, m, d, d, d, slope);
            gather(k, missing, m, missing, m, residual);
            for (size_t i = 0; i < m; ++i)
                for (size_t j = 0; j < m; ++j) {
                    double sum = 0;
                    for (size_t l = 0; l < d; ++l) sum += half_[i * d + l] * half_[j * d + l];
                    residual[i * m + j] -= sum;
                }
        }
    }

    size_t matrix(size_t k) const { return mixture_.n_matrices == 1 ? 0 : k; }

private:
    static size_t size(const IncompleteMixture& mixture, size_t D) { return mixture.n_matrices * D * D; }

    void gather(size_t k, const size_t* rows, size_t n_rows, const size_t* columns, size_t n_columns, double* to) const {
        const double* covariance = mixture_.covariances + k * D_ * D_;
        for (size_t i = 0; i < n_rows; ++i)
            for (size_t j = 0; j < n_columns; ++j) to[i * n_columns + j] = covariance[rows[i] * D_ + columns[j]];
    }

    const IncompleteMixture& mixture_;
    size_t D_;
    Buffer<double> gathered_, half_;
    Buffer<bool> ok_;
};

template <class T>
bool same_pattern(const T* row, const T* other, size_t D) {
    for (size_t a = 0; a < D; ++a)
        if ((row[a] == row[a]) != (other[a] == other[a])) return false;
    return true;
}

/// Calls run(first, last, pattern) for each run of rows of one pattern.
template <class T, class Run>
void for_each_pattern(const Rows<T>& rows, const IncompleteMixture& mixture, Run&& run) {
    const size_t D = rows.n_features;
    Pattern pattern(mixture, D);
    for (size_t first = 0, last; first < rows.n_rows; first = last) {
        last = first + 1;
        while (last < rows.n_rows && same_pattern(rows.x + first * D, rows.x + last * D, D)) ++last;
        pattern.set(rows.x + first * D);
        run(first, last, pattern);
    }
}

/// log weight_k + log N(observed features), for one row; `difference` (d,) becomes x_o - mean_o.
template <class T>
double log_joint_of(const T* row, const IncompleteMixture& mixture, const Pattern& pattern, size_t k, size_t D,
                    double* difference) {
    const size_t d = pattern.d, matrix = pattern.matrix(k);
    const double *mean = mixture.means + k * D, *factor = pattern.factors + matrix * d * d;
    for (size_t a = 0; a < d; ++a) difference[a] = double(row[pattern.observed[a]]) - mean[pattern.observed[a]];
    double squared = 0;
    for (size_t i = 0; i < d; ++i) {
        double white = 0;
        for (size_t a = 0; a <= i; ++a) white += factor[i * d + a] * difference[a];
        squared += white * white;
    }
    if (!(squared < 1e300)) squared = 1e300;  // so far away that all components are alike, rather than NaN
    return mixture.log_weights[k] - 0.5 * (pattern.log_determinants[matrix] + double(d) * kLog2PiOfRow + squared);
}

/// out (n_rows, K), in nats.
template <class T>
void incomplete_log_joint(const Rows<T>& rows, const IncompleteMixture& mixture, double* out) {
    const size_t D = rows.n_features, K = mixture.n_components;
    Buffer<double> difference(D);
    for_each_pattern(rows, mixture, [&](size_t first, size_t last, const Pattern& pattern) {
        for (size_t i = first; i < last; ++i)
            for (size_t k = 0; k < K; ++k)
                out[i * K + k] = log_joint_of(rows.x + i * D, mixture, pattern, k, D, difference);
    });
}

/// Replaces log-joint densities by responsibilities; returns log p(x), with `hard` that of the best component.
inline double responsibilities_of(double* log_joint, size_t K, bool hard) {
    size_t best = 0;
    for (size_t k = 1; k < K; ++k)
        if (log_joint[k] > log_joint[best]) best = k;
    const double peak = log_joint[best];
    double sum = 0;
    for (size_t k = 0; k < K; ++k) {
        const double share = hard ? double(k == best) : __builtin_exp(log_joint[k] - peak);
        log_joint[k] = share;
        sum += share;
    }
    for (size_t k = 0; k < K; ++k) log_joint[k] /= sum;
    return peak + (hard ? 0 : __builtin_log(sum));
}

/// Moments of the observed features of one run of rows, and their way into those of all features.
class RunMoments {
public:
    RunMoments(size_t K, size_t D) : count_(K), first_(K * D), second_(K * D * D), product_(D * D), K_(K), D_(D) {}

    void clear(size_t d) {
        count_.fill(K_, 0);
        first_.fill(K_ * d, 0);
        second_.fill(K_ * d * d, 0);
    }

    void add(size_t k, double share, const double* difference, size_t d) {
        count_[k] += share;
        double *first = first_ + k * d, *second = second_ + k * d * d;
        for (size_t a = 0; a < d; ++a) {
            const double weighted = share * difference[a];
            first[a] += weighted;
            for (size_t b = 0; b < d; ++b) second[a * d + b] += weighted * difference[b];
        }
    }

    /// Adds what is expected of the complete rows to count (K,), first (K, D) and second (K, D, D).
    void complete(const Pattern& pattern, double* count, double* first, double* second) {
        for (size_t k = 0; k < K_; ++k) {
            if (!(count_[k] > 0)) continue;
            count[k] += count_[k];
            complete_first(pattern, k, first + k * D_);
            complete_second(pattern, k, second + k * D_ * D_);
        }
    }

private:
    void complete_first(const Pattern& pattern, size_t k, double* first) const {
        const size_t d = pattern.d, m = pattern.m;
        const double *seen = first_ + k * d, *slopes = pattern.slopes + pattern.matrix(k) * m * d;
        for (size_t a = 0; a < d; ++a) first[pattern.observed[a]] += seen[a];
        for (size_t i = 0; i < m; ++i) {
            double sum = 0;
            for (size_t a = 0; a < d; ++a) sum += slopes[i * d + a] * seen[a];
            first[pattern.missing[i]] += sum;
        }
    }

    void complete_second(const Pattern& pattern, size_t k, double* second) {
        const size_t d = pattern.d, m = pattern.m, matrix = pattern.matrix(k);
        const double *seen = second_ + k * d * d, *slopes = pattern.slopes + matrix * m * d;
        const double* residual = pattern.residuals + matrix * m * m;
        for (size_t a = 0; a < d; ++a)
            for (size_t b = 0; b < d; ++b) second[pattern.observed[a] * D_ + pattern.observed[b]] += seen[a * d + b];
        multiply(slopes, seen, m, d, d, d, product_);
        for (size_t i = 0; i < m; ++i) {
            const size_t row = pattern.missing[i];
            for (size_t a = 0; a < d; ++a) {
                second[row * D_ + pattern.observed[a]] += product_[i * d + a];
                second[pattern.observed[a] * D_ + row] += product_[i * d + a];
            }
            for (size_t j = 0; j < m; ++j) {
                double sum = count_[k] * residual[i * m + j];
                for (size_t a = 0; a < d; ++a) sum += product_[i * d + a] * slopes[j * d + a];
                second[row * D_ + pattern.missing[j]] += sum;
            }
        }
    }

    Buffer<double> count_, first_, second_, product_;
    size_t K_, D_;
};

/// Overwrites out = [log-likelihood, weight, count, first, second (K, D, D)], about the means.
template <class T>
void incomplete_moments(const Rows<T>& rows, const IncompleteMixture& mixture, bool hard, double* out) {
    const size_t D = rows.n_features, K = mixture.n_components;
    double *count = out + 2, *first = count + K, *second = first + K * D;
    for (size_t i = 0; i < 2 + K + K * D + K * D * D; ++i) out[i] = 0;
    Buffer<double> differences(K * D), shares(K);
    RunMoments seen(K, D);
    for_each_pattern(rows, mixture, [&](size_t begin, size_t end, Pattern& pattern) {
        pattern.regress();
        seen.clear(pattern.d);
        for (size_t i = begin; i < end; ++i) {
            const double weight = rows.weight ? rows.weight[i] : 1.0;
            if (!(weight > 0)) continue;
            for (size_t k = 0; k < K; ++k)
                shares[k] = log_joint_of(rows.x + i * D, mixture, pattern, k, D, differences + k * D);
            out[0] += weight * responsibilities_of(shares, K, hard);
            out[1] += weight;
            for (size_t k = 0; k < K; ++k)
                if (shares[k] > 0) seen.add(k, weight * shares[k], differences + k * D, pattern.d);
        }
        seen.complete(pattern, count, first, second);
    });
}

}  // namespace gaussmix::GAUSSMIX_ISA
