// Moments for responsibilities that come from outside (n_rows, K), with the weights in them.
//
// They must not be negative, and are brought near 1 by a power of two, as weights are. No parameters tell the scale of
// the rows here, so float rows are summed as double ones, about references rounded to float: this pass runs once
// a fit, not once an iteration.
#pragma once

#include "diagonal.hpp"
#include "dense.hpp"

namespace gaussmix::GAUSSMIX_ISA {

inline double sum_of_all(const double* values, size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; ++i) sum += values[i];
    return sum;
}

/// Transposes the responsibilities of a micro-block; its filling rows get 0.
template <Form F>
void set_responsibilities(const double* from, size_t K, double scale, size_t n, size_t rows, size_t ld, double* to) {
    for (size_t k = 0; k < K; ++k)
        for (size_t i = 0; i < rows; ++i) {
            const double value = i < n ? from[i * K + k] * scale : 0;
            to[k * ld + i] = F == Form::root ? root(value) : value;
        }
}

/// Calls add(k, responsibilities, ones, blocks) for each component of each micro-block; returns the scale to undo.
template <Form F, class Add>
double for_each_given(const Rows<double>& data, const double* responsibilities, size_t K, size_t capacity, Add&& add) {
    const double scale = power_near(responsibilities, data.n_rows * K);
    MicroBlocks<double> blocks(data, capacity, nullptr);
    Buffer<double> given(K * blocks.ld), ones(blocks.ld);
    ones.fill(blocks.ld, 1);
    while (blocks.next()) {
        set_responsibilities<F>(responsibilities + blocks.first * K, K, scale, blocks.n, blocks.padded_rows, blocks.ld,
                                given);
        for (size_t k = 0; k < K; ++k) add(k, given + k * blocks.ld, static_cast<const double*>(ones), blocks);
    }
    return 1 / scale;
}

inline void dense_given_pass(const Rows<double>& data, const double* responsibilities, const double* reference,
                             size_t K, double* out) {
    const size_t d = data.n_features, slots = symmetric_slots(d + 1);
    const size_t capacity = micro_block_rows<double>(data.n_rows, 2 * d + K + 4, 2 * d + 1);
    const Moments moments(out, K, d, K * d * d);
    Buffer<double> w((d + 1) * leading_dimension<double>(capacity)), sums(K * slots);
    sums.fill(K * slots, 0);
    const double unscale = for_each_given<Form::root>(
        data, responsibilities, K, capacity,
        [&](size_t k, const double* h, const double* ones, MicroBlocks<double>& blocks) {
            add_component<double>(h, ones, reference + k * d, blocks.x(), blocks.ld, blocks.padded_rows, d, w,
                                  sums + k * slots);
        });
    for (size_t k = 0; k < K; ++k) read_component(sums + k * slots, d, k, unscale, false, moments);
    *moments.weight = sum_of_all(responsibilities, data.n_rows * K);
}

inline void diagonal_given_pass(const Rows<double>& data, const double* responsibilities, const double* reference,
                                size_t K, double* out) {
    const size_t d = data.n_features, slots = diagonal_slots(d);
    const size_t capacity = micro_block_rows<double>(data.n_rows, d + K + 4, d + 2);
    const Moments moments(out, K, d, K * d);
    Buffer<double> scratch(leading_dimension<double>(capacity)), sums(K * slots);
    sums.fill(K * slots, 0);
    const double unscale = for_each_given<Form::plain>(
        data, responsibilities, K, capacity,
        [&](size_t k, const double* r, const double* ones, MicroBlocks<double>& blocks) {
            add_diagonal<double>(r, ones, reference + k * d, blocks.x(), blocks.ld, blocks.padded_rows, d, scratch,
                                 sums + k * slots);
        });
    for (size_t k = 0; k < K; ++k) read_diagonal(sums + k * slots, d, k, unscale, false, moments);
    *moments.weight = sum_of_all(responsibilities, data.n_rows * K);
}

/// Kind is dense or diagonal.
template <class T, Representation Kind>
void moments_given(const Rows<T>& data, const double* responsibilities, const double* means, size_t K, double* out) {
    constexpr auto pass = Kind == dense ? dense_given_pass : diagonal_given_pass;
    const size_t d = data.n_features, size = 2 + K * (1 + d + (Kind == dense ? d * d : d));
    Buffer<double> reference(K * d);
    round_to<T>(means, K * d, reference);
    if constexpr (sizeof(T) == 8) pass(data, responsibilities, reference, K, out);
    else
        in_double(data, out, size, [&](const Rows<double>& rows, size_t first, double* part) {
            pass(rows, responsibilities + first * K, reference, K, part);
        });
}

}  // namespace gaussmix::GAUSSMIX_ISA
