// From logits to responsibilities, for one micro-block.
//
// logits is (K, ld): the log-joint of component k and row i, in a unit of the pass:
//   Form::plain  log2 units;       values become e = 2^(logit - peak),     r = e * scale
//   Form::root   half log2 units;  values become h = 2^(logit - peak),     sqrt(r) = h * scale
// The root form gives one weighted copy sqrt(r) (x - mean) that serves both sides of a symmetric product.
// Each row keeps peak (its largest logit), sum (of e, or of h^2) and then scale, which holds its weight.
#pragma once

#include "block.hpp"
#include "exponential.hpp"

namespace gaussmix::GAUSSMIX_ISA {

enum class Form { plain, root };

/// Size of one log2 unit of the log-joint in the units of a form.
template <Form F> inline constexpr double kUnit = F == Form::root ? 0.5 * kLog2E : kLog2E;

/// A squared distance beyond this counts as this: a row beyond the range of T has finite, equal logits.
template <class T> inline constexpr T kFar = sizeof(T) == 8 ? T(1e300) : T(1e36f);

template <class T>
struct RowState {
    explicit RowState(size_t ld) : peak(ld), sum(ld), scale(ld) {}
    Buffer<T> peak, sum, scale;
};

/// Turns the logits of some strips into e or h; peaks and sums start at the same row.
template <class T, Form F>
void softmax(T* logits, size_t ld, size_t rows, size_t n_components, T* peaks, T* sums) {
    constexpr int V = kStripVectors, W = kLanes<T>;
    constexpr T lowest = F == Form::root ? Exp2<T>::lowest / 2 : Exp2<T>::lowest;
    for (size_t i = 0; i < rows; i += kStrip<T>) {
        Vec<T> peak[V], sum[V];
        GAUSSMIX_UNROLL
        for (int v = 0; v < V; ++v) peak[v] = broadcast(-kFar<T>), sum[v] = Vec<T>{};
        for (size_t k = 0; k < n_components; ++k)
            GAUSSMIX_UNROLL
            for (int v = 0; v < V; ++v) peak[v] = maximum(load(logits + k * ld + i + v * W), peak[v]);
        for (size_t k = 0; k < n_components; ++k) {
            T* at = logits + k * ld + i;
            Vec<T> e[V];
            GAUSSMIX_UNROLL
            for (int v = 0; v < V; ++v) e[v] = load(at + v * W) - peak[v];
            exp2_strip(e, lowest);
            GAUSSMIX_UNROLL
            for (int v = 0; v < V; ++v) {
                sum[v] += F == Form::root ? e[v] * e[v] : e[v];
                store(at + v * W, e[v]);
            }
        }
        GAUSSMIX_UNROLL
        for (int v = 0; v < V; ++v) {
            store(peaks + i + v * W, peak[v]);
            store(sums + i + v * W, sum[v]);
        }
    }
}

/// Responsibilities below this share of a row's weight are less than its rounding error.
template <class T> inline constexpr T kNegligible = sizeof(T) == 8 ? T(0x1p-52) : T(0x1p-25);
template <class T> inline constexpr T kNegligibleRoot = sizeof(T) == 8 ? T(0x1p-26) : T(0x1p-13);

/// Whether e or h of one component, as softmax leaves them, are that small for all rows of a micro-block.
template <class T, Form F>
bool is_negligible(const T* values, size_t rows) {
    Vec<T> most[kStripVectors] = {};
    for (size_t i = 0; i < rows; i += kStrip<T>)
        GAUSSMIX_UNROLL
        for (int v = 0; v < kStripVectors; ++v) most[v] = maximum(load(values + i + v * kLanes<T>), most[v]);
    const Vec<T> largest = maximum(maximum(most[0], most[1]), most[2]);
    constexpr T least = F == Form::root ? kNegligibleRoot<T> : kNegligible<T>;
    bool some = false;
    GAUSSMIX_UNROLL
    for (int lane = 0; lane < kLanes<T>; ++lane) some |= largest[lane] >= least;
    return !some;
}

/// Position of the first largest logit of each row; peak as in softmax. Far from all components the logits of the
/// live ones are equal, and those without weight are minus infinity: the first live one is taken.
template <class T>
void largest(const T* logits, size_t ld, size_t rows, size_t n_components, T* peaks, Bits<T>* labels) {
    for (size_t i = 0; i < rows; i += kLanes<T>) {
        Vec<T> peak = broadcast(T(-__builtin_inf()));
        BitVec<T> label = {};
        for (size_t k = 0; k < n_components; ++k) {
            const Vec<T> value = load(logits + k * ld + i);
            label = value > peak ? BitVec<T>{} + Bits<T>(k) : label;
            peak = maximum(value, peak);
        }
        store(peaks + i, maximum(peak, broadcast(-kFar<T>)));
        store(labels + i, label);
    }
}

/// Hard assignment: 1 for the first largest logit, 0 elsewhere; sum is 1.
template <class T>
void harden(T* logits, size_t ld, size_t rows, size_t n_components, RowState<T>& state) {
    Buffer<Bits<T>> labels(rows);
    largest<T>(logits, ld, rows, n_components, state.peak, labels);
    for (size_t k = 0; k < n_components; ++k)
        for (size_t i = 0; i < rows; ++i) logits[k * ld + i] = labels[i] == Bits<T>(k) ? T(1) : T(0);
    for (size_t i = 0; i < rows; ++i) state.sum[i] = 1;
}

/// Sum over rows of log2(sum), as the logarithm of products that are taken out before they overflow.
template <class T>
double sum_of_logs(const T* sum, size_t rows) {
    constexpr int before_overflow = 32;  // factors of at most 2^31 components
    Vec<double> product = broadcast(1.0), logs = {};
    int factors = 0;
    for (size_t i = 0; i < rows; i += kLanes<T>) {
        Vec<double> part[kDoubleVectors<T>];
        as_doubles(load(sum + i), part);
        GAUSSMIX_UNROLL
        for (int v = 0; v < kDoubleVectors<T>; ++v) product *= part[v];
        factors += kDoubleVectors<T>;
        if (factors < before_overflow) continue;
        logs += log2_of(product);
        product = broadcast(1.0);
        factors = 0;
    }
    return sum_of(logs + log2_of(product));
}

/// Returns sum over rows of weight * log2(sum_k joint), in log2 units.
template <class T, Form F>
double log_likelihood(const RowState<T>& state, const T* weight, size_t rows) {
    constexpr double unit = F == Form::root ? 2.0 : 1.0;
    Vec<double> total = {};
    for (size_t i = 0; i < rows; i += kLanes<T>) {
        Vec<double> peak[2], sum[2], w[2];
        as_doubles(load<T>(state.peak + i), peak);
        if (weight) as_doubles(load<T>(state.sum + i), sum), as_doubles(load(weight + i), w);
        for (int v = 0; v < kDoubleVectors<T>; ++v)
            total += weight ? w[v] * (unit * peak[v] + log2_of(sum[v])) : unit * peak[v];
    }
    return sum_of(total) + (weight ? 0.0 : sum_of_logs<T>(state.sum, rows));
}

GAUSSMIX_INLINE double root(double x) { return __builtin_sqrt(x); }
GAUSSMIX_INLINE float root(float x) { return __builtin_sqrtf(x); }

/// Sets scale, which holds the weights; a row of weight 0 has scale 0.
template <class T, Form F>
void set_scale(RowState<T>& state, const T* weight, size_t rows) {
    T* const scale = state.scale;
    const T* const sum = state.sum;
    if (weight) for (size_t i = 0; i < rows; ++i) scale[i] = weight[i] / sum[i];
    else for (size_t i = 0; i < rows; ++i) scale[i] = T(1) / sum[i];
    if (F == Form::root)
        for (size_t i = 0; i < rows; ++i) scale[i] = root(scale[i]);
}

/// Sets the scales once softmax or harden has run, and returns the log-likelihood in log2 units.
template <class T, Form F>
double finish(RowState<T>& state, const T* weight, size_t rows) {
    set_scale<T, F>(state, weight, rows);
    return log_likelihood<T, F>(state, weight, rows);
}

/// Responsibilities (up to scale) of a micro-block, strip by strip while its logits are in the first-level cache:
/// set_logits(first row) computes those of one strip. Returns the log-likelihood in log2 units.
template <class T, Form F, class SetLogits>
GAUSSMIX_INLINE double assign_strips(T* logits, size_t ld, size_t rows, size_t n_components, const T* weight,
                                     bool hard, RowState<T>& state, SetLogits&& set_logits) {
    for (size_t i = 0; i < rows; i += kStrip<T>) {
        set_logits(i);
        if (!hard) softmax<T, F>(logits + i, ld, kStrip<T>, n_components, state.peak + i, state.sum + i);
    }
    if (hard) harden<T>(logits, ld, rows, n_components, state);
    return finish<T, F>(state, weight, rows);
}

/// The same from logits that are all there.
template <class T, Form F>
double assign(T* logits, size_t ld, size_t rows, size_t n_components, const T* weight, bool hard, RowState<T>& state) {
    if (hard) harden<T>(logits, ld, rows, n_components, state);
    else softmax<T, F>(logits, ld, rows, n_components, state.peak, state.sum);
    return finish<T, F>(state, weight, rows);
}

}  // namespace gaussmix::GAUSSMIX_ISA
