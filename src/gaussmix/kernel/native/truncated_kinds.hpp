// What a truncated pass (truncated.hpp) does with a tile of rows, for each representation of the covariances.
//
// enter(candidates, n) prepares for a group and returns the anchor of its rows, or null; set_logits and add work on a
// tile; leave() ends the group and read() the pass.
//
// Full covariances go component by component, as in dense.hpp; diagonal ones by tiles of the group's candidates,
// packed anew for each group. Rows of shared covariances are whitened once about the group's first candidate c, and
// with t = x - c, F_k = sum r_k t, n_k = sum r_k, delta_k = mean_k - c the pooled scatter is
//   sum w t t' - sum_k (F_k delta_k' + delta_k F_k' - n_k delta_k delta_k'),
// which is exact to eps (|delta| / sd)^2 between neighbours, however far others lie.
#pragma once

#include "linear_moments.hpp"
#include "small.hpp"

namespace gaussmix::GAUSSMIX_ISA {

/// The sums of one component of D <= 4 features.
template <class T>
void add_few_features(size_t d, const T* e, const T* scale, const T* reference, const T* x, size_t ld, size_t rows,
                      double* sums) {
    if (d == 1) add_narrow<T, 1>(e, scale, reference, x, ld, rows, sums);
    else if (d == 2) add_narrow<T, 2>(e, scale, reference, x, ld, rows, sums);
    else if (d == 3) add_narrow<T, 3>(e, scale, reference, x, ld, rows, sums);
    else add_narrow<T, 4>(e, scale, reference, x, ld, rows, sums);
}

/// Full covariances: logits and sums component by component.
template <class T, Form F>
struct TruncatedDense {
    TruncatedDense(const Parameters& p, size_t n_features, const double* references, size_t, size_t ld)
        : d(n_features), slots(F == Form::plain ? padded(15) : symmetric_slots(d + 1)),
          model(p, d, references, kUnit<F>, false), shift(model.shift), w((d + 1) * ld), centred(d * kStrip<T>), sums(p.n_components * slots) {
        sums.fill(p.n_components * slots, 0);
    }
    const T* enter(const std::int32_t* candidates, size_t n) {
        list = candidates;
        count = n;
        return nullptr;
    }
    void set_logits(const T* x, size_t ld, size_t rows, T* logits) {
        for (size_t c = 0; c < count; ++c)
            component_logits<T>(model, size_t(list[c]), x, ld, rows, centred, logits + c * ld);
    }
    void add(T* e, const T* scale, const T*, T* x, size_t ld, size_t rows) {
        for (size_t c = 0; c < count; ++c) {
            if (is_negligible<T, F>(e + c * ld, rows)) continue;
            const size_t k = list[c];
            const T* const center = model.reference + k * d;
            if (F == Form::plain) add_few_features<T>(d, e + c * ld, scale, center, x, ld, rows, sums + k * slots);
            else add_component<T>(e + c * ld, scale, center, x, ld, rows, d, w, sums + k * slots);
        }
    }
    void leave() {}
    void read(double unscale, const Moments& moments) const {
        for (size_t k = 0; k < model.K; ++k)
            if (F == Form::plain) read_narrow(sums + k * slots, d, k, unscale, false, moments);
            else read_component(sums + k * slots, d, k, unscale, false, moments);
    }

    size_t d, slots, count = 0;
    DenseModel<T> model;
    double shift;
    Buffer<T> w, centred;
    Buffer<double> sums;
    const std::int32_t* list = nullptr;
};

/// Logits of n components packed as in diagonal.hpp.
template <class T>
void packed_logits(const T* packed, const T* constant, size_t n, size_t d, const T* x, size_t ld, size_t rows, T* logits) {
    constexpr size_t C = kDiagonalComponents;
    const size_t rest = n % C;
    for (size_t i = 0; i < rows; i += kStrip<T>) {
        with_height<C - 1>(rest, [&](auto h) {
            diagonal_tile<T, decltype(h)::value>(packed, constant, d, x + i, ld, logits + i);
        });
        for (size_t c = rest; c < n; c += C)
            diagonal_tile<T, C>(packed + 3 * c * d, constant + c, d, x + i, ld, logits + c * ld + i);
    }
}

/// Calls put(candidate, feature) in the order in which packed_logits reads its components.
template <class Put>
void in_packed_order(size_t n, size_t d, Put&& put) {
    for (size_t c = 0, height = 0; c < n; c += height) {
        height = c == 0 && n % kDiagonalComponents ? n % kDiagonalComponents : kDiagonalComponents;
        for (size_t a = 0; a < d; ++a)
            for (size_t one = c; one < c + height; ++one) put(one, a);
    }
}

/// Diagonal and, with one precision a component, spherical covariances.
template <class T, bool IsTrace>
struct TruncatedDiagonal {
    TruncatedDiagonal(const Parameters& p, size_t n_features, const double* references, size_t most, size_t ld)
        : K(p.n_components), d(n_features), slots(diagonal_slots(d)), triples(3 * K * d), constants(K), reference(K * d),
          packed(3 * most * d), constant(most), r(ld), sums(K * slots), shift(largest_constant(p)) {
        const double scale = root(0.5 * kLog2E);
        for (size_t k = 0; k < K; ++k)
            for (size_t a = 0; a < d; ++a) {
                const double center = references[k * d + a], s = scale * p.precision[IsTrace ? k : k * d + a];
                T* to = triples + 3 * (k * d + a);
                to[0] = reference[k * d + a] = T(center);
                to[1] = T(s);
                to[2] = T(s * (center - p.means[k * d + a]));
            }
        for (size_t k = 0; k < K; ++k) constants[k] = T(kLog2E * (p.log_constant[k] - shift));
        sums.fill(K * slots, 0);
    }
    const T* enter(const std::int32_t* candidates, size_t n) {
        list = candidates;
        count = n;
        T* to = packed;
        in_packed_order(n, d, [&](size_t c, size_t a) {
            const T* from = triples + 3 * (size_t(list[c]) * d + a);
            for (int i = 0; i < 3; ++i) *to++ = from[i];
        });
        for (size_t c = 0; c < n; ++c) constant[c] = constants[list[c]];
        return nullptr;
    }
    void set_logits(const T* x, size_t ld, size_t rows, T* logits) {
        packed_logits<T>(packed, constant, count, d, x, ld, rows, logits);
    }
    void add(T* e, const T* scale, const T*, T* x, size_t ld, size_t rows) {
        for (size_t c = 0; c < count; ++c)
            if (!is_negligible<T, Form::plain>(e + c * ld, rows))
                add_diagonal<T>(e + c * ld, scale, reference + list[c] * d, x, ld, rows, d, r, sums + list[c] * slots);
    }
    void leave() {}
    void read(double unscale, const Moments& moments) const {
        for (size_t k = 0; k < K; ++k) read_diagonal(sums + k * slots, d, k, unscale, IsTrace, moments);
    }

    size_t K, d, slots, count = 0;
    Buffer<T> triples, constants, reference, packed, constant, r;
    Buffer<double> sums;
    double shift;
    const std::int32_t* list = nullptr;
};

/// Shared covariances, as the header says.
template <class T>
struct TruncatedShared {
    TruncatedShared(const Parameters& p, size_t n_features, const double* rounded, size_t most, size_t ld)
        : K(p.n_components), d(n_features), factor(packed_size(d)), start(d), anchor(d), packed(3 * most * d),
          constants(K), constant(most), white_rows(d * ld), g((d + 1) * ld), white(K * d), offset(d), raw(most * (d + 1)),
          rectangle(rectangle_slots(most, d + 1)), scatter(symmetric_slots(d)), correction(d * d), counts(K),
          firsts(K * d), p(p), references(rounded), shift(largest_constant(p)) {
        const double scale = root(0.5 * kLog2E);
        pack_triangle<T>(p.precision, d, scale, factor);
        Buffer<T> middle(d);
        set_anchor(p, d, static_cast<T*>(middle));
        for (size_t k = 0; k < K; ++k) {
            for (size_t a = 0; a < d; ++a) offset[a] = scale * (p.means[k * d + a] - middle[a]);
            gaussmix::GAUSSMIX_ISA::whiten(p, shared, k, d, offset, white + k * d);
            constants[k] = T(kLog2E * (p.log_constant[k] - shift));
        }
        scatter.fill(symmetric_slots(d), 0);
        correction.fill(d * d, 0);
        counts.fill(K, 0);
        firsts.fill(K * d, 0);
    }
    const T* enter(const std::int32_t* candidates, size_t n) {
        list = candidates;
        count = n;
        const double scale = root(0.5 * kLog2E);
        const size_t first = list[0];
        const double* center = references + first * d;
        for (size_t a = 0; a < d; ++a) {
            anchor[a] = T(center[a]);
            offset[a] = scale * (center[a] - p.means[first * d + a]);
        }
        Buffer<double> moved(d);
        gaussmix::GAUSSMIX_ISA::whiten(p, shared, first, d, offset, moved);
        for (size_t a = 0; a < d; ++a) start[a] = T(moved[a]);
        T* to = packed;
        in_packed_order(n, d, [&](size_t c, size_t a) {
            const double point = white[size_t(list[c]) * d + a] - white[first * d + a];
            *to++ = T(point);
            *to++ = T(1);
            *to++ = T(double(T(point)) - point);
        });
        for (size_t c = 0; c < n; ++c) constant[c] = constants[list[c]];
        rectangle.fill(rectangle_slots(count, d + 1), 0);
        return anchor;
    }
    void set_logits(const T* x, size_t ld, size_t rows, T* logits) {
        for (size_t i = 0; i < rows; i += kStrip<T>)
            multiply_lower<T>(d, factor, start, x + i, ld, [&](size_t row, const Vec<T>* y) {
                GAUSSMIX_UNROLL
                for (int v = 0; v < kStripVectors; ++v) store(white_rows + row * ld + i + v * kLanes<T>, y[v]);
            });
        packed_logits<T>(packed, constant, count, d, white_rows, ld, rows, logits);
    }
    void add(T* e, const T* scale, const T* weight, T* x, size_t ld, size_t rows) {
        scale_features<T>(scale, x, d, ld, rows, g);
        add_rectangle<T>(e, count, g, d + 1, ld, rows, rectangle);
        add_total_scatter<T>(x, ld, rows, d, weight, g, scatter);
    }
    void leave() {
        read_rectangle(rectangle, count, d + 1, [&](size_t c, size_t f, double value) { raw[c * (d + 1) + f] = value; });
        const double* center = references + size_t(list[0]) * d;
        for (size_t c = 0; c < count; ++c) {
            const size_t k = list[c];
            const double n = raw[c * (d + 1)], *first = raw + c * (d + 1) + 1;
            if (n == 0) continue;
            for (size_t a = 0; a < d; ++a) offset[a] = references[k * d + a] - center[a];
            counts[k] += n;
            for (size_t a = 0; a < d; ++a) {
                firsts[k * d + a] += first[a] - n * offset[a];
                for (size_t b = 0; b <= a; ++b)
                    correction[a * d + b] += first[a] * offset[b] + offset[a] * (first[b] - n * offset[b]);
            }
        }
    }
    void read(double unscale, const Moments& moments) const {
        for (size_t k = 0; k < K; ++k) moments.count[k] = unscale * counts[k];
        for (size_t i = 0; i < K * d; ++i) moments.first[i] = unscale * firsts[i];
        read_symmetric(scatter, d, [&](size_t a, size_t b, double value) {
            moments.second[a * d + b] = moments.second[b * d + a] = unscale * (value - correction[a * d + b]);
        });
    }

    size_t K, d, count = 0;
    Buffer<T> factor, start, anchor, packed, constants, constant, white_rows, g;
    Buffer<double> white, offset, raw, rectangle, scatter, correction, counts, firsts;
    const Parameters p;
    const double* references;
    double shift;
    const std::int32_t* list = nullptr;
};

}  // namespace gaussmix::GAUSSMIX_ISA
