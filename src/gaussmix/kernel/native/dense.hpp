// Full covariances: the log-joint of all components, and the fused pass of E-step and moments for D >= 5.
//
// Per micro-block: x is transposed once. E-step, for each component and strip: x - reference is copied to a
// buffer in the first-level cache (D x strip), then |L (x - mean)|^2 by panels (triangle.hpp). The reference
// is the mean rounded to T; the accumulators start at L (reference - mean), computed in double, so that no
// digit of the mean is lost. Softmax in the root form. M-step, for each component: w holds sqrt(r) and
// sqrt(r) (x - reference), D + 1 arrays, whose symmetric product (outer.hpp) is count, first and second moment.
#pragma once

#include "model.hpp"
#include "outer.hpp"
#include "triangle.hpp"

namespace gaussmix::GAUSSMIX_ISA {

/// Prepared parameters: logit_k(x) = constant_k - |packed_k (x - reference_k) + start_k|^2, in units of `unit`.
template <class T>
struct DenseModel {
    DenseModel(const Parameters& p, size_t n_features, const double* references, double unit, bool is_shared)
        : K(p.n_components), d(n_features), stride(is_shared ? 0 : packed_size(d)), shift(largest_constant(p)),
          packed(packed_size(d) * (is_shared ? 1 : K)), reference(K * d), start(K * d), constant(K) {
        if (shift == -__builtin_inf()) shift = 0;
        const double scale = root(0.5 * unit);
        for (size_t k = 0; k < K; ++k) {
            const double* factor = p.precision + (is_shared ? 0 : k * d * d);
            if (k == 0 || !is_shared) pack_triangle<T>(factor, d, scale, packed + k * stride);
            constant[k] = T(unit * (p.log_constant[k] - shift));
            for (size_t a = 0; a < d; ++a) reference[k * d + a] = T(references[k * d + a]);
            set_start(factor, p.means + k * d, references + k * d, scale, start + k * d);
        }
    }
    void set_start(const double* factor, const double* mean, const double* rounded, double scale, T* to) {
        for (size_t j = 0; j < d; ++j) {
            double sum = 0;
            for (size_t a = 0; a <= j; ++a)
                if (rounded[a] != mean[a]) sum += factor[j * d + a] * (rounded[a] - mean[a]);
            to[j] = T(scale * sum);
        }
    }

    size_t K, d, stride;
    double shift;
    Buffer<T> packed, reference, start, constant;
};

/// constant - |L t + start|^2 for three vectors t of D <= 4 features that stay in registers.
template <class T, int D>
GAUSSMIX_INLINE void narrow_logits(const DenseModel<T>& model, size_t k, const T* x, size_t ld, size_t rows, T* logits) {
    Vec<T> reference[D], start[D], factor[D * (D + 1) / 2];
    GAUSSMIX_UNROLL
    for (int a = 0; a < D; ++a) {
        reference[a] = broadcast(model.reference[k * D + a]);
        start[a] = broadcast(model.start[k * D + a]);
    }
    GAUSSMIX_UNROLL
    for (int a = 0; a < D * (D + 1) / 2; ++a) factor[a] = broadcast(model.packed[k * model.stride + a]);
    const Vec<T> constant = broadcast(model.constant[k]), far = broadcast(kFar<T>);
    for (size_t i = 0; i < rows; i += kLanes<T>) {
        Vec<T> y[D], q = {};
        const T* next = x + i;
        int at = 0;
        GAUSSMIX_UNROLL
        for (int a = 0; a < D; ++a, next += ld) {  // the triangle is packed column by column
            const Vec<T> t = load(next) - reference[a];
            GAUSSMIX_UNROLL
            for (int j = a; j < D; ++j) y[j] = factor[at++] * t + (a == 0 ? start[j] : y[j]);
        }
        GAUSSMIX_UNROLL
        for (int j = 0; j < D; ++j) q += y[j] * y[j];
        store(logits + i, constant - minimum(q, far));
    }
}

/// logits[k * ld + i] for one component and all strips; centred holds D x strip numbers.
template <class T>
void wide_logits(const DenseModel<T>& model, size_t k, const T* x, size_t ld, size_t rows, T* centred, T* logits) {
    const T* reference = model.reference + k * model.d;
    const Vec<T> constant = broadcast(model.constant[k]), far = broadcast(kFar<T>);
    for (size_t i = 0; i < rows; i += kStrip<T>) {
        for (size_t a = 0; a < model.d; ++a) {
            const Vec<T> mean = broadcast(reference[a]);
            GAUSSMIX_UNROLL
            for (int v = 0; v < kStripVectors; ++v)
                store(centred + a * kStrip<T> + v * kLanes<T>, load(x + a * ld + i + v * kLanes<T>) - mean);
        }
        Vec<T> q[kStripVectors];
        squared_norm<T>(model.d, model.packed + k * model.stride, model.start + k * model.d, centred, kStrip<T>, q);
        GAUSSMIX_UNROLL
        for (int v = 0; v < kStripVectors; ++v) store(logits + i + v * kLanes<T>, constant - minimum(q[v], far));
    }
}

template <class T>
void component_logits(const DenseModel<T>& model, size_t k, const T* x, size_t ld, size_t rows, T* centred, T* to) {
    if (model.d == 1) narrow_logits<T, 1>(model, k, x, ld, rows, to);
    else if (model.d == 2) narrow_logits<T, 2>(model, k, x, ld, rows, to);
    else if (model.d == 3) narrow_logits<T, 3>(model, k, x, ld, rows, to);
    else if (model.d == 4) narrow_logits<T, 4>(model, k, x, ld, rows, to);
    else wide_logits<T>(model, k, x, ld, rows, centred, to);
}

template <class T>
void dense_logits(const DenseModel<T>& model, const T* x, size_t ld, size_t rows, T* centred, T* logits) {
    for (size_t k = 0; k < model.K; ++k) component_logits<T>(model, k, x, ld, rows, centred, logits + k * ld);
}

/// Sums of one component: the symmetric product of w = [h scale, h scale (x - reference)].
template <class T>
void add_component(const T* h, const T* scale, const T* reference, const T* x, size_t ld, size_t rows, size_t d, T* w,
                   double* sums) {
    constexpr size_t W = kLanes<T>;
    for (size_t i = 0; i < rows; i += W) store(w + i, load(h + i) * load(scale + i));
    for (size_t a = 0; a < d; ++a) {
        const Vec<T> mean = broadcast(reference[a]);
        const T* from = x + a * ld;
        T* to = w + (a + 1) * ld;
        for (size_t i = 0; i < rows; i += W) store(to + i, (load(from + i) - mean) * load(w + i));
    }
    add_symmetric<T>(w, ld, d + 1, rows, sums);
}

/// Adds the sums of component k to the moments; the scatter is symmetric, or pooled over k.
inline void read_component(const double* sums, size_t d, size_t k, double unscale, bool is_shared,
                           const Moments& moments) {
    double* second = moments.second + (is_shared ? 0 : k * d * d);
    read_symmetric(sums, d + 1, [&](size_t row, size_t column, double value) {
        value *= unscale;
        if (row == 0) moments.count[k] += value;
        else if (column == 0) moments.first[k * d + row - 1] += value;
        else {
            second[(row - 1) * d + column - 1] += value;
            if (row != column) second[(column - 1) * d + row - 1] += value;
        }
    });
}

/// The pass for D >= 5.
template <class T>
void wide_moments(const Rows<T>& data, const Parameters& p, const double* reference, bool is_shared, bool hard,
                  const Moments& moments) {
    const size_t d = data.n_features, K = p.n_components, slots = symmetric_slots(d + 1);
    const DenseModel<T> model(p, d, reference, kUnit<Form::root>, is_shared);
    MicroBlocks<T> blocks(data, micro_block_rows<T>(data.n_rows, 2 * d + K + 4, 2 * d + 1), nullptr);
    const size_t ld = blocks.ld;
    Buffer<T> logits(K * ld), w((d + 1) * ld), centred(d * kStrip<T>);
    Buffer<double> sums(K * slots);
    sums.fill(K * slots, 0);
    RowState<T> state(ld);
    double total = 0;
    while (blocks.next()) {
        const size_t rows = blocks.padded_rows;
        dense_logits<T>(model, blocks.x(), ld, rows, centred, logits);
        total += assign<T, Form::root>(logits, ld, rows, K, blocks.weight(), hard, state);
        for (size_t k = 0; k < K; ++k) {
            blocks.fetch_ahead(k, K);
            if (is_negligible<T, Form::root>(logits + k * ld, rows)) continue;
            add_component<T>(logits + k * ld, state.scale, model.reference + k * d, blocks.x(), ld, rows, d, w,
                             sums + k * slots);
        }
    }
    for (size_t k = 0; k < K; ++k) read_component(sums + k * slots, d, k, blocks.unscale(), is_shared, moments);
    *moments.weight = total_weight(data);
    *moments.log_likelihood = total * blocks.unscale() * kLn2 + model.shift * *moments.weight;
}

}  // namespace gaussmix::GAUSSMIX_ISA
