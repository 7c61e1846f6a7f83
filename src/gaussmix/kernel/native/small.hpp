// Full covariances of D <= 4 features: all sums of a component stay in registers.
//
// There are 1 + D + D (D + 1) / 2 <= 15 sums [r, r t, r t t'], t = x - reference. A component passes once over
// the micro-block with them; for D = 1 three sets of sums hide the latency of the additions.
#pragma once

#include "dense.hpp"

namespace gaussmix::GAUSSMIX_ISA {

template <int D> inline constexpr int kNarrowSums = 1 + D + D * (D + 1) / 2;

template <class T, int D>
GAUSSMIX_INLINE void add_narrow(const T* e, const T* scale, const T* references, const T* x, size_t ld, size_t rows,
                                double* sums) {
    constexpr int count = kNarrowSums<D>, sets = D == 1 ? kStripVectors : 1, W = kLanes<T>;
    Vec<T> sum[sets][count] = {}, reference[D];
    GAUSSMIX_UNROLL
    for (int a = 0; a < D; ++a) reference[a] = broadcast(references[a]);
    for (size_t first = 0; first < rows; first += sets * W)
        GAUSSMIX_UNROLL
        for (int set = 0; set < sets; ++set) {
            const size_t i = first + set * W;
            const Vec<T> r = load(e + i) * load(scale + i);
            Vec<T> t[D];
            sum[set][0] += r;
            int at = 1 + D;
            GAUSSMIX_UNROLL
            for (int a = 0; a < D; ++a) {
                t[a] = load(x + a * ld + i) - reference[a];
                const Vec<T> weighted = r * t[a];
                sum[set][1 + a] += weighted;
                GAUSSMIX_UNROLL
                for (int b = 0; b <= a; ++b) sum[set][at++] += weighted * t[b];
            }
        }
    GAUSSMIX_UNROLL
    for (int set = 1; set < sets; ++set)
        GAUSSMIX_UNROLL
        for (int s = 0; s < count; ++s) sum[0][s] += sum[set][s];
    add_lane_sums<T, count>(sum[0], sums);
}

inline void read_narrow(const double* sums, size_t d, size_t k, double unscale, bool is_shared, const Moments& moments) {
    double* second = moments.second + (is_shared ? 0 : k * d * d);
    moments.count[k] = unscale * *sums++;
    for (size_t a = 0; a < d; ++a) moments.first[k * d + a] = unscale * *sums++;
    for (size_t a = 0; a < d; ++a)
        for (size_t b = 0; b <= a; ++b) {
            const double value = unscale * *sums++;
            second[a * d + b] += value;
            if (a != b) second[b * d + a] += value;
        }
}

/// The pass for D = 1 .. 4.
template <class T, int D>
void narrow_moments(const Rows<T>& data, const Parameters& p, const double* reference, bool is_shared, bool hard,
                    const Moments& moments) {
    constexpr size_t slots = padded(kNarrowSums<D>);
    const size_t K = p.n_components;
    const DenseModel<T> model(p, D, reference, kUnit<Form::plain>, is_shared);
    MicroBlocks<T> blocks(data, micro_block_rows<T>(data.n_rows, D + K + 4, D + 2), nullptr);
    const size_t ld = blocks.ld;
    Buffer<T> logits(K * ld);
    Buffer<double> sums(K * slots);
    sums.fill(K * slots, 0);
    RowState<T> state(ld);
    double total = 0;
    while (blocks.next()) {
        const size_t rows = blocks.padded_rows;
        dense_logits<T>(model, blocks.x(), ld, rows, nullptr, logits);
        total += assign<T, Form::plain>(logits, ld, rows, K, blocks.weight(), hard, state);
        for (size_t k = 0; k < K; ++k) {
            blocks.fetch_ahead(k, K);
            if (is_negligible<T, Form::plain>(logits + k * ld, rows)) continue;
            add_narrow<T, D>(logits + k * ld, state.scale, model.reference + k * D, blocks.x(), ld, rows,
                             sums + k * slots);
        }
    }
    for (size_t k = 0; k < K; ++k) read_narrow(sums + k * slots, D, k, blocks.unscale(), is_shared, moments);
    *moments.weight = total_weight(data);
    *moments.log_likelihood = total * blocks.unscale() * kLn2 + model.shift * *moments.weight;
}

template <class T>
void dense_pass(const Rows<T>& data, const Parameters& p, const double* reference, bool is_shared, bool hard,
                double* out) {
    const size_t d = data.n_features, K = p.n_components;
    const Moments moments(out, K, d, (is_shared ? 1 : K) * d * d);
    if (d == 1) narrow_moments<T, 1>(data, p, reference, is_shared, hard, moments);
    else if (d == 2) narrow_moments<T, 2>(data, p, reference, is_shared, hard, moments);
    else if (d == 3) narrow_moments<T, 3>(data, p, reference, is_shared, hard, moments);
    else if (d == 4) narrow_moments<T, 4>(data, p, reference, is_shared, hard, moments);
    else wide_moments<T>(data, p, reference, is_shared, hard, moments);
}

/// Whether the diagonals of the factors, and so the distances to be squared, suit T.
template <class T>
bool factors_in_range(const Parameters& p, size_t n_factors, size_t d) {
    for (size_t k = 0; k < n_factors; ++k)
        for (size_t a = 0; a < d && (n_factors == 1 || is_live(p, k)); ++a)
            if (!in_range<T>(p.precision[k * d * d + a * d + a])) return false;
    return true;
}

/// The exact pass of full and shared covariances, by direct differences; float rows that leave the range
/// of float32 on the way are done again in float64.
template <class T>
void exact_dense_moments(const Rows<T>& data, const Parameters& p, bool is_shared, bool hard, double* out) {
    const size_t d = data.n_features, K = p.n_components, n_factors = is_shared ? 1 : K;
    const size_t size = 2 + K * (1 + d) + n_factors * d * d;
    Buffer<double> reference(K * d);
    round_to<T>(p.means, K * d, reference);
    if constexpr (sizeof(T) == 8) {
        dense_pass<T>(data, p, reference, is_shared, hard, out);
    } else {
        const bool in_float = factors_in_range<T>(p, n_factors, d);
        if (in_float) dense_pass<T>(data, p, reference, is_shared, hard, out);
        if (!in_float || !all_finite(out, size))
            in_double(data, out, size, [&](const Rows<double>& rows, size_t, double* part) {
                dense_pass<double>(rows, p, reference, is_shared, hard, part);
            });
    }
    replace_nan(out + 1, size - 1);
}

template <class T>
void dense_moments(const Rows<T>& data, const Parameters& p, bool hard, double* out) {
    const size_t d = data.n_features, K = p.n_components;
    if (largest_constant(p) == -__builtin_inf())
        return without_components(data, Moments(out, K, d, K * d * d));
    exact_dense_moments<T>(data, p, false, hard, out);
}

}  // namespace gaussmix::GAUSSMIX_ISA
