// Truncated variational E-step: a row is evaluated under a few candidates of the K components only.
//
// Each row remembers its best component. The rows are sorted by the group of components to which that belongs, and all
// rows of a group have the same candidates: so they are gathered, transposed and evaluated as the dense tiles of the
// other passes, with responsibilities normalised within the candidates. Sums of a group are small tiles; a candidate
// that is negligible for all rows of a tile is left out of the sums. The best component is then updated.
//
// Full covariances go component by component, as in dense.hpp; diagonal ones by tiles of the group's candidates,
// packed anew for each group. Rows of shared covariances are whitened once about the group's first candidate c, and
// with t = x - c, F_k = sum r_k t, n_k = sum r_k, delta_k = mean_k - c the pooled scatter is
//   sum w t t' - sum_k (F_k delta_k' + delta_k F_k' - n_k delta_k delta_k'),
// which is exact to eps (|delta| / sd)^2 between neighbours, however far others lie.
//
// share holds for each candidate of each group the sum of its responsibilities for the group's rows: what tells which
// components the group needs.
//
// out = [sum of log sum over candidates, weight, count, first, second] as in the other passes: a lower bound.
#pragma once

#include "linear_moments.hpp"
#include "small.hpp"

namespace gaussmix::GAUSSMIX_ISA {

/// The rows by group, in ascending order within each.
struct Grouping {
    Grouping(const Candidates& candidates, const std::int32_t* best, size_t n)
        : starts(candidates.n_groups + 1), rows(n) {
        const size_t G = candidates.n_groups;
        Buffer<size_t> next(G);
        starts.fill(G + 1, 0);
        for (size_t i = 0; i < n; ++i) ++starts[candidates.group_of[best[i]] + 1];
        for (size_t g = 0; g < G; ++g) starts[g + 1] += starts[g], next[g] = starts[g];
        for (size_t i = 0; i < n; ++i) rows[next[candidates.group_of[best[i]]]++] = i;
    }
    Buffer<size_t> starts, rows;
};

/// Some rows of a group, transposed as in block.hpp.
template <class T>
struct GatheredRows {
    GatheredRows(const Rows<T>& data, size_t most)
        : data(data), capacity(most), ld(leading_dimension<T>(most)), flat(most * data.n_features),
          x(data.n_features * ld), weight(ld), scale(data.weight ? power_near(data.weight, data.n_rows) : 1.0) {}

    void gather(const size_t* rows, size_t count, const T* anchor) {
        const size_t d = data.n_features;
        n = count;
        padded_rows = rounded_up(n, kStrip<T>);
        for (size_t i = 0; i < n; ++i) {
            if (i + 8 < n) __builtin_prefetch(data.x + rows[i + 8] * d);
            __builtin_memcpy(flat + i * d, data.x + rows[i] * d, d * sizeof(T));
            weight[i] = data.weight ? T(data.weight[rows[i]] * scale) : T(1);
        }
        for (size_t i = n; i < padded_rows; ++i) weight[i] = 0;
        transpose_rows<T>(flat, n, padded_rows, d, flat + capacity * d, anchor, x, ld);
    }

    const Rows<T> data;
    const size_t capacity, ld;
    size_t n = 0, padded_rows = 0;
    Buffer<T> flat, x, weight;
    double scale;
};

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

/// Sum of the responsibilities of one component.
template <class T, Form F>
double sum_of_shares(const T* e, const T* scale, size_t rows) {
    Vec<T> sum = {};
    for (size_t i = 0; i < rows; i += kLanes<T>) {
        const Vec<T> r = load(e + i) * load(scale + i);
        sum += F == Form::root ? r * r : r;
    }
    Vec<double> part[2] = {};
    as_doubles(sum, part);
    return sum_of(part[0]) + (sizeof(T) == 4 ? sum_of(part[1]) : 0.0);
}

/// Largest number of candidates of a group that has rows.
inline size_t most_candidates(const Candidates& candidates) {
    size_t most = 1;
    for (size_t g = 0; g < candidates.n_groups; ++g)
        most = larger(most, size_t(candidates.starts[g + 1] - candidates.starts[g]));
    return most;
}

inline bool has_live(const Parameters& p, const std::int32_t* list, size_t n) {
    for (size_t c = 0; c < n; ++c)
        if (is_live(p, list[c])) return true;
    return false;
}

template <class T, Form F, class Pass>
void truncated_pass(const Rows<T>& data, const Parameters& p, const double* references, const Candidates& candidates,
                    std::int32_t* best, double* share, const Moments& moments) {
    const size_t d = data.n_features, most = most_candidates(candidates);
    const Grouping grouping(candidates, best, data.n_rows);
    GatheredRows<T> block(data, micro_block_rows<T>(data.n_rows, 2 * d + most + 4, 2 * d + 1));
    const size_t ld = block.ld;
    Pass pass(p, d, references, most, ld);
    Buffer<T> logits(most * ld);
    Buffer<Bits<T>> labels(ld);
    RowState<T> state(ld);
    double total = 0;
    const double unscale = 1.0 / block.scale;
    for (std::int64_t c = 0; share && c < candidates.starts[candidates.n_groups]; ++c) share[c] = 0;
    for (size_t g = 0; g < candidates.n_groups; ++g) {
        const size_t begin = grouping.starts[g], end = grouping.starts[g + 1];
        const std::int32_t* const list = candidates.components + candidates.starts[g];
        const size_t n = candidates.starts[g + 1] - candidates.starts[g];
        if (begin == end) continue;
        if (!has_live(p, list, n)) {
            total = -__builtin_inf();
            continue;
        }
        const T* const anchor = pass.enter(list, n);
        for (size_t i = begin; i < end; i += block.capacity) {
            const size_t* const rows = grouping.rows + i;
            block.gather(rows, smaller(block.capacity, end - i), anchor);
            pass.set_logits(block.x, ld, block.padded_rows, logits);
            largest<T>(logits, ld, block.padded_rows, n, state.peak, labels);
            for (size_t j = 0; j < block.n; ++j) best[rows[j]] = list[labels[j]];
            if (!share) continue;
            total += assign<T, F>(logits, ld, block.padded_rows, n, block.weight, false, state);
            for (size_t c = 0; c < n; ++c)
                share[candidates.starts[g] + c] +=
                    unscale * sum_of_shares<T, F>(logits + c * ld, state.scale, block.padded_rows);
            pass.add(logits, state.scale, block.weight, block.x, ld, block.padded_rows);
        }
        pass.leave();
    }
    pass.read(unscale, moments);
    *moments.weight = total_weight(data);
    *moments.log_likelihood = total * unscale * kLn2 + pass.shift * *moments.weight;
}

/// Whether the precisions suit T.
template <class T>
bool precisions_in_range(Representation kind, const Parameters& p, size_t d) {
    if (sizeof(T) == 8) return true;
    if (kind == dense) return factors_in_range<T>(p, p.n_components, d);
    return kind == shared ? factors_in_range<T>(p, 1, d) : roots_in_range<T>(p, kind == diagonal ? d : 1);
}

template <class T>
void truncated_in(Representation kind, const Rows<T>& data, const Parameters& p, const double* references,
                  const Candidates& candidates, std::int32_t* best, double* share, const Moments& moments) {
    const bool narrow = data.n_features <= 4;
    constexpr Form plain = Form::plain, root = Form::root;
    if (kind == shared)
        truncated_pass<T, plain, TruncatedShared<T>>(data, p, references, candidates, best, share, moments);
    else if (kind == diagonal)
        truncated_pass<T, plain, TruncatedDiagonal<T, false>>(data, p, references, candidates, best, share, moments);
    else if (kind == spherical)
        truncated_pass<T, plain, TruncatedDiagonal<T, true>>(data, p, references, candidates, best, share, moments);
    else if (narrow)
        truncated_pass<T, plain, TruncatedDense<T, plain>>(data, p, references, candidates, best, share, moments);
    else truncated_pass<T, root, TruncatedDense<T, root>>(data, p, references, candidates, best, share, moments);
}

/// Overwrites out with the moments and best with the best candidate of each row; only best where there is no share.
template <class T>
void truncated_moments(Representation kind, const Rows<T>& data, const Parameters& p, const Candidates& candidates,
                       std::int32_t* best, double* share, double* out) {
    const size_t d = data.n_features, K = p.n_components;
    const size_t n_second = kind == dense ? K * d * d : kind == shared ? d * d : kind == diagonal ? K * d : K;
    const size_t size = 2 + K * (1 + d) + n_second;
    Buffer<double> unused(out ? 0 : size);
    if (!out) out = unused;
    if (largest_constant(p) == -__builtin_inf()) return without_components(data, Moments(out, K, d, n_second));
    Buffer<double> references(K * d);
    round_to<T>(p.means, K * d, references);
    if constexpr (sizeof(T) == 8) {
        truncated_in<T>(kind, data, p, references, candidates, best, share, Moments(out, K, d, n_second));
    } else {
        Buffer<std::int32_t> before(data.n_rows);
        for (size_t i = 0; i < data.n_rows; ++i) before[i] = best[i];
        const bool in_float = precisions_in_range<T>(kind, p, d);
        if (in_float) truncated_in<T>(kind, data, p, references, candidates, best, share, Moments(out, K, d, n_second));
        if (!in_float || !all_finite(out, size)) {  // float rows that leave the range of float32 on the way
            Buffer<double> x(data.n_rows * d);
            for (size_t i = 0; i < data.n_rows * d; ++i) x[i] = data.x[i];
            for (size_t i = 0; i < data.n_rows; ++i) best[i] = before[i];
            const Rows<double> rows{x, data.weight, data.n_rows, d};
            truncated_in<double>(kind, rows, p, references, candidates, best, share, Moments(out, K, d, n_second));
        }
    }
    replace_nan(out + 1, size - 1);
}

}  // namespace gaussmix::GAUSSMIX_ISA
