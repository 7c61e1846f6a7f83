// Truncated variational E-step: a row is evaluated under a few candidates of the K components only.
//
// Each row remembers its best component. The rows are sorted by the group of components to which that belongs, and all
// rows of a group have the same candidates: so they are gathered, transposed (truncated_rows.hpp) and evaluated as the
// dense tiles of the other passes (truncated_kinds.hpp), with responsibilities normalised within the candidates. Sums
// of a group are small tiles; a candidate that is negligible for all rows of a tile is left out of the sums. The best
// candidate is remembered for the next pass.
//
// A call is for a part of the rows, those of some groups: threads share a block of rows by groups, so that each has many
// rows of a group at once.
//
// share holds for each candidate of each group the sum of its responsibilities for the group's rows: what tells which
// components the group needs.
//
// out = [sum of log sum over candidates, weight, count, first, second] as in the other passes: a lower bound.
#pragma once

#include "truncated_kinds.hpp"
#include "truncated_rows.hpp"

namespace gaussmix::GAUSSMIX_ISA {

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

/// Takes over the best components so far, for groups without live candidates; returns the rows' weight.
template <class T>
double take_over(const Rows<T>& data, const Grouping& grouping, const std::int32_t* best, std::int32_t* found) {
    double weight = 0;
    for (size_t i = 0; i < grouping.n_rows(); ++i) {
        const size_t row = grouping.rows[i];
        weight += data.weight ? data.weight[row] : 1.0;
        found[row] = best[row];
    }
    return weight;
}

template <class T, Form F, class Pass>
void truncated_pass(const Rows<T>& data, const Parameters& p, const double* references, const Candidates& candidates,
                    const Grouping& grouping, const std::int32_t* best, std::int32_t* found, double* share,
                    const Moments& moments) {
    const size_t d = data.n_features, most = most_candidates(candidates, grouping);
    *moments.weight = take_over(data, grouping, best, found);
    for (std::int64_t c = 0; share && c < candidates.starts[candidates.n_groups]; ++c) share[c] = 0;
    if (largest_constant(p) == -__builtin_inf()) {
        *moments.log_likelihood = *moments.weight > 0 ? -__builtin_inf() : 0;
        return;
    }
    GatheredRows<T> block(data, micro_block_rows<T>(data.n_rows, 2 * d + most + 4, 2 * d + 1));
    const size_t ld = block.ld;
    Pass pass(p, d, references, most, ld);
    Buffer<T> logits(most * ld);
    Buffer<Bits<T>> labels(ld);
    RowState<T> state(ld);
    double total = 0;
    const double unscale = 1.0 / block.scale;
    for (size_t g = grouping.first; g < grouping.last; ++g) {
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
            block.gather(rows, smaller(block.capacity, end - i), grouping.n_rows() - i, anchor);
            pass.set_logits(block.x, ld, block.padded_rows, logits);
            largest<T>(logits, ld, block.padded_rows, n, state.peak, labels);
            for (size_t j = 0; j < block.n; ++j) found[rows[j]] = list[labels[j]];
            if (!share) continue;
            total += assign<T, F>(logits, ld, block.padded_rows, n, block.weight, false, state);
            const size_t summed = rounded_up(block.n, kLanes<T>);  // the rows behind weigh nothing
            for (size_t c = 0; c < n; ++c)
                share[candidates.starts[g] + c] += unscale * sum_of_shares<T, F>(logits + c * ld, state.scale, summed);
            pass.add(logits, state.scale, block.weight, block.x, ld, summed);
        }
        pass.leave();
    }
    pass.read(unscale, moments);
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
                  const Candidates& candidates, const Grouping& grouping, const std::int32_t* best,
                  std::int32_t* found, double* share, const Moments& moments) {
    const bool narrow = data.n_features <= 4;
    constexpr Form plain = Form::plain, root = Form::root;
    const auto run = kind == shared      ? truncated_pass<T, plain, TruncatedShared<T>>
                     : kind == diagonal  ? truncated_pass<T, plain, TruncatedDiagonal<T, false>>
                     : kind == spherical ? truncated_pass<T, plain, TruncatedDiagonal<T, true>>
                     : narrow            ? truncated_pass<T, plain, TruncatedDense<T, plain>>
                                         : truncated_pass<T, root, TruncatedDense<T, root>>;
    run(data, p, references, candidates, grouping, best, found, share, moments);
}

/// Overwrites out with the moments of a part of the rows, and found with the best candidate of each of these; only
/// found where there is no share. Returns the groups of the part.
template <class T>
Groups truncated_moments(Representation kind, const Rows<T>& data, const Parameters& p, const Candidates& candidates,
                         Portion part, const std::int32_t* best, std::int32_t* found, double* share, double* out) {
    const size_t d = data.n_features, K = p.n_components;
    const size_t n_second = kind == dense ? K * d * d : kind == shared ? d * d : kind == diagonal ? K * d : K;
    const size_t size = 2 + K * (1 + d) + n_second;
    Buffer<double> unused(out ? 0 : size);
    if (!out) out = unused;
    Buffer<double> references(K * d);
    round_to<T>(p.means, K * d, references);
    const Grouping grouping(candidates, best, data.n_rows, part);
    bool done = false;
    if (sizeof(T) == 8 || precisions_in_range<T>(kind, p, d)) {
        truncated_in<T>(kind, data, p, references, candidates, grouping, best, found, share,
                        Moments(out, K, d, n_second));
        done = sizeof(T) == 8 || all_finite(out, size);
    }
    if (!done) {  // float rows that leave the range of float32 on the way
        Buffer<double> x(data.n_rows * d);
        for (size_t i = 0; i < grouping.n_rows(); ++i)  // the others are never touched
            for (size_t a = grouping.rows[i] * d, end = a + d; a < end; ++a) x[a] = data.x[a];
        const Rows<double> rows{x, data.weight, data.n_rows, d};
        truncated_in<double>(kind, rows, p, references, candidates, grouping, best, found, share,
                             Moments(out, K, d, n_second));
    }
    replace_nan(out + 1, size - 1);
    return {grouping.first, grouping.last};
}

}  // namespace gaussmix::GAUSSMIX_ISA
