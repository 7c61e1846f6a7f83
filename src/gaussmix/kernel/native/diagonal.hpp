// Diagonal covariances by direct differences: the form that is exact for any data.
//
// E-step: q = sum_a ((x_a - reference_ka) s_ka + start_ka)^2, s the root of the precision, start = s (reference -
// mean) from double. The root is what is multiplied, so that precisions of 1e+-300 neither overflow nor vanish.
// Tile: 4 components x 3 vectors, packed as (reference, s, start) by component within feature.
// M-step, for each component: z = r (x - reference) once for both moments; tile of 4 features, 8 accumulators.
#pragma once

#include "model.hpp"
#include "outer.hpp"

namespace gaussmix::GAUSSMIX_ISA {

inline constexpr int kDiagonalComponents = 4, kDiagonalFeatures = 4;

/// Prepared parameters; root_precision(k, a) gives s in the units of the logits.
template <class T>
struct DiagonalModel {
    template <class Root>
    DiagonalModel(const Parameters& p, size_t n_features, const double* means, const double* references,
                  Root&& root_precision)
        : K(p.n_components), d(n_features), shift(largest_constant(p)), packed(3 * K * d), reference(K * d),
          constant(K) {
        if (shift == -__builtin_inf()) shift = 0;
        T* to = packed;
        for (size_t k = 0, height = 0; k < K; k += height) {
            height = k == 0 && K % kDiagonalComponents ? K % kDiagonalComponents : kDiagonalComponents;
            for (size_t a = 0; a < d; ++a)
                for (size_t c = k; c < k + height; ++c) {
                    const double center = references[c * d + a], s = root_precision(c, a);
                    *to++ = T(center);
                    *to++ = T(s);
                    *to++ = T(s * (center - means[c * d + a]));
                }
        }
        for (size_t i = 0; i < K * d; ++i) reference[i] = T(references[i]);
        for (size_t k = 0; k < K; ++k) constant[k] = T(kLog2E * (p.log_constant[k] - shift));
    }

    size_t K, d;
    double shift;
    Buffer<T> packed, reference, constant;
};

/// Logits of C components for one strip.
template <class T, int C>
GAUSSMIX_INLINE void diagonal_tile(const T* packed, const T* constant, size_t d, const T* x, size_t ld, T* logits) {
    Vec<T> q[C][kStripVectors] = {};
    for (size_t a = 0; a < d; ++a, packed += 3 * C, x += ld) {
        Vec<T> column[kStripVectors];
        GAUSSMIX_UNROLL
        for (int v = 0; v < kStripVectors; ++v) column[v] = load(x + v * kLanes<T>);
        GAUSSMIX_UNROLL
        for (int c = 0; c < C; ++c) {
            const Vec<T> reference = broadcast(packed[3 * c]), s = broadcast(packed[3 * c + 1]),
                         start = broadcast(packed[3 * c + 2]);
            GAUSSMIX_UNROLL
            for (int v = 0; v < kStripVectors; ++v) {
                const Vec<T> u = (column[v] - reference) * s + start;
                q[c][v] += u * u;
            }
        }
    }
    const Vec<T> far = broadcast(kFar<T>);
    GAUSSMIX_UNROLL
    for (int c = 0; c < C; ++c)
        GAUSSMIX_UNROLL
        for (int v = 0; v < kStripVectors; ++v)
            store(logits + c * ld + v * kLanes<T>, constant[c] - minimum(q[c][v], far));
}

/// Logits of all components for one strip.
template <class T>
void diagonal_logits(const DiagonalModel<T>& model, const T* x, size_t ld, T* logits) {
    constexpr size_t C = kDiagonalComponents;
    const size_t rest = model.K % C;
    with_height<C - 1>(rest, [&](auto h) {
        diagonal_tile<T, decltype(h)::value>(model.packed, model.constant, model.d, x, ld, logits);
    });
    for (size_t k = rest; k < model.K; k += C)
        diagonal_tile<T, C>(model.packed + 3 * k * model.d, model.constant + k, model.d, x, ld, logits + k * ld);
}

/// First and second moments of N features of one component, about the reference.
template <class T, int N>
GAUSSMIX_INLINE void add_features(const T* r, const T* reference, const T* x, size_t ld, size_t rows, double* sums) {
    Vec<T> sum[2 * N] = {}, center[N];
    GAUSSMIX_UNROLL
    for (int a = 0; a < N; ++a) center[a] = broadcast(reference[a]);
    for (size_t i = 0; i < rows; i += kLanes<T>) {
        const Vec<T> weight = load(r + i);
        GAUSSMIX_UNROLL
        for (int a = 0; a < N; ++a) {
            const Vec<T> t = load(x + a * ld + i) - center[a], z = weight * t;
            sum[a] += z;
            sum[N + a] += z * t;
        }
    }
    add_lane_sums<T, 2 * N>(sum, sums);
}

/// Doubles that the sums of one component take: the count, then tiles of features.
inline size_t diagonal_slots(size_t d) {
    return padded(1) + (d + kDiagonalFeatures - 1) / kDiagonalFeatures * padded(2 * kDiagonalFeatures);
}

/// Adds count, first and second moments of one component; r is scratch for its responsibilities.
template <class T>
void add_diagonal(const T* e, const T* scale, const T* reference, const T* x, size_t ld, size_t rows, size_t d, T* r,
                  double* sums) {
    constexpr int N = kDiagonalFeatures;
    Vec<T> count = {};
    for (size_t i = 0; i < rows; i += kLanes<T>) {
        const Vec<T> weight = load(e + i) * load(scale + i);
        store(r + i, weight);
        count += weight;
    }
    add_lane_sums<T, 1>(&count, sums);
    sums += padded(1);
    size_t a = 0;
    for (; a + N <= d; a += N, sums += padded(2 * N)) add_features<T, N>(r, reference + a, x + a * ld, ld, rows, sums);
    with_height<N - 1>(d - a, [&](auto rest) {
        add_features<T, decltype(rest)::value>(r, reference + a, x + a * ld, ld, rows, sums);
    });
}

/// Writes the sums of component k to the moments; the second moments of a trace are summed over features.
inline void read_diagonal(const double* sums, size_t d, size_t k, double unscale, bool is_trace,
                          const Moments& moments) {
    constexpr size_t N = kDiagonalFeatures;
    moments.count[k] = *sums * unscale;
    sums += padded(1);
    for (size_t a = 0; a < d; a += N, sums += padded(2 * N)) {
        const size_t width = smaller(N, d - a);
        for (size_t j = 0; j < width; ++j) {
            moments.first[k * d + a + j] = sums[j] * unscale;
            moments.second[is_trace ? k : k * d + a + j] += sums[width + j] * unscale;
        }
    }
}

template <class T>
void diagonal_pass(const Rows<T>& data, const Parameters& p, const double* references, bool is_trace, bool hard,
                   double* out) {
    const size_t d = data.n_features, K = p.n_components, slots = diagonal_slots(d);
    const Moments moments(out, K, d, is_trace ? K : K * d);
    const double scale = root(0.5 * kLog2E);
    const DiagonalModel<T> model(p, d, p.means, references, [&](size_t k, size_t a) {
        return scale * p.precision[is_trace ? k : k * d + a];
    });
    MicroBlocks<T> blocks(data, micro_block_rows<T>(data.n_rows, d + K + 5, d + 2), nullptr);
    const size_t ld = blocks.ld;
    Buffer<T> logits(K * ld), r(ld);
    Buffer<double> sums(K * slots);
    sums.fill(K * slots, 0);
    RowState<T> state(ld);
    double total = 0;
    while (blocks.next()) {
        const size_t rows = blocks.padded_rows;
        total += assign_strips<T, Form::plain>(logits, ld, rows, K, blocks.weight(), hard, state, [&](size_t i) {
            blocks.fetch_ahead(i / kStrip<T>, rows / kStrip<T>);
            diagonal_logits<T>(model, blocks.x() + i, ld, logits + i);
        });
        for (size_t k = 0; k < K; ++k)
            if (!is_negligible<T, Form::plain>(logits + k * ld, rows))
                add_diagonal<T>(logits + k * ld, state.scale, model.reference + k * d, blocks.x(), ld, rows, d, r,
                                sums + k * slots);
    }
    for (size_t k = 0; k < K; ++k) read_diagonal(sums + k * slots, d, k, blocks.unscale(), is_trace, moments);
    *moments.weight = total_weight(data);
    *moments.log_likelihood = total * blocks.unscale() * kLn2 + model.shift * *moments.weight;
}

/// The exact pass of diagonal and spherical covariances; see exact_dense_moments for the fallback.
template <class T>
void exact_diagonal_moments(const Rows<T>& data, const Parameters& p, bool is_trace, bool hard, double* out) {
    const size_t d = data.n_features, K = p.n_components, per_component = is_trace ? 1 : d;
    const size_t size = 2 + K * (1 + d + per_component);
    Buffer<double> references(K * d);
    round_to<T>(p.means, K * d, references);
    if constexpr (sizeof(T) == 8) {
        diagonal_pass<T>(data, p, references, is_trace, hard, out);
    } else {
        const bool in_float = roots_in_range<T>(p, per_component);
        if (in_float) diagonal_pass<T>(data, p, references, is_trace, hard, out);
        if (!in_float || !all_finite(out, size))
            in_double(data, out, size, [&](const Rows<double>& rows, size_t, double* part) {
                diagonal_pass<double>(rows, p, references, is_trace, hard, part);
            });
    }
    replace_nan(out + 1, size - 1);
}

}  // namespace gaussmix::GAUSSMIX_ISA
