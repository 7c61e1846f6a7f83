// Mixtures of t distributions: the fused pass of E-step and moments in which row i counts with r u.
//
// Per micro-block: the squared distances, by the pass of the representation, and what tails.hpp makes of them, r / t in
// the place of r (its root where the symmetric product needs that); then the moments as in the Gaussian passes.
//
// out = [log-likelihood, weight, sum r u, first, second, sum r (K), sum r log u (K), sum r u^2 (K)]. Rows or parameters
// that the precision or the linear form does not suit are declined, and nothing is promised of out then.
#pragma once

#include "linear_moments.hpp"
#include "narrow_student.hpp"

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

/// Full scatter matrices of D >= 5.
template <class T>
void wide_student_pass(const Rows<T>& data, const DenseModel<T>& model, const TailModel<T>& tail_model, bool hard,
                       double* out) {
    const size_t d = data.n_features, K = model.K, slots = symmetric_slots(d + 1);
    const Moments moments(out, K, d, K * d * d);
    MicroBlocks<T> blocks(data, micro_block_rows<T>(data.n_rows, 2 * d + K + 5, 2 * d + 1), nullptr);
    const size_t ld = blocks.ld;
    Tails<T> tails(tail_model, ld);
    Buffer<T> logits(K * ld), w((d + 1) * ld), centred(d * kStrip<T>), ones(ld);
    Buffer<double> sums(K * slots);
    ones.fill(ld, 1);
    sums.fill(K * slots, 0);
    double total = 0;
    while (blocks.next()) {
        const size_t rows = blocks.padded_rows;
        dense_logits<T>(model, blocks.x(), ld, rows, centred, logits);
        total += tails.template assign<Form::root>(logits, nullptr, rows, blocks.weight(), hard, [](size_t) {});
        for (size_t k = 0; k < K; ++k) {
            blocks.fetch_ahead(k, K);
            add_component<T>(logits + k * ld, ones, model.reference + k * d, blocks.x(), ld, rows, d, w,
                             sums + k * slots);
        }
    }
    const double unscale = blocks.unscale();
    for (size_t k = 0; k < K; ++k)
        read_component(sums + k * slots, d, k, unscale * tail_model.scale[k], false, moments);
    *moments.weight = total_weight(data);
    *moments.log_likelihood = total * unscale * kLn2 + tail_model.shift * *moments.weight;
    tails.read(unscale, out + moments.size);
}

/// Full scatter matrices.
template <class T>
void dense_student_pass(const Rows<T>& data, const Parameters& p, const double* degrees, bool hard, double* out) {
    const size_t d = data.n_features;
    Buffer<double> reference(p.n_components * d);
    round_to<T>(p.means, p.n_components * d, reference);
    Distances distances(p);
    const bool narrow = d <= 4;
    // values are minus squared distances, or the squared distances themselves
    const DenseModel<T> model(distances.parameters, d, reference, 2.0, false);
    const TailModel<T> tails(p, degrees, d, narrow ? -1.0 : 1.0);
    if (d == 1) narrow_student_pass<T, 1>(data, model, tails, hard, out);
    else if (d == 2) narrow_student_pass<T, 2>(data, model, tails, hard, out);
    else if (d == 3) narrow_student_pass<T, 3>(data, model, tails, hard, out);
    else if (d == 4) narrow_student_pass<T, 4>(data, model, tails, hard, out);
    else wide_student_pass<T>(data, model, tails, hard, out);
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

/// Shared, diagonal and spherical scatter matrices in the linear form. The features are followed by an array of ones.
template <class T>
void linear_student_pass(const Rows<T>& data, const Parameters& p, Representation kind, const T* anchor,
                         const double* degrees, bool hard, double* out) {
    const size_t d = data.n_features, K = p.n_components;
    const bool is_shared = kind == shared;
    Distances distances(p);
    const LinearModel<T> model(distances.parameters, kind, d, anchor);
    const TailModel<T> tail_model(p, degrees, d, 2 * kLn2);
    const size_t F = model.F, slots = rectangle_slots(K, F + 1), scatter_slots = is_shared ? symmetric_slots(d) : 0;
    MicroBlocks<T> blocks(data, micro_block_rows<T>(data.n_rows, F + K + 6, F + K), anchor, F - d + 1);
    const size_t ld = blocks.ld;
    Tails<T> tails(tail_model, ld);
    Buffer<T> logits(K * ld), g(is_shared ? (d + 1) * ld : 0), row(is_shared ? ld : 0);
    Buffer<double> sums(slots + scatter_slots), raw(K * (F + 1));
    sums.fill(slots + scatter_slots, 0);
    T* const x = blocks.x();
    for (size_t i = 0; i < ld; ++i) x[F * ld + i] = 1;
    double total = 0;
    while (blocks.next()) {
        const size_t rows = blocks.padded_rows;
        set_features(model, x, ld, rows);
        if (is_shared) set_row_constants(model, x, ld, rows, static_cast<T*>(row));
        T* const pooled = is_shared ? static_cast<T*>(row) : nullptr;
        total += tails.template assign<Form::plain>(logits, pooled, rows, blocks.weight(), hard, [&](size_t i) {
            blocks.fetch_ahead(i / kStrip<T>, rows / kStrip<T>);
            linear_logits<T>(model, x + i, ld, logits + i);
        });
        add_rectangle<T>(logits, K, x, F + 1, ld, rows, sums);
        if (is_shared) add_total_scatter<T>(x, ld, rows, d, row, g, sums + slots);
    }
    const Moments moments(out, K, d, kind == shared ? d * d : kind == diagonal ? K * d : K);
    const double unscale = blocks.unscale();
    read_rectangle(sums, K, F + 1, [&](size_t k, size_t f, double value) {
        raw[k * (F + 1) + (f == F ? 0 : f + 1)] = unscale * tail_model.scale[k] * value;
    });
    if (is_shared)
        read_symmetric(sums + slots, d, [&](size_t a, size_t b, double value) {
            moments.second[a * d + b] = unscale * value;
        });
    move_to_references<T>(model, raw, p.means, anchor, moments);
    finish_second(model, moments);
    *moments.weight = total_weight(data);
    *moments.log_likelihood = total * unscale * kLn2 + tail_model.shift * *moments.weight;
    tails.read(unscale, out + moments.size);
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
