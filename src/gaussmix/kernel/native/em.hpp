// Whole EM iterations on one block of rows, for data so small that calling into the kernel would cost more than
// computing: E-step by the fused passes, then the M-step of maximum likelihood in the four unconstrained forms
//
//   weights n_k / n, means, covariance = scatter / count (+ an added variance)
//
// It does what the Python loop does, to rounding, and gives up where that loop has decisions to take: before a
// component loses its rows or its covariance turns singular. The state then is that of the last whole iteration.
#pragma once

#include "cholesky.hpp"
#include "linear_moments.hpp"

namespace gaussmix::GAUSSMIX_ISA {

inline constexpr double kRounding = 2.220446049250313e-16;
inline constexpr double kLog2Pi = 1.8378770664093453;
inline constexpr double kLeastWeight = 1e-300;
inline constexpr double kMostInflation = 3162277.6601683795; // covariance/factor.py: 1e-13 to the power -1/2

/// Numbers of the covariances, which are those of the second moments.
inline size_t covariance_size(Representation kind, size_t K, size_t d) {
    return kind == dense ? K * d * d : kind == shared ? d * d : kind == diagonal ? K * d : K;
}

/// Variance of feature a of component k.
inline double variance_of(Representation kind, size_t d, const double* covariances, size_t k, size_t a) {
    if (kind == dense) return covariances[(k * d + a) * d + a];
    if (kind == shared) return covariances[a * d + a];
    return kind == diagonal ? covariances[k * d + a] : covariances[k];
}

/// Factors and log-determinants of K full matrices; false if one is singular (see covariance/factor.py).
inline bool factorise_dense(size_t K, size_t d, const double* covariances, double* precision, double* log_determinants) {
    Buffer<bool> ok(K);
    precision_cholesky(covariances, K, d, precision, log_determinants, ok);
    for (size_t k = 0; k < K; ++k) {
        if (!ok[k]) return false;
        for (size_t a = 0; a < d; ++a) {
            const size_t at = (k * d + a) * d + a;
            if (!(precision[at] * __builtin_sqrt(covariances[at]) < kMostInflation)) return false;
        }
    }
    return true;
}

/// 1 / sd and the log-determinants; false if a variance is not positive and finite.
inline bool invert_variances(size_t K, size_t per_component, size_t repeats, const double* variances, double* precision,
                             double* log_determinants) {
    for (size_t k = 0; k < K; ++k) {
        log_determinants[k] = 0;
        for (size_t a = 0; a < per_component; ++a) {
            const double variance = variances[k * per_component + a];
            if (!(variance > 0) || !__builtin_isfinite(variance)) return false;
            precision[k * per_component + a] = 1 / __builtin_sqrt(variance);
            log_determinants[k] += double(repeats) * __builtin_log(variance);
        }
    }
    return true;
}

inline bool invert_covariances(Representation kind, size_t K, size_t d, const double* covariances, double* precision,
                               double* log_determinants) {
    if (kind == dense) return factorise_dense(K, d, covariances, precision, log_determinants);
    if (kind == diagonal) return invert_variances(K, d, 1, covariances, precision, log_determinants);
    if (kind == spherical) return invert_variances(K, 1, d, covariances, precision, log_determinants);
    if (!factorise_dense(1, d, covariances, precision, log_determinants)) return false;
    for (size_t k = 1; k < K; ++k) log_determinants[k] = log_determinants[0];
    return true;
}

/// The parameters of highest likelihood given the moments; false if a component has no rows.
template <class T>
bool maximise(Representation kind, size_t K, size_t d, const double* moments, const double* old_means,
              const double* added, double* weights, double* means, double* covariances) {
    const double *count = moments + 2, *first = count + K, *second = first + K * d;
    double total = 0, added_sum = 0;
    for (size_t k = 0; k < K; ++k) total += count[k];
    for (size_t a = 0; added && a < d; ++a) added_sum += added[a];
    const size_t size = covariance_size(kind, K, d);
    for (size_t i = 0; i < size; ++i) covariances[i] = second[i];
    Buffer<double> shift(d);
    for (size_t k = 0; k < K; ++k) {
        if (!(count[k] >= kRounding * total)) return false;
        weights[k] = count[k] / total;
        double square = 0;
        for (size_t a = 0; a < d; ++a) {
            shift[a] = first[k * d + a] / count[k];
            means[k * d + a] = double(T(old_means[k * d + a])) + shift[a];
            square += shift[a] * shift[a];
        }
        if (kind == spherical) {
            covariances[k] = ((covariances[k] - count[k] * square) / count[k] + added_sum) / double(d);
        } else if (kind == diagonal) {
            for (size_t a = 0; a < d; ++a)
                covariances[k * d + a] = covariances[k * d + a] / count[k] - shift[a] * shift[a] + (added ? added[a] : 0);
        } else {
            double* scatter = covariances + (kind == dense ? k * d * d : 0);
            const double share = kind == dense ? 1 / count[k] : 1;
            for (size_t a = 0; a < d; ++a)
                for (size_t b = 0; b < d; ++b)
                    scatter[a * d + b] = (scatter[a * d + b] - count[k] * (shift[a] * shift[b])) * share;
            if (kind == dense && added)
                for (size_t a = 0; a < d; ++a) scatter[a * d + a] += added[a];
        }
    }
    if (kind == shared) {
        for (size_t i = 0; i < size; ++i) covariances[i] /= total;
        for (size_t a = 0; added && a < d; ++a) covariances[a * d + a] += added[a];
    }
    return true;
}

/// One mixture's parameters.
struct Point {
    const double *weights, *means, *covariances;
};

/// The relative distance between two mixtures, as Mixture.movement defines it.
inline double movement(Representation kind, size_t K, size_t d, const Point& now, const Point& before) {
    double square = 0;
    Buffer<double> inverse_sd(K * d);
    for (size_t k = 0; k < K; ++k) {
        const double change = now.weights[k] - before.weights[k];
        const double larger = now.weights[k] > before.weights[k] ? now.weights[k] : before.weights[k];
        square += change * change / (larger > kLeastWeight ? larger : kLeastWeight);
        for (size_t a = 0; a < d; ++a) {
            const size_t at = k * d + a;
            inverse_sd[at] = 1 / __builtin_sqrt(variance_of(kind, d, now.covariances, k, a));
            const double step = (now.means[at] - before.means[at]) * inverse_sd[at];
            square += step * step;
        }
    }
    if (kind == diagonal || kind == spherical) {
        const size_t size = covariance_size(kind, K, d);
        for (size_t i = 0; i < size; ++i) {
            const double step = (now.covariances[i] - before.covariances[i]) / now.covariances[i];
            square += step * step * (kind == spherical ? double(d) : 1.0);
        }
        return __builtin_sqrt(square);
    }
    for (size_t k = 0; k < (kind == dense ? K : 1); ++k)
        for (size_t a = 0; a < d; ++a)
            for (size_t b = 0; b < d; ++b) {
                const size_t at = (k * d + a) * d + b;
                const double step = (now.covariances[at] - before.covariances[at]) * inverse_sd[k * d + a];
                square += step * inverse_sd[k * d + b] * step * inverse_sd[k * d + b];
            }
    return __builtin_sqrt(square);
}

template <class T>
MomentsFunction<T> pass_of(Representation kind) {
    if (kind == dense) return dense_moments<T>;
    if (kind == shared) return linear_or_exact_moments<T, shared>;
    return kind == diagonal ? linear_or_exact_moments<T, diagonal> : linear_or_exact_moments<T, spherical>;
}

inline void copy(const double* from, size_t n, double* to) {
    for (size_t i = 0; i < n; ++i) to[i] = from[i];
}

/// Runs up to n_steps iterations on `state`; returns how many, with bound and movement of each.
template <class T>
size_t em_steps(Representation kind, const Rows<T>& rows, const EmState& state, size_t n_steps, double* bounds,
                double* movements) {
    if (!n_steps) return 0;
    const size_t K = state.n_components, d = rows.n_features, size = covariance_size(kind, K, d);
    Buffer<double> precision(size), log_determinants(K), constants(K), moments(2 + K + K * d + size);
    Buffer<double> weights(K), means(K * d), covariances(size);
    if (!invert_covariances(kind, K, d, state.covariances, precision, log_determinants)) return 0;
    for (size_t step = 0; step < n_steps; ++step) {
        for (size_t k = 0; k < K; ++k)
            constants[k] = __builtin_log(state.weights[k]) - 0.5 * (log_determinants[k] + double(d) * kLog2Pi);
        pass_of<T>(kind)(rows, {K, constants, state.means, precision}, false, moments);
        if (!maximise<T>(kind, K, d, moments, state.means, state.added_variance, weights, means, covariances) ||
            !invert_covariances(kind, K, d, covariances, precision, log_determinants))
            return step;
        bounds[step] = moments[0] / moments[1];
        movements[step] = movement(kind, K, d, {weights, means, covariances},
                                   {state.weights, state.means, state.covariances});
        copy(weights, K, state.weights);
        copy(means, K * d, state.means);
        copy(covariances, size, state.covariances);
    }
    return n_steps;
}

}  // namespace gaussmix::GAUSSMIX_ISA
