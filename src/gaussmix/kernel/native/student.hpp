// Mixtures of t distributions: the fused pass of E-step and moments in which row i counts with r u.
//
// Per micro-block: the squared distances delta, by the pass of the representation; then, strip by strip, t = 1 + delta / nu,
// its logarithm, u = (nu + D) / nu / t, the logits c - (nu + D) / 2 log2 t, and the softmax. r u takes the place of r (its
// root where the symmetric product needs that), and the moments are those of the Gaussian passes. Three more sums for
// each component, r, r log u and r u^2, are for the degrees of freedom.
//
// out = [log-likelihood, weight, sum r u, first, second, sum r (K), sum r log u (K), sum r u^2 (K)]. Rows or parameters
// that the precision or the linear form does not suit are declined, and nothing is promised of out then.
#pragma once

#include "linear_moments.hpp"
#include "small.hpp"

namespace gaussmix::GAUSSMIX_ISA {

/// log2(m) = s P(s^2) with s = (m - 1) / (m + 1): P by interpolation at Chebyshev's points for m in [sqrt(1/2), sqrt(2)),
/// highest power first; relative error 1.2e-18 and 7e-10 before rounding.
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

/// From distances to r u, strip by strip while its numbers are in the first-level cache, with the three sums of each
/// component, [r, r log2 t, r u^2]. Distances come as values -delta / unit; for the linear form of shared covariances
/// less a number of each row, `row`, which is null elsewhere.
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

/// Parameters of which the log-joint is -delta / 2.
struct Distances {
    explicit Distances(const Parameters& p) : zero(p.n_components), parameters(p) {
        zero.fill(p.n_components, 0);
        parameters.log_constant = zero;
    }
    Buffer<double> zero;
    Parameters parameters;
};

/// Log-likelihood and weight, once all micro-blocks are done.
template <class T>
void finish_student(const Rows<T>& data, const Tails<T>& tails, double total, double unscale, const Moments& moments) {
    *moments.weight = total_weight(data);
    *moments.log_likelihood = total * unscale * kLn2 + tails.shift * *moments.weight;
    tails.read(unscale, moments.log_likelihood + moments.size);
}

template <class T>
void add_narrow_of(size_t d, const T* r, const T* ones, const T* reference, const T* x, size_t ld, size_t rows,
                   double* sums) {
    if (d == 1) add_narrow<T, 1>(r, ones, reference, x, ld, rows, sums);
    else if (d == 2) add_narrow<T, 2>(r, ones, reference, x, ld, rows, sums);
    else if (d == 3) add_narrow<T, 3>(r, ones, reference, x, ld, rows, sums);
    else add_narrow<T, 4>(r, ones, reference, x, ld, rows, sums);
}

/// Full scatter matrices.
template <class T>
void dense_student_pass(const Rows<T>& data, const Parameters& p, const double* degrees, bool hard, double* out) {
    const size_t d = data.n_features, K = p.n_components, slots = d <= 4 ? padded(15) : symmetric_slots(d + 1);
    const bool narrow = d <= 4;
    const Moments moments(out, K, d, K * d * d);
    Buffer<double> reference(K * d), sums(K * slots);
    round_to<T>(p.means, K * d, reference);
    Distances distances(p);
    const DenseModel<T> model(distances.parameters, d, reference, 2.0, false);
    MicroBlocks<T> blocks(data, micro_block_rows<T>(data.n_rows, 2 * d + K + 5, narrow ? d + 2 : 2 * d + 1), nullptr);
    const size_t ld = blocks.ld;
    Tails<T> tails(p, degrees, d, 1.0, ld);
    Buffer<T> logits(K * ld), w((d + 1) * ld), centred(d * kStrip<T>);
    sums.fill(K * slots, 0);
    double total = 0;
    const auto ready = [](size_t) {};
    while (blocks.next()) {
        const size_t rows = blocks.padded_rows;
        dense_logits<T>(model, blocks.x(), ld, rows, centred, logits);
        if (narrow) total += tails.template assign<Form::plain>(logits, nullptr, rows, blocks.weight(), hard, ready);
        else total += tails.template assign<Form::root>(logits, nullptr, rows, blocks.weight(), hard, ready);
        for (size_t k = 0; k < K; ++k) {
            blocks.fetch_ahead(k, K);
            const T *r = logits + k * ld, *center = model.reference + k * d;
            if (narrow) add_narrow_of<T>(d, r, tails.ones, center, blocks.x(), ld, rows, sums + k * slots);
            else add_component<T>(r, tails.ones, center, blocks.x(), ld, rows, d, w, sums + k * slots);
        }
    }
    for (size_t k = 0; k < K; ++k)
        if (narrow) read_narrow(sums + k * slots, d, k, blocks.unscale(), false, moments);
        else read_component(sums + k * slots, d, k, blocks.unscale(), false, moments);
    finish_student(data, tails, total, blocks.unscale(), moments);
}

/// The number of each row that the linear logits of shared covariances leave out.
template <class T>
void set_row_constants(const LinearModel<T>& model, const T* x, size_t ld, size_t rows, T* constants) {
    for (size_t i = 0; i < rows; i += kStrip<T>) {
        Vec<T> q[kStripVectors];
        squared_norm<T>(model.d, model.factor, model.zero, x + i, ld, q);
        GAUSSMIX_UNROLL
        for (int v = 0; v < kStripVectors; ++v) store(constants + i + v * kLanes<T>, q[v]);
    }
}

/// Weights of the rows in the pooled scatter: the sum of r u over components.
template <class T>
void sum_components(const T* values, size_t K, size_t ld, size_t rows, T* sums) {
    for (size_t i = 0; i < rows; i += kLanes<T>) {
        Vec<T> sum = {};
        for (size_t k = 0; k < K; ++k) sum += load(values + k * ld + i);
        store(sums + i, sum);
    }
}

/// Shared, diagonal and spherical scatter matrices in the linear form.
template <class T>
void linear_student_pass(const Rows<T>& data, const Parameters& p, Representation kind, const T* anchor,
                         const double* degrees, bool hard, double* out) {
    const size_t d = data.n_features, K = p.n_components, n_second = kind == shared ? d * d : kind == diagonal ? K * d : K;
    const bool is_shared = kind == shared;
    Distances distances(p);
    const LinearModel<T> model(distances.parameters, kind, d, anchor);
    const size_t F = model.F, slots = rectangle_slots(K, F + 1), scatter_slots = is_shared ? symmetric_slots(d) : 0;
    MicroBlocks<T> blocks(data, micro_block_rows<T>(data.n_rows, 2 * F + K + 6, F + K), anchor, F - d);
    const size_t ld = blocks.ld;
    Tails<T> tails(p, degrees, d, 2 * kLn2, ld);
    Buffer<T> logits(K * ld), g((F + 1) * ld), row(ld);
    Buffer<double> sums(slots + scatter_slots), raw(K * (F + 1));
    sums.fill(slots + scatter_slots, 0);
    double total = 0;
    while (blocks.next()) {
        const size_t rows = blocks.padded_rows;
        T* x = blocks.x();
        set_features(model, x, ld, rows);
        if (is_shared) set_row_constants(model, x, ld, rows, static_cast<T*>(row));
        const T* const less = is_shared ? static_cast<const T*>(row) : nullptr;
        total += tails.template assign<Form::plain>(logits, less, rows, blocks.weight(), hard, [&](size_t i) {
            blocks.fetch_ahead(i / kStrip<T>, rows / kStrip<T>);
            linear_logits<T>(model, x + i, ld, logits + i);
        });
        scale_features<T>(tails.ones, x, F, ld, rows, g);
        add_rectangle<T>(logits, K, g, F + 1, ld, rows, sums);
        if (!is_shared) continue;
        sum_components<T>(logits, K, ld, rows, row);
        add_total_scatter<T>(x, ld, rows, d, row, g, sums + slots);
    }
    const Moments moments(out, K, d, n_second);
    const double unscale = blocks.unscale();
    read_rectangle(sums, K, F + 1, [&](size_t k, size_t f, double value) { raw[k * (F + 1) + f] = unscale * value; });
    if (is_shared)
        read_symmetric(sums + slots, d, [&](size_t a, size_t b, double value) {
            moments.second[a * d + b] = unscale * value;
        });
    move_to_references<T>(model, raw, p.means, anchor, moments);
    finish_second(model, moments);
    finish_student(data, tails, total, unscale, moments);
}

/// Returns whether it was done.
template <class T>
bool student_moments(Representation kind, const Rows<T>& data, const Parameters& p, const double* degrees, bool hard,
                     double* out) {
    const size_t d = data.n_features, K = p.n_components;
    if (largest_constant(p) == -__builtin_inf()) return false;
    const size_t n_second = kind == dense ? K * d * d : kind == shared ? d * d : kind == diagonal ? K * d : K;
    if (kind == dense) {
        if (sizeof(T) == 4 && !factors_in_range<T>(p, K, d)) return false;
        dense_student_pass<T>(data, p, degrees, hard, out);
    } else {
        Buffer<T> anchor(d);
        set_anchor(p, d, static_cast<T*>(anchor));
        if (!serves<T>(p, kind, d, anchor)) return false;
        linear_student_pass<T>(data, p, kind, anchor, degrees, hard, out);
    }
    return all_finite(out, 2 + K * (1 + d) + n_second + 3 * K);
}

}  // namespace gaussmix::GAUSSMIX_ISA
