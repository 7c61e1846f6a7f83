// From squared distances to the weights r u of a mixture of t distributions, for one micro-block.
//
// With t = 1 + delta / nu the logits are c - (nu + D) / 2 log2 t, and u = scale / t with scale = (nu + D) / nu. Strip
// by strip, while its numbers are in the first-level cache: the logits, the softmax, and r / t in the place of r;
// whoever reads the sums multiplies by the scale of the component. Three sums for each component, r, r log2 t and
// r / t^2, are for the degrees of freedom.
#pragma once

#include "logarithm.hpp"
#include "model.hpp"

namespace gaussmix::GAUSSMIX_ISA {

/// Numbers of one component: value * slope is delta / nu.
template <class T>
struct Tail {
    T constant, half, slope, scale;
};

/// The components' tails, where values are -delta / unit.
template <class T>
struct TailModel {
    TailModel(const Parameters& p, const double* degrees, size_t d, double unit)
        : K(p.n_components), shift(largest_constant(p)), tail(K), scale(K) {
        for (size_t k = 0; k < K; ++k) {
            scale[k] = (degrees[k] + double(d)) / degrees[k];
            tail[k] = {T(kLog2E * (p.log_constant[k] - shift)), T(0.5 * (degrees[k] + double(d))),
                       T(-unit / degrees[k]), T(scale[k])};
        }
    }

    /// Writes sum r, sum r log u and sum r u^2, each (K,), from [r, r log2 t, r / t^2] of each component.
    void read(const double* sums, size_t stride, double unscale, double* out) const {
        for (size_t k = 0; k < K; ++k, sums += stride) {
            out[k] = unscale * sums[0];
            out[K + k] = unscale * kLn2 * (log2_of(broadcast(scale[k]))[0] * sums[0] - sums[1]);
            out[2 * K + k] = unscale * scale[k] * scale[k] * sums[2];
        }
    }

    const size_t K;
    const double shift;
    Buffer<Tail<T>> tail;
    Buffer<double> scale;
};

/// Replaces values by their logits; and log2 t and 1 / t, three vectors of each.
template <class T>
GAUSSMIX_INLINE void tail_logits(const Tail<T>& tail, Vec<T>* values, Vec<T>* log, Vec<T>* inverse) {
    Vec<T> t[kStripVectors], lost[kStripVectors];
    GAUSSMIX_UNROLL
    for (int v = 0; v < kStripVectors; ++v) {
        const Vec<T> x = values[v] * tail.slope;
        t[v] = x + T(1);
        lost[v] = x - (t[v] - T(1));
    }
    log2_and_inverse<T>(t, sizeof(T) == 4 ? lost : nullptr, log, inverse);
    GAUSSMIX_UNROLL
    for (int v = 0; v < kStripVectors; ++v) values[v] = tail.constant - tail.half * log[v];
}

/// The pass over the distances.
template <class T>
class Tails {
public:
    Tails(const TailModel<T>& model, size_t distance)
        : model_(model), K(model.K), ld(distance), logs_(K * kStrip<T>), inverses_(K * kStrip<T>),
          partial_(3 * K * kLanes<T>), sums_(K * kSlots), state_(ld) {
        sums_.fill(K * kSlots, 0);
    }

    /// Replaces values by r / t, or by its root; set_values(first row) computes those of one strip before. For the
    /// linear form of shared covariances `row`, which is null elsewhere, holds a number that the values lack, and
    /// then gets the sum of r u over the components. Returns the log-likelihood of the micro-block in log2 units.
    template <Form F, class SetValues>
    double assign(T* values, T* row, size_t rows, const T* weight, bool hard, SetValues&& set_values) {
        partial_.fill(3 * K * kLanes<T>, 0);
        for (size_t i = 0; i < rows; i += kStrip<T>) {
            set_values(i);
            set_logits(values + i, row ? row + i : nullptr);
            if (hard) harden_strip(values + i, i);
            else softmax<T, Form::plain>(values + i, ld, kStrip<T>, K, state_.peak + i, state_.sum + i);
            T *scale = state_.scale + i, *sum = state_.sum + i;
            if (weight) for (int j = 0; j < kStrip<T>; ++j) scale[j] = weight[i + j] / sum[j];
            else for (int j = 0; j < kStrip<T>; ++j) scale[j] = T(1) / sum[j];
            weigh<F>(values + i, scale, row ? row + i : nullptr);
        }
        for (size_t k = 0; k < K; ++k) {
            Vec<T> part[3];
            for (int n = 0; n < 3; ++n) part[n] = load(partial_ + (3 * k + n) * kLanes<T>);
            add_lane_sums<T, 3>(part, sums_ + k * kSlots);
        }
        return log_likelihood<T, Form::plain>(state_, weight, rows);
    }

    /// As TailModel's.
    void read(double unscale, double* out) const { model_.read(sums_, kSlots, unscale, out); }

private:
    void set_logits(T* values, const T* row) {
        constexpr int V = kStripVectors, W = kLanes<T>;
        const Tail<T>* const tails = model_.tail;
        T *logs = logs_, *inverses = inverses_;
        Vec<T> less[V] = {};
        if (row)
            GAUSSMIX_UNROLL
            for (int v = 0; v < V; ++v) less[v] = load(row + v * W);
        for (size_t k = 0; k < K; ++k, values += ld, logs += kStrip<T>, inverses += kStrip<T>) {
            Vec<T> value[V], log[V], inverse[V];
            GAUSSMIX_UNROLL
            for (int v = 0; v < V; ++v) value[v] = load(values + v * W) - less[v];
            tail_logits<T>(tails[k], value, log, inverse);
            GAUSSMIX_UNROLL
            for (int v = 0; v < V; ++v) {
                store(logs + v * W, log[v]);
                store(inverses + v * W, inverse[v]);
                store(values + v * W, value[v]);
            }
        }
    }

    void harden_strip(T* values, size_t first) {
        Bits<T> labels[kStrip<T>];
        largest<T>(values, ld, kStrip<T>, K, state_.peak + first, labels);
        for (size_t k = 0; k < K; ++k)
            for (int j = 0; j < kStrip<T>; ++j) values[k * ld + j] = labels[j] == Bits<T>(k) ? T(1) : T(0);
        for (int j = 0; j < kStrip<T>; ++j) state_.sum[first + j] = 1;
    }

    template <Form F>
    void weigh(T* values, const T* row_scale, T* pooled) {
        constexpr int V = kStripVectors, W = kLanes<T>;
        const Tail<T>* const tails = model_.tail;
        const T *logs = logs_, *inverses = inverses_;
        T* partial = partial_;
        Vec<T> scale[V], total[V] = {};
        GAUSSMIX_UNROLL
        for (int v = 0; v < V; ++v) scale[v] = load(row_scale + v * W);
        for (size_t k = 0; k < K; ++k, values += ld, logs += kStrip<T>, inverses += kStrip<T>, partial += 3 * W) {
            const T own = tails[k].scale;
            Vec<T> sum[3] = {load(partial), load(partial + W), load(partial + 2 * W)};
            GAUSSMIX_UNROLL
            for (int v = 0; v < V; ++v) {
                const Vec<T> r = load(values + v * W) * scale[v], inverse = load(inverses + v * W);
                const Vec<T> counted = r * inverse;
                sum[0] += r;
                sum[1] += r * load(logs + v * W);
                sum[2] += counted * inverse;
                total[v] += counted * own;
                store(values + v * W, counted);
            }
            GAUSSMIX_UNROLL
            for (int n = 0; n < 3; ++n) store(partial + n * W, sum[n]);
            if (F == Form::root)
                for (int j = 0; j < kStrip<T>; ++j) values[j] = root(values[j]);
        }
        if (pooled)
            GAUSSMIX_UNROLL
            for (int v = 0; v < V; ++v) store(pooled + v * W, total[v]);
    }

    const TailModel<T>& model_;
    const size_t K, ld;
    static constexpr size_t kSlots = padded(3);
    Buffer<T> logs_, inverses_, partial_;
    Buffer<double> sums_;
    RowState<T> state_;
};

}  // namespace gaussmix::GAUSSMIX_ISA
