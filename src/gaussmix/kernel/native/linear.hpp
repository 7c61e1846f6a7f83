// Diagonal, spherical and shared covariances as two matrix products, the "linear" form.
//
// About one anchor a (the mean of the means), with t = x - a, the log-joint is linear in few features:
//   diagonal   [t, t^2]      spherical   [t, |t|^2]      shared   [t]   and a row constant -|L t|^2 / 2
// E-step: logits = W F + c by tiles of 8 components x 3 vectors (4 x 3 where registers are few); the softmax in
// place; M-step: sums = E G^T by the tiles of outer.hpp, where G = scale [1, F]. Shared covariances also need
// the scatter of all rows, once for each row. The sums are moved from the anchor to the references at the end.
//
// Moving costs eps * kappa of the second moments, kappa = max_k |L_k (mean_k - a)|^2, so the form is used where
// that is small (serves()), and its results only if they are finite. Both depend on the parameters and the rows
// of this call only, hence the same bits come out wherever the call runs.
#pragma once

#include "diagonal.hpp"
#include "small.hpp"

namespace gaussmix::GAUSSMIX_ISA {

/// (L_k v)_a for each representation; out is (D,).
inline void whiten(const Parameters& p, Representation kind, size_t k, size_t d, const double* v, double* out) {
    for (size_t a = 0; a < d; ++a) {
        if (kind == diagonal) out[a] = p.precision[k * d + a] * v[a];
        else if (kind == spherical) out[a] = p.precision[k] * v[a];
        else {
            out[a] = 0;
            for (size_t b = 0; b <= a; ++b) out[a] += p.precision[a * d + b] * v[b];
        }
    }
}

/// The anchor: the mean of the live components' means, rounded to T.
template <class T>
void set_anchor(const Parameters& p, size_t d, T* anchor) {
    double live = 0;
    for (size_t k = 0; k < p.n_components; ++k) live += is_live(p, k);
    for (size_t a = 0; a < d; ++a) {
        double sum = 0;
        for (size_t k = 0; k < p.n_components; ++k)
            if (is_live(p, k)) sum += p.means[k * d + a] / live;
        anchor[a] = T(sum);
    }
}

/// The largest squared distance of a mean from the anchor, in its component's standard deviations.
template <class T>
double largest_distance(const Parameters& p, Representation kind, size_t d, const T* anchor) {
    Buffer<double> offset(d), white(d);
    double most = 0;
    for (size_t k = 0; k < p.n_components; ++k) {
        if (!is_live(p, k)) continue;
        for (size_t a = 0; a < d; ++a) offset[a] = p.means[k * d + a] - anchor[a];
        whiten(p, kind, k, d, offset, white);
        double distance = 0;
        for (size_t a = 0; a < d; ++a) distance += white[a] * white[a];
        if (!(distance <= most)) most = distance;
        if (most != most) return __builtin_inf();
    }
    return most;
}

/// Unit roundoff of T, as bounds of the errors need it.
template <class T> inline constexpr double kEpsilon = sizeof(T) == 8 ? 2.220446049250313e-16 : 1.1920928955078125e-07;

/// Whether the linear form keeps the digits that T has to give.
template <class T>
bool serves(const Parameters& p, Representation kind, size_t d, const T* anchor) {
    const bool in_bounds = kind == shared ? factors_in_range<T>(p, 1, d) : roots_in_range<T>(p, kind == diagonal ? d : 1);
    const double bound = sizeof(T) == 8 ? 1e-10 : 1e-4;
    return in_bounds && kEpsilon<T> * largest_distance(p, kind, d, anchor) < bound;
}

/// Prepared parameters: W packed by groups of components, the short group first, feature by feature.
template <class T>
struct LinearModel {
    LinearModel(const Parameters& p, Representation representation, size_t n_features, const T* anchor)
        : kind(representation), K(p.n_components), d(n_features),
          F(kind == diagonal ? 2 * d : kind == spherical ? d + 1 : d), shift(largest_constant(p)), packed(K * F),
          constant(K), factor(kind == shared ? packed_size(d) : 0), zero(d) {
        Buffer<double> weights(K * F);
        for (size_t k = 0; k < K; ++k) set_component(p, k, anchor, weights + k * F);
        T* to = packed;
        for (size_t k = 0, height = 0; k < K; k += height) {
            height = k == 0 && K % kPanel ? K % kPanel : kPanel;
            for (size_t f = 0; f < F; ++f)
                for (size_t c = k; c < k + height; ++c) *to++ = T(weights[c * F + f]);
        }
        if (kind == shared) pack_triangle<T>(p.precision, d, root(0.5 * kLog2E), factor);
        zero.fill(d, 0);
    }

    size_t features() const { return F; }

    Representation kind;
    size_t K, d, F;
    double shift;
    Buffer<T> packed, constant, factor, zero;

private:
    void set_component(const Parameters& p, size_t k, const T* anchor, double* weights) {
        Buffer<double> offset(d), white(d);
        for (size_t a = 0; a < d; ++a) offset[a] = p.means[k * d + a] - anchor[a];
        whiten(p, kind, k, d, offset, white);
        double distance = 0;
        for (size_t a = 0; a < d; ++a) distance += white[a] * white[a];
        for (size_t a = 0; a < d; ++a) weights[a] = kLog2E * slope(p, k, a, white);
        for (size_t f = d; f < F; ++f) {
            const double root_precision = p.precision[k * (F - d) + f - d];
            weights[f] = -0.5 * kLog2E * root_precision * root_precision;
        }
        constant[k] = is_live(p, k) ? T(kLog2E * (p.log_constant[k] - shift - 0.5 * distance)) : T(-__builtin_inf());
    }
    double slope(const Parameters& p, size_t k, size_t a, const double* white) const {
        if (kind == diagonal) return p.precision[k * d + a] * white[a];
        if (kind == spherical) return p.precision[k] * white[a];
        double sum = 0;
        for (size_t b = a; b < d; ++b) sum += p.precision[b * d + a] * white[b];
        return sum;
    }
};

/// Fills the extra features from the anchored rows, which come first in x.
template <class T>
void set_features(const LinearModel<T>& model, T* x, size_t ld, size_t rows) {
    T* extra = x + model.d * ld;
    if (model.kind == shared) return;
    if (model.kind == spherical)
        for (size_t i = 0; i < rows; ++i) extra[i] = 0;
    for (size_t a = 0; a < model.d; ++a) {
        const T* from = x + a * ld;
        T* to = model.kind == diagonal ? extra + a * ld : extra;
        for (size_t i = 0; i < rows; i += kLanes<T>) {
            const Vec<T> t = load(from + i);
            store(to + i, model.kind == diagonal ? t * t : load(to + i) + t * t);
        }
    }
}

template <class T, int R>
GAUSSMIX_INLINE void linear_tile(const T* packed, const T* constant, size_t F, const T* x, size_t ld, T* logits) {
    Vec<T> y[R][kStripVectors];
    GAUSSMIX_UNROLL
    for (int r = 0; r < R; ++r)
        GAUSSMIX_UNROLL
        for (int v = 0; v < kStripVectors; ++v) y[r][v] = broadcast(constant[r]);
    multiply_columns<T, R>(packed, x, ld, F, y);
    GAUSSMIX_UNROLL
    for (int r = 0; r < R; ++r)
        GAUSSMIX_UNROLL
        for (int v = 0; v < kStripVectors; ++v) store(logits + r * ld + v * kLanes<T>, y[r][v]);
}

/// Logits of all components for one strip.
template <class T>
void linear_logits(const LinearModel<T>& model, const T* x, size_t ld, T* logits) {
    const size_t rest = model.K % kPanel;
    with_height<kPanel - 1>(rest, [&](auto h) {
        linear_tile<T, decltype(h)::value>(model.packed, model.constant, model.F, x, ld, logits);
    });
    for (size_t k = rest; k < model.K; k += kPanel)
        linear_tile<T, kPanel>(model.packed + k * model.F, model.constant + k, model.F, x, ld, logits + k * ld);
}

/// Sum over rows of weight * |L t|^2 / 2 in log2 units, which the logits of shared covariances leave out.
template <class T>
double row_constants(const LinearModel<T>& model, const T* x, size_t ld, size_t rows, const T* weight) {
    Vec<double> total = {};
    for (size_t i = 0; i < rows; i += kStrip<T>) {
        Vec<T> q[kStripVectors];
        squared_norm<T>(model.d, model.factor, model.zero, x + i, ld, q);
        for (int v = 0; v < kStripVectors; ++v) {
            Vec<double> part[2], w[2];
            as_doubles(q[v], part);
            if (weight) as_doubles(load(weight + i + v * kLanes<T>), w);
            for (int h = 0; h < kDoubleVectors<T>; ++h) total += weight ? w[h] * part[h] : part[h];
        }
    }
    return sum_of(total);
}

}  // namespace gaussmix::GAUSSMIX_ISA
