// Mixtures of t distributions: the fused pass of E-step and moments in which row i counts with r u.
//
// Per micro-block: the squared distances, by the pass of the representation, and what tails.hpp makes of them, r u in
// the place of r (its root where the symmetric product needs that); then the moments as in the Gaussian passes.
//
// out = [log-likelihood, weight, sum r u, first, second, sum r (K), sum r log u (K), sum r u^2 (K)]. Rows or parameters
// that the precision or the linear form does not suit are declined, and nothing is promised of out then.
#pragma once

#include "linear_moments.hpp"
#include "small.hpp"
#include "tails.hpp"

namespace gaussmix::GAUSSMIX_ISA {

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
    const size_t d = data.n_features, K = p.n_components;
    const size_t n_second = kind == shared ? d * d : kind == diagonal ? K * d : K;
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
