// From squared distances to the weights r u of a mixture of t distributions, for one micro-block.
//
// Strip by strip, while its numbers are in the first-level cache: t = 1 + delta / nu, its logarithm, the logits
// c - (nu + D) / 2 log2 t, and the softmax; then r u takes the place of r, u = (nu + D) / nu / t. Three sums for each
// component, r, r log u and r u^2, are for the degrees of freedom.
#pragma once

#include "model.hpp"

namespace gaussmix::GAUSSMIX_ISA {

/// log2(m) = s P(s^2) with s = (m - 1) / (m + 1): P by interpolation at Chebyshev's points, for m in [sqrt(1/2),
/// sqrt(2)), highest power first; relative error 1.2e-18 and 7e-10 before rounding.
template <class T> struct Log2;
template <>
struct Log2<double> {
    static constexpr int degree = 7;
    static constexpr Bits<double> root_half = 0x3fe6a09e667f3bcdLL;
    static constexpr double coefficient[8] = {0.21365895694319269427, 0.22091308423117679618, 0.26233435250418301904,
                                              0.32059853491395986095, 0.41219858584090053448, 0.5770780163455202295,
                                              0.96179669392598972877, 2.8853900817779268115};
};
template <>
struct Log2<float> {
    static constexpr int degree = 3;
    static constexpr Bits<float> root_half = 0x3f3504f3;
    static constexpr float coefficient[4] = {0.43171769745887384008f, 0.5767151860190234273f, 0.96179883880211000367f,
                                             2.8853900798033363296f};
};

/// log2(1 + x) and 1 / (1 + x) of x[0..2] >= 0: three chains interleaved, as in exp2_strip, and one division for both.
template <class T>
GAUSSMIX_INLINE void log2_and_inverse(const Vec<T>* x, Vec<T>* log, Vec<T>* inverse) {
    using Integers = BitVec<T>;
    constexpr int bits = Exp2<T>::mantissa_bits;
    constexpr T magic = Exp2<T>::round;
    Vec<T> whole[kStripVectors], s[kStripVectors], z[kStripVectors], series[kStripVectors];
    GAUSSMIX_UNROLL
    for (int v = 0; v < kStripVectors; ++v) {
        const Vec<T> t = x[v] + T(1);
        const Integers image = (Integers)t, exponent = (image - Log2<T>::root_half) >> bits;
        const Vec<T> mantissa = (Vec<T>)(image - (exponent << bits));
        const Vec<T> both = T(1) / (t * (mantissa + T(1)));
        inverse[v] = both * (mantissa + T(1));
        s[v] = (mantissa - T(1)) * (both * t);
        z[v] = s[v] * s[v];
        whole[v] = (Vec<T>)(exponent + (Integers)broadcast(magic)) - magic;
        if (sizeof(T) == 4) whole[v] += (x[v] - (t - T(1))) * inverse[v] * T(kLog2E);  // what rounding 1 + x has lost
        series[v] = broadcast(Log2<T>::coefficient[0]);
    }
    GAUSSMIX_UNROLL
    for (int power = 1; power <= Log2<T>::degree; ++power)
        GAUSSMIX_UNROLL
        for (int v = 0; v < kStripVectors; ++v) series[v] = series[v] * z[v] + Log2<T>::coefficient[power];
    GAUSSMIX_UNROLL
    for (int v = 0; v < kStripVectors; ++v) log[v] = whole[v] + s[v] * series[v];
}

/// Numbers of one component: value * slope is delta / nu.
template <class T>
struct Tail {
    T constant, half, slope, scale;
};

/// The pass over the distances, with the sums [r, r log2 t, r u^2] of each component. Distances come as values
/// -delta / unit; for the linear form of shared covariances less a number of each row, `row`, which is null elsewhere.
template <class T>
class Tails {
public:
    Tails(const Parameters& p, const double* degrees, size_t d, double unit, size_t distance)
        : K(p.n_components), ld(distance), shift(largest_constant(p)), ones(ld), of_(K), logs_(K * kStrip<T>),
          scales_(K * kStrip<T>), partial_(3 * K * kLanes<T>), sums_(K * kSlots), state_(ld) {
        for (size_t k = 0; k < K; ++k)
            of_[k] = {T(kLog2E * (p.log_constant[k] - shift)), T(0.5 * (degrees[k] + double(d))),
                      T(-unit / degrees[k]), T((degrees[k] + double(d)) / degrees[k])};
        ones.fill(ld, 1);
        sums_.fill(K * kSlots, 0);
    }

    /// Replaces values by r u, or by its root; set_values(first row) computes those of one strip before. Returns the
    /// log-likelihood of the micro-block in log2 units.
    template <Form F, class SetValues>
    double assign(T* values, const T* row, size_t rows, const T* weight, bool hard, SetValues&& set_values) {
        partial_.fill(3 * K * kLanes<T>, 0);
        for (size_t i = 0; i < rows; i += kStrip<T>) {
            set_values(i);
            set_logits(values + i, row ? row + i : nullptr);
            if (hard) harden_strip(values + i, i);
            else softmax<T, Form::plain>(values + i, ld, kStrip<T>, K, state_.peak + i, state_.sum + i);
            T *scale = state_.scale + i, *sum = state_.sum + i;
            if (weight) for (int j = 0; j < kStrip<T>; ++j) scale[j] = weight[i + j] / sum[j];
            else for (int j = 0; j < kStrip<T>; ++j) scale[j] = T(1) / sum[j];
            weigh<F>(values + i, scale);
        }
        for (size_t k = 0; k < K; ++k) {
            Vec<T> part[3];
            for (int n = 0; n < 3; ++n) part[n] = load(partial_ + (3 * k + n) * kLanes<T>);
            add_lane_sums<T, 3>(part, sums_ + k * kSlots);
        }
        return log_likelihood<T, Form::plain>(state_, weight, rows);
    }

    /// Writes sum r, sum r log u and sum r u^2, each (K,).
    void read(double unscale, double* out) const {
        for (size_t k = 0; k < K; ++k) {
            const double* sum = static_cast<const double*>(sums_) + k * kSlots;
            const double most = kLn2 * log2_of(broadcast(double(of_[k].scale)))[0];  // log u where delta = 0
            out[k] = unscale * sum[0];
            out[K + k] = unscale * (most * sum[0] - kLn2 * sum[1]);
            out[2 * K + k] = unscale * sum[2];
        }
    }

    const size_t K, ld;
    const double shift;
    Buffer<T> ones;

private:
    void set_logits(T* values, const T* row) {
        constexpr int V = kStripVectors, W = kLanes<T>;
        for (size_t k = 0; k < K; ++k, values += ld) {
            const Tail<T> tail = of_[k];
            Vec<T> x[V], log[V], inverse[V];
            GAUSSMIX_UNROLL
            for (int v = 0; v < V; ++v) {
                x[v] = load(values + v * W);
                if (row) x[v] -= load(row + v * W);
                x[v] = maximum(x[v] * tail.slope, Vec<T>{});
            }
            log2_and_inverse<T>(x, log, inverse);
            GAUSSMIX_UNROLL
            for (int v = 0; v < V; ++v) {
                store(logs_ + k * kStrip<T> + v * W, log[v]);
                store(scales_ + k * kStrip<T> + v * W, inverse[v] * tail.scale);
                store(values + v * W, tail.constant - tail.half * log[v]);
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
    void weigh(T* values, const T* row_scale) {
        constexpr int V = kStripVectors, W = kLanes<T>;
        Vec<T> scale[V];
        GAUSSMIX_UNROLL
        for (int v = 0; v < V; ++v) scale[v] = load(row_scale + v * W);
        for (size_t k = 0; k < K; ++k, values += ld) {
            T* partial = partial_ + 3 * k * W;
            Vec<T> sum[3] = {load(partial), load(partial + W), load(partial + 2 * W)};
            GAUSSMIX_UNROLL
            for (int v = 0; v < V; ++v) {
                const Vec<T> r = load(values + v * W) * scale[v], u = load(scales_ + k * kStrip<T> + v * W);
                const Vec<T> counted = r * u;
                sum[0] += r;
                sum[1] += r * load(logs_ + k * kStrip<T> + v * W);
                sum[2] += counted * u;
                store(values + v * W, counted);
            }
            GAUSSMIX_UNROLL
            for (int n = 0; n < 3; ++n) store(partial + n * W, sum[n]);
            if (F == Form::root)
                for (int j = 0; j < kStrip<T>; ++j) values[j] = root(values[j]);
        }
    }

    static constexpr size_t kSlots = padded(3);
    Buffer<Tail<T>> of_;
    Buffer<T> logs_, scales_, partial_;
    Buffer<double> sums_;
    RowState<T> state_;
};

}  // namespace gaussmix::GAUSSMIX_ISA
