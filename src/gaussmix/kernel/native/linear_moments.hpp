// The fused pass of the linear form (linear.hpp), and the choice between it and the exact forms.
#pragma once

#include "linear.hpp"

namespace gaussmix::GAUSSMIX_ISA {

/// g = [scale, scale * features]: one side of the M-step's product, which then needs no normalisation.
template <class T>
void scale_features(const T* scale, const T* x, size_t n_features, size_t ld, size_t rows, T* g) {
    for (size_t i = 0; i < rows; i += kLanes<T>) store(g + i, load(scale + i));
    for (size_t f = 0; f < n_features; ++f)
        for (size_t i = 0; i < rows; i += kLanes<T>)
            store(g + (f + 1) * ld + i, load(x + f * ld + i) * load(scale + i));
}

/// Scatter of all rows about the anchor, weighted by the product of two roots.
template <class T>
void add_total_scatter(const T* x, size_t ld, size_t rows, size_t d, const T* weight, T* scratch, double* sums) {
    if (!weight) return add_symmetric<T>(x, ld, d, rows, sums);
    for (size_t i = 0; i < rows; ++i) scratch[d * ld + i] = root(weight[i]);
    for (size_t a = 0; a < d; ++a)
        for (size_t i = 0; i < rows; i += kLanes<T>)
            store(scratch + a * ld + i, load(x + a * ld + i) * load(scratch + d * ld + i));
    add_symmetric<T>(scratch, ld, d, rows, sums);
}

/// Moments about the anchor as read from the sums: raw is (K, F + 1) = [count, first, features beyond].
template <class T>
void move_to_references(const LinearModel<T>& model, const double* raw, const double* means, const T* anchor,
                        const Moments& moments) {
    const size_t d = model.d;
    Buffer<double> offset(d);
    for (size_t k = 0; k < model.K; ++k) {
        const double *sums = raw + k * (model.F + 1), *first = sums + 1, *square = first + d;
        const double count = moments.count[k] = sums[0];
        for (size_t a = 0; a < d; ++a) {
            offset[a] = double(T(means[k * d + a])) - double(anchor[a]);
            moments.first[k * d + a] = first[a] - offset[a] * count;
        }
        const auto moved = [&](size_t a) { return offset[a] * (count * offset[a] - 2 * first[a]); };
        if (model.kind == diagonal)
            for (size_t a = 0; a < d; ++a) moments.second[k * d + a] = square[a] + moved(a);
        else if (model.kind == spherical) {
            moments.second[k] = square[0];
            for (size_t a = 0; a < d; ++a) moments.second[k] += moved(a);
        } else
            for (size_t a = 0; a < d; ++a)
                for (size_t b = 0; b <= a; ++b)
                    moments.second[a * d + b] +=
                        count * offset[a] * offset[b] - first[a] * offset[b] - offset[a] * first[b];
    }
}

/// Rounding may leave a vanishing sum of squares below 0; the pooled scatter gets its upper triangle.
template <class T>
void finish_second(const LinearModel<T>& model, const Moments& moments) {
    const size_t d = model.d, count = model.kind == diagonal ? model.K * d : model.K;
    if (model.kind == shared)
        for (size_t a = 0; a < d; ++a)
            for (size_t b = 0; b < a; ++b) moments.second[b * d + a] = moments.second[a * d + b];
    else
        for (size_t i = 0; i < count; ++i)
            if (moments.second[i] < 0) moments.second[i] = 0;
}

template <class T>
void linear_pass(const Rows<T>& data, const Parameters& p, Representation kind, const T* anchor, bool hard,
                 double* out, size_t n_second) {
    const size_t d = data.n_features, K = p.n_components;
    const LinearModel<T> model(p, kind, d, anchor);
    const size_t F = model.F, slots = rectangle_slots(K, F + 1), scatter_slots = kind == shared ? symmetric_slots(d) : 0;
    MicroBlocks<T> blocks(data, micro_block_rows<T>(data.n_rows, 2 * F + K + 5, F + K), anchor, F - d);
    const size_t ld = blocks.ld;
    Buffer<T> logits(K * ld), g((F + 1) * ld);
    Buffer<double> sums(slots + scatter_slots), raw(K * (F + 1));
    sums.fill(slots + scatter_slots, 0);
    RowState<T> state(ld);
    double total = 0;
    while (blocks.next()) {
        const size_t rows = blocks.padded_rows;
        T* x = blocks.x();
        set_features(model, x, ld, rows);
        total += assign_strips<T, Form::plain>(logits, ld, rows, K, blocks.weight(), hard, state, [&](size_t i) {
            blocks.fetch_ahead(i / kStrip<T>, rows / kStrip<T>);
            linear_logits<T>(model, x + i, ld, logits + i);
        });
        scale_features<T>(state.scale, x, F, ld, rows, g);
        add_rectangle<T>(logits, K, g, F + 1, ld, rows, sums);
        if (kind != shared) continue;
        total -= row_constants<T>(model, x, ld, rows, blocks.weight());
        add_total_scatter<T>(x, ld, rows, d, blocks.weight(), g, sums + slots);
    }
    const Moments moments(out, K, d, n_second);
    const double unscale = blocks.unscale();
    read_rectangle(sums, K, F + 1, [&](size_t k, size_t f, double value) { raw[k * (F + 1) + f] = unscale * value; });
    if (kind == shared)
        read_symmetric(sums + slots, d, [&](size_t a, size_t b, double value) {
            moments.second[a * d + b] = unscale * value;
        });
    move_to_references<T>(model, raw, p.means, anchor, moments);
    finish_second(model, moments);
    *moments.weight = total_weight(data);
    *moments.log_likelihood = total * unscale * kLn2 + model.shift * *moments.weight;
}

/// The linear form where it serves, else the exact one.
template <class T, Representation Kind>
void linear_or_exact_moments(const Rows<T>& data, const Parameters& p, bool hard, double* out) {
    const size_t d = data.n_features, K = p.n_components;
    const size_t n_second = Kind == shared ? d * d : Kind == diagonal ? K * d : K;
    if (largest_constant(p) == -__builtin_inf()) return without_components(data, Moments(out, K, d, n_second));
    Buffer<T> anchor(d);
    set_anchor(p, d, static_cast<T*>(anchor));
    if (serves<T>(p, Kind, d, anchor)) {
        linear_pass<T>(data, p, Kind, anchor, hard, out, n_second);
        if (all_finite(out, 2 + K * (1 + d) + n_second)) return;
    }
    if constexpr (Kind == shared) exact_dense_moments<T>(data, p, true, hard, out);
    else exact_diagonal_moments<T>(data, p, Kind == spherical, hard, out);
}

}  // namespace gaussmix::GAUSSMIX_ISA
