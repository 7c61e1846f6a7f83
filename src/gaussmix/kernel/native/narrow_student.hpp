// Mixtures of t distributions with full scatter matrices of D <= 4 features: as small.hpp, all sums of a component
// stay in registers, here with the three for the degrees of freedom.
#pragma once

#include "small.hpp"
#include "tails.hpp"

namespace gaussmix::GAUSSMIX_ISA {

/// Logits of component k, log2 t and 1 / t, for all strips. A distance beyond the range of T leaves no finite sums.
template <class T, int D>
GAUSSMIX_INLINE void narrow_tails(const DenseModel<T>& model, const Tail<T>& tail_, size_t k, const T* x, size_t ld,
                                  size_t rows, T* logits, T* logs, T* inverses) {
    constexpr int V = kStripVectors, W = kLanes<T>;
    Vec<T> reference[D], start[D], factor[D * (D + 1) / 2];
    GAUSSMIX_UNROLL
    for (int a = 0; a < D; ++a) {
        reference[a] = broadcast(model.reference[k * D + a]);
        start[a] = broadcast(model.start[k * D + a]);
    }
    GAUSSMIX_UNROLL
    for (int a = 0; a < D * (D + 1) / 2; ++a) factor[a] = broadcast(model.packed[k * model.stride + a]);
    const Tail<T> tail = tail_;
    for (size_t i = 0; i < rows; i += kStrip<T>) {
        Vec<T> value[V], log[V], inverse[V];
        GAUSSMIX_UNROLL
        for (int v = 0; v < V; ++v) {
            Vec<T> y[D], q = {};
            int at = 0;
            GAUSSMIX_UNROLL
            for (int a = 0; a < D; ++a) {  // the triangle is packed column by column
                const Vec<T> t = load(x + a * ld + i + v * W) - reference[a];
                GAUSSMIX_UNROLL
                for (int j = a; j < D; ++j) y[j] = factor[at++] * t + (a == 0 ? start[j] : y[j]);
            }
            GAUSSMIX_UNROLL
            for (int j = 0; j < D; ++j) q += y[j] * y[j];
            value[v] = q;
        }
        tail_logits<T>(tail, value, log, inverse);
        GAUSSMIX_UNROLL
        for (int v = 0; v < V; ++v) {
            store(logits + i + v * W, value[v]);
            store(logs + i + v * W, log[v]);
            store(inverses + i + v * W, inverse[v]);
        }
    }
}

template <int D> inline constexpr int kNarrowStudentSums = kNarrowSums<D> + 3;

/// Adds [r / t, r x / t, r x x' / t, r, r log2 t, r / t^2] of one component, x less its reference.
template <class T, int D>
GAUSSMIX_INLINE void add_narrow_tails(const T* e, const T* scale, const T* logs, const T* inverses, const T* references,
                                      const T* x, size_t ld, size_t rows, double* sums) {
    constexpr int moments = kNarrowSums<D>, count = kNarrowStudentSums<D>, W = kLanes<T>;
    Vec<T> sum[count] = {}, reference[D];
    GAUSSMIX_UNROLL
    for (int a = 0; a < D; ++a) reference[a] = broadcast(references[a]);
    for (size_t i = 0; i < rows; i += W) {
        const Vec<T> r = load(e + i) * load(scale + i), inverse = load(inverses + i), counted = r * inverse;
        Vec<T> t[D];
        sum[0] += counted;
        sum[moments] += r;
        sum[moments + 1] += r * load(logs + i);
        sum[moments + 2] += counted * inverse;
        int at = 1 + D;
        GAUSSMIX_UNROLL
        for (int a = 0; a < D; ++a) {
            t[a] = load(x + a * ld + i) - reference[a];
            const Vec<T> weighted = counted * t[a];
            sum[1 + a] += weighted;
            GAUSSMIX_UNROLL
            for (int b = 0; b <= a; ++b) sum[at++] += weighted * t[b];
        }
    }
    add_lane_sums<T, count>(sum, sums);
}

/// The pass; distances is the model whose values are squared distances.
template <class T, int D>
void narrow_student_pass(const Rows<T>& data, const DenseModel<T>& distances, const TailModel<T>& tails, bool hard,
                         double* out) {
    constexpr size_t slots = padded(kNarrowStudentSums<D>);
    const size_t K = tails.K;
    const Moments moments(out, K, D, K * D * D);
    MicroBlocks<T> blocks(data, micro_block_rows<T>(data.n_rows, D + 3 * K + 4, D + 3 * K + 4), nullptr);
    const size_t ld = blocks.ld;
    Buffer<T> logits(K * ld), logs(K * ld), inverses(K * ld);
    Buffer<double> sums(K * slots);
    sums.fill(K * slots, 0);
    RowState<T> state(ld);
    double total = 0;
    while (blocks.next()) {
        const size_t rows = blocks.padded_rows;
        for (size_t k = 0; k < K; ++k)
            narrow_tails<T, D>(distances, tails.tail[k], k, blocks.x(), ld, rows, logits + k * ld, logs + k * ld,
                               inverses + k * ld);
        total += assign<T, Form::plain>(logits, ld, rows, K, blocks.weight(), hard, state);
        for (size_t k = 0; k < K; ++k) {
            blocks.fetch_ahead(k, K);
            add_narrow_tails<T, D>(logits + k * ld, state.scale, logs + k * ld, inverses + k * ld,
                                   distances.reference + k * D, blocks.x(), ld, rows, sums + k * slots);
        }
    }
    const double unscale = blocks.unscale();
    for (size_t k = 0; k < K; ++k) read_narrow(sums + k * slots, D, k, unscale * tails.scale[k], false, moments);
    *moments.weight = total_weight(data);
    *moments.log_likelihood = total * unscale * kLn2 + tails.shift * *moments.weight;
    tails.read(sums + kNarrowSums<D>, slots, unscale, out + moments.size);
}

}  // namespace gaussmix::GAUSSMIX_ISA
