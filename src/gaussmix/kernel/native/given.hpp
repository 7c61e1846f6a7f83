// Moments for responsibilities that come from outside (n_rows, K), with the weights in them.
//
// They must not be negative. They are brought near 1 by a power of two, so that a float holds them.
#pragma once

#include "diagonal.hpp"
#include "small.hpp"

namespace gaussmix::GAUSSMIX_ISA {

inline double sum_of_all(const double* values, size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; ++i) sum += values[i];
    return sum;
}

/// Transposes the responsibilities of a micro-block; its filling rows get 0.
template <class T, Form F>
void set_responsibilities(const double* from, size_t K, double scale, size_t n, size_t rows, size_t ld, T* to) {
    for (size_t k = 0; k < K; ++k)
        for (size_t i = 0; i < rows; ++i) {
            const T value = i < n ? T(from[i * K + k] * scale) : T(0);
            to[k * ld + i] = F == Form::root ? root(value) : value;
        }
}

/// Calls add(k, responsibilities, ones, blocks) for each component of each micro-block; returns the scale to undo.
template <class T, Form F, class Add>
double for_each_given(const Rows<T>& data, const double* responsibilities, size_t K, size_t capacity, Add&& add) {
    const double scale = power_near(responsibilities, data.n_rows * K);
    MicroBlocks<T> blocks(data, capacity, nullptr);
    Buffer<T> given(K * blocks.ld), ones(blocks.ld);
    ones.fill(blocks.ld, 1);
    while (blocks.next()) {
        set_responsibilities<T, F>(responsibilities + blocks.first * K, K, scale, blocks.n, blocks.padded_rows,
                                   blocks.ld, given);
        for (size_t k = 0; k < K; ++k) add(k, given + k * blocks.ld, static_cast<const T*>(ones), blocks);
    }
    return 1 / scale;
}

template <class T>
void dense_moments_given(const Rows<T>& data, const double* responsibilities, const double* reference, size_t K,
                         double* out) {
    const size_t d = data.n_features, slots = symmetric_slots(d + 1);
    const size_t capacity = micro_block_rows<T>(data.n_rows, 2 * d + K + 4, 2 * d + 1);
    const Moments moments(out, K, d, K * d * d);
    Buffer<T> centers(K * d), w((d + 1) * leading_dimension<T>(capacity));
    Buffer<double> sums(K * slots);
    sums.fill(K * slots, 0);
    for (size_t i = 0; i < K * d; ++i) centers[i] = T(reference[i]);
    const double unscale = for_each_given<T, Form::root>(
        data, responsibilities, K, capacity, [&](size_t k, const T* h, const T* ones, MicroBlocks<T>& blocks) {
            add_component<T>(h, ones, centers + k * d, blocks.x(), blocks.ld, blocks.padded_rows, d, w, sums + k * slots);
        });
    for (size_t k = 0; k < K; ++k) read_component(sums + k * slots, d, k, unscale, false, moments);
    *moments.weight = sum_of_all(responsibilities, data.n_rows * K);
}

template <class T>
void diagonal_moments_given(const Rows<T>& data, const double* responsibilities, const double* reference, size_t K,
                            double* out) {
    const size_t d = data.n_features, slots = diagonal_slots(d);
    const size_t capacity = micro_block_rows<T>(data.n_rows, d + K + 4, d + 2);
    const Moments moments(out, K, d, K * d);
    Buffer<T> centers(K * d), scratch(leading_dimension<T>(capacity));
    Buffer<double> sums(K * slots);
    sums.fill(K * slots, 0);
    for (size_t i = 0; i < K * d; ++i) centers[i] = T(reference[i]);
    const double unscale = for_each_given<T, Form::plain>(
        data, responsibilities, K, capacity, [&](size_t k, const T* r, const T* ones, MicroBlocks<T>& blocks) {
            add_diagonal<T>(r, ones, centers + k * d, blocks.x(), blocks.ld, blocks.padded_rows, d, scratch,
                            sums + k * slots);
        });
    for (size_t k = 0; k < K; ++k) read_diagonal(sums + k * slots, d, k, unscale, false, moments);
    *moments.weight = sum_of_all(responsibilities, data.n_rows * K);
}

}  // namespace gaussmix::GAUSSMIX_ISA
