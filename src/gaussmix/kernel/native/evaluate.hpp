// Parts of the E-step for prediction: log-joint, posteriors, log-density or labels of each row.
//
// Logits come from the exact forms only, in log2 units. Results for components lie by component; they are
// transposed to rows of K numbers on the way out.
#pragma once

#include "linear.hpp"
#include "small.hpp"

namespace gaussmix::GAUSSMIX_ISA {

/// Writes n rows of K numbers from K arrays; change(vector, first row) is applied to each vector.
/// Where K is below the lanes a store runs into the next row, which is written afterwards.
template <class T, class Change>
void write_rows(const T* values, size_t ld, size_t n, size_t K, T* out, Change&& change) {
    constexpr size_t W = kLanes<T>;
    size_t i = 0;
    for (; i + W <= n && (i + W - 1) * K + larger(K, W) <= n * K; i += W)
        for (size_t from = 0; from < K; from += W) {
            const size_t k = from + W <= K ? from : (K >= W ? K - W : 0);
            Vec<T> v[W];
            GAUSSMIX_UNROLL
            for (size_t j = 0; j < W; ++j) v[j] = k + j < K ? change(load(values + (k + j) * ld + i), i) : Vec<T>{};
            transpose<T>(v);
            GAUSSMIX_UNROLL
            for (size_t row = 0; row < W; ++row) store(out + (i + row) * K + k, v[row]);
        }
    for (; i < n; i += W)
        for (size_t k = 0; k < K; ++k) {
            const Vec<T> v = change(load(values + k * ld + i), i);
            for (size_t row = 0; row < W && i + row < n; ++row) out[(i + row) * K + k] = v[row];
        }
}

/// Writes one micro-block's part from its logits; `first` is its first row.
template <class T>
void write_part(T* logits, size_t ld, size_t first, size_t n, size_t K, double shift, Part part,
                RowState<T>& state, void* out) {
    const size_t rows = rounded_up(n, kStrip<T>);
    const Vec<T> lowest = broadcast(T(-__builtin_inf())), far = broadcast(-kFar<T>);
    if (part == Part::labels) {
        Buffer<Bits<T>> labels(rows);
        largest<T>(logits, ld, rows, K, state.peak, labels);
        for (size_t i = 0; i < n; ++i) static_cast<std::int64_t*>(out)[first + i] = labels[i];
        return;
    }
    T* const to = static_cast<T*>(out) + first * (part == Part::log_prob ? 1 : K);
    if (part == Part::log_joint)
        return write_rows(logits, ld, n, K, to, [&](Vec<T> v, size_t) {
            return v > far ? v * T(kLn2) + T(shift) : lowest;
        });
    softmax<T, Form::plain>(logits, ld, rows, K, state.peak, state.sum);
    for (size_t i = 0; i < rows; ++i) state.scale[i] = state.sum[i] > 0 ? T(1) / state.sum[i] : T(0);
    if (part == Part::posterior)
        return write_rows(logits, ld, n, K, to, [&](Vec<T> v, size_t i) { return v * load(state.scale + i); });
    for (size_t i = 0; i < rows; i += kLanes<T>) {
        Vec<double> peak[2], sum[2];
        as_doubles(load<T>(state.peak + i), peak);
        as_doubles(load<T>(state.sum + i), sum);
        for (int v = 0; v < kDoubleVectors<T>; ++v) {
            const Vec<double> value = (peak[v] + log2_of(sum[v])) * kLn2 + shift;
            for (size_t lane = 0; lane < size_t(kDoubleLanes); ++lane) {
                const size_t row = i + v * kDoubleLanes + lane;
                if (row < n) to[row] = state.peak[row] > -kFar<T> ? T(value[lane]) : T(-__builtin_inf());
            }
        }
    }
}

/// Walks the micro-blocks; set_logits(x, ld, rows, logits) computes one.
template <class T, class SetLogits>
void evaluate_blocks(const Rows<T>& data, size_t K, double shift, const T* anchor, size_t extra, Part part, void* out,
                     SetLogits&& set_logits) {
    const size_t d = data.n_features, capacity = micro_block_rows<T>(data.n_rows, d + extra + K + 4, d + extra);
    MicroBlocks<T> blocks({data.x, nullptr, data.n_rows, d}, capacity, anchor, extra);
    Buffer<T> logits(K * blocks.ld);
    RowState<T> state(blocks.ld);
    while (blocks.next()) {
        set_logits(blocks.x(), blocks.ld, blocks.padded_rows, static_cast<T*>(logits));
        write_part<T>(logits, blocks.ld, blocks.first, blocks.n, K, shift, part, state, out);
    }
}

template <class T>
void exact_dense_evaluate(const Rows<T>& data, const Parameters& p, bool is_shared, Part part, void* out) {
    const size_t d = data.n_features, K = p.n_components;
    Buffer<double> references(K * d);
    round_to<T>(p.means, K * d, references);
    const DenseModel<T> model(p, d, references, kLog2E, is_shared);
    Buffer<T> centred(d * kStrip<T>);
    evaluate_blocks<T>(data, K, model.shift, nullptr, 0, part, out, [&](T* x, size_t ld, size_t rows, T* logits) {
        dense_logits<T>(model, x, ld, rows, centred, logits);
    });
}

/// Evaluates pieces of float rows in float64, for parameters that leave the range of float32.
template <class Evaluate>
void evaluate_in_double(const Rows<float>& data, size_t K, Part part, void* out, Evaluate&& evaluate) {
    constexpr size_t piece = 4096;
    const size_t width = part == Part::log_prob || part == Part::labels ? 1 : K;
    const size_t most = smaller(piece, data.n_rows);
    Buffer<double> x(most * data.n_features), result(part == Part::labels ? 0 : most * width);
    for (size_t first = 0; first < data.n_rows; first += piece) {
        const size_t n = smaller(piece, data.n_rows - first);
        for (size_t i = 0; i < n * data.n_features; ++i) x[i] = data.x[first * data.n_features + i];
        const Rows<double> rows{x, nullptr, n, data.n_features};
        if (part == Part::labels) {
            evaluate(rows, static_cast<std::int64_t*>(out) + first);
            continue;
        }
        evaluate(rows, static_cast<double*>(result));
        for (size_t i = 0; i < n * width; ++i) static_cast<float*>(out)[first * width + i] = float(result[i]);
    }
}

template <class T>
void dense_or_shared_evaluate(const Rows<T>& data, const Parameters& p, bool is_shared, Part part, void* out) {
    if constexpr (sizeof(T) == 4)
        if (!factors_in_range<T>(p, is_shared ? 1 : p.n_components, data.n_features))
            return evaluate_in_double(data, p.n_components, part, out, [&](const Rows<double>& rows, void* to) {
                exact_dense_evaluate<double>(rows, p, is_shared, part, to);
            });
    exact_dense_evaluate<T>(data, p, is_shared, part, out);
}

template <class T>
void dense_evaluate(const Rows<T>& data, const Parameters& p, Part part, void* out) {
    dense_or_shared_evaluate<T>(data, p, false, part, out);
}

template <class T, Representation Kind>
void diagonal_evaluate(const Rows<T>& data, const Parameters& p, Part part, void* out) {
    if constexpr (sizeof(T) == 4)
        if (!roots_in_range<T>(p, Kind == spherical ? 1 : data.n_features))
            return evaluate_in_double(data, p.n_components, part, out, [&](const Rows<double>& rows, void* to) {
                diagonal_evaluate<double, Kind>(rows, p, part, to);
            });
    const size_t d = data.n_features, K = p.n_components;
    Buffer<double> references(K * d);
    round_to<T>(p.means, K * d, references);
    const double scale = root(0.5 * kLog2E);
    const DiagonalModel<T> model(p, d, p.means, references, [&](size_t k, size_t a) {
        return scale * p.precision[Kind == spherical ? k : k * d + a];
    });
    evaluate_blocks<T>(data, K, model.shift, nullptr, 0, part, out, [&](T* x, size_t ld, size_t rows, T* logits) {
        for (size_t i = 0; i < rows; i += kStrip<T>) diagonal_logits<T>(model, x + i, ld, logits + i);
    });
}

/// Differences of rows and means that were both whitened about the anchor: the cost of D rather than D^2 / 2
/// products a component.
template <class T>
void whitened_evaluate(const Rows<T>& data, const Parameters& p, const T* anchor, Part part, void* out) {
    const size_t d = data.n_features, K = p.n_components;
    const double scale = root(0.5 * kLog2E);
    Buffer<double> offset(d), means(K * d), references(K * d);
    for (size_t k = 0; k < K; ++k) {
        for (size_t a = 0; a < d; ++a) offset[a] = scale * (p.means[k * d + a] - anchor[a]);
        whiten(p, shared, k, d, offset, means + k * d);
    }
    round_to<T>(means, K * d, references);
    const DiagonalModel<T> model(p, d, means, references, [](size_t, size_t) { return 1.0; });
    Buffer<T> factor(packed_size(d)), zero(d);
    pack_triangle<T>(p.precision, d, scale, factor);
    zero.fill(d, 0);
    evaluate_blocks<T>(data, K, model.shift, anchor, d, part, out, [&](T* x, size_t ld, size_t rows, T* logits) {
        T* white = x + d * ld;
        for (size_t i = 0; i < rows; i += kStrip<T>) {
            multiply_lower<T>(d, factor, zero, x + i, ld, [&](size_t row, const Vec<T>* y) {
                GAUSSMIX_UNROLL
                for (int v = 0; v < kStripVectors; ++v) store(white + row * ld + i + v * kLanes<T>, y[v]);
            });
            diagonal_logits<T>(model, white + i, ld, logits + i);
        }
    });
}

template <class T>
void shared_evaluate(const Rows<T>& data, const Parameters& p, Part part, void* out) {
    const size_t d = data.n_features;
    const double bound = sizeof(T) == 8 ? 1e-10 : 1e-5;
    Buffer<T> anchor(d);
    set_anchor(p, d, static_cast<T*>(anchor));
    if (d > 4 && factors_in_range<T>(p, 1, d) && kEpsilon<T> * root(largest_distance<T>(p, shared, d, anchor)) < bound)
        return whitened_evaluate<T>(data, p, anchor, part, out);
    dense_or_shared_evaluate<T>(data, p, true, part, out);
}

}  // namespace gaussmix::GAUSSMIX_ISA
