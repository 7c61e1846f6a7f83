// What all passes share: constants and references of the components, the layout of `out`, fallbacks.
#pragma once

#include "softmax.hpp"

namespace gaussmix::GAUSSMIX_ISA {

/// Where the moments lie in out = [log-likelihood, weight, count (K), first (K, D), second].
struct Moments {
    Moments(double* out, size_t n_components, size_t d, size_t n_second)
        : log_likelihood(out), weight(out + 1), count(out + 2), first(count + n_components),
          second(first + n_components * d), size(2 + n_components * (1 + d) + n_second) {
        for (size_t i = 0; i < size; ++i) out[i] = 0;
    }
    double *log_likelihood, *weight, *count, *first, *second;
    size_t size;
};

/// Logarithms are taken relative to the largest constant, so that float32 keeps its digits for differences.
inline double largest_constant(const Parameters& parameters) {
    double most = -__builtin_inf();
    for (size_t k = 0; k < parameters.n_components; ++k)
        most = parameters.log_constant[k] > most ? parameters.log_constant[k] : most;
    return most;
}

/// A component of weight 0 has the constant -inf and takes no part.
inline bool is_live(const Parameters& p, size_t k) { return p.log_constant[k] > -__builtin_inf(); }

/// The points about which moments are taken: the means rounded to the type of the rows.
template <class T>
void round_to(const double* means, size_t count, double* reference) {
    for (size_t i = 0; i < count; ++i) reference[i] = double(T(means[i]));
}

inline bool all_finite(const double* values, size_t count) {
    bool finite = true;
    for (size_t i = 0; i < count; ++i) finite &= __builtin_isfinite(values[i]) != 0;
    return finite;
}

/// Whether numbers of this size can be squared in T without loss.
template <class T>
bool in_range(double size) {
    constexpr double limit = sizeof(T) == 8 ? 1e150 : 1e16;
    return size < limit && size > 1 / limit;
}

/// Whether the root precisions of all live components, `per_component` each, suit T.
template <class T>
bool roots_in_range(const Parameters& p, size_t per_component) {
    for (size_t k = 0; k < p.n_components; ++k)
        for (size_t a = 0; a < per_component && is_live(p, k); ++a)
            if (!in_range<T>(p.precision[k * per_component + a])) return false;
    return true;
}

/// Runs pass(rows as double, first row, out) over pieces of float rows and adds the results.
template <class Pass>
void in_double(const Rows<float>& data, double* out, size_t size, Pass&& pass) {
    constexpr size_t piece = 4096;
    Buffer<double> x(smaller(piece, data.n_rows) * data.n_features), part(size);
    for (size_t i = 0; i < size; ++i) out[i] = 0;
    for (size_t first = 0; first < data.n_rows; first += piece) {
        const size_t n = smaller(piece, data.n_rows - first);
        for (size_t i = 0; i < n * data.n_features; ++i) x[i] = data.x[first * data.n_features + i];
        const Rows<double> rows{x, data.weight ? data.weight + first : nullptr, n, data.n_features};
        pass(rows, first, static_cast<double*>(part));
        for (size_t i = 0; i < size; ++i) out[i] += part[i];
    }
}

/// Sums that left the range of float64 in both directions at once are infinite, not NaN.
inline void replace_nan(double* values, size_t count) {
    for (size_t i = 0; i < count; ++i)
        if (values[i] != values[i]) values[i] = __builtin_inf();
}

/// Fills out for rows that no component can explain (all constants are -inf).
template <class T>
void without_components(const Rows<T>& data, const Moments& moments) {
    *moments.weight = total_weight(data);
    *moments.log_likelihood = *moments.weight > 0 ? -__builtin_inf() : 0;
}

}  // namespace gaussmix::GAUSSMIX_ISA
