// 2^x and log2(x) of vectors: relative error 2.1e-16 and 1.9e-9 for 2^x before rounding.
//
// A Horner chain has a long latency and the scheduler cannot overlap enough of them by itself, so exp2
// takes a whole strip and its three chains are interleaved by hand. Logarithms are to base 2: the
// factor log2(e) is folded into the parameters of the mixture.
#pragma once

#include "simd.hpp"

namespace gaussmix::GAUSSMIX_ISA {

inline constexpr double kLog2E = 1.4426950408889634074;
inline constexpr double kLn2 = 0.69314718055994530942;

/// Constants of 2^x: minimax polynomials of relative error on [-1/2, 1/2] (Remez), highest power first.
template <class T> struct Exp2;
template <>
struct Exp2<double> {
    static constexpr int degree = 10, mantissa_bits = 52;
    static constexpr double round = 6755399441055744.0;  // 1.5 * 2^52: x + round has rint(x) in its low bits
    static constexpr double lowest = -1000;              // below it 2^x counts as 0, far from denormal numbers
    static constexpr double coefficient[11] = {
        7.0372795305828035197e-9, 1.0208537904552163897e-7, 1.321566283184610283e-6, 0.000015252658116561384328,
        0.00015403529961135955451, 0.0013333558228561475528, 0.009618129108034588692, 0.055504108664458833193,
        0.24022650695908767799, 0.69314718055994977507, 1.0};
};
template <>
struct Exp2<float> {
    static constexpr int degree = 6, mantissa_bits = 23;
    static constexpr float round = 12582912.0f;
    static constexpr float lowest = -120;
    static constexpr float coefficient[7] = {0.00015345812161311629759f, 0.0013399931177239737967f,
                                             0.0096184889563311816196f,  0.05550328777105324799f,
                                             0.24022646890645520696f,    0.69314720573719575134f, 1.0f};
};

/// Replaces x[0..2] by 2^x, and by exactly 0 below `lowest` or where x is not a number; needs x < 1.
template <class T>
GAUSSMIX_INLINE void exp2_strip(Vec<T>* x, T lowest = Exp2<T>::lowest) {
    using C = Exp2<T>;
    Vec<T> shifted[kStripVectors], rest[kStripVectors], value[kStripVectors];
    GAUSSMIX_UNROLL
    for (int v = 0; v < kStripVectors; ++v) {
        shifted[v] = x[v] + C::round;
        rest[v] = x[v] - (shifted[v] - C::round);
        value[v] = broadcast<T>(C::coefficient[0]);
    }
    GAUSSMIX_UNROLL
    for (int power = 1; power <= C::degree; ++power)
        GAUSSMIX_UNROLL
        for (int v = 0; v < kStripVectors; ++v) value[v] = value[v] * rest[v] + C::coefficient[power];
    GAUSSMIX_UNROLL
    for (int v = 0; v < kStripVectors; ++v) {
        const BitVec<T> scaled = (BitVec<T>)value[v] + ((BitVec<T>)shifted[v] << C::mantissa_bits);
        x[v] = x[v] > lowest ? (Vec<T>)scaled : Vec<T>{};
    }
}

/// log2 of positive normal doubles: exponent and mantissa in [sqrt(1/2), sqrt(2)), then artanh's series.
GAUSSMIX_INLINE Vec<double> log2_of(Vec<double> x) {
    using Integers = BitVec<double>;
    constexpr double magic = Exp2<double>::round;
    const Integers bits = (Integers)x;
    const Integers exponent = (bits - 0x3fe6a09e667f3bcdLL) >> 52;
    const Vec<double> mantissa = (Vec<double>)(bits - (exponent << 52));
    const Vec<double> s = (mantissa - 1.0) / (mantissa + 1.0), z = s * s;
    Vec<double> series = broadcast(2.0 / 21);
    GAUSSMIX_UNROLL
    for (int odd = 19; odd >= 1; odd -= 2) series = series * z + 2.0 / odd;
    const Vec<double> whole = (Vec<double>)(exponent + (Integers)broadcast(magic)) - magic;
    return whole + s * series * kLog2E;
}

/// A vector of T as doubles: one vector, or two for float.
template <class T> inline constexpr int kDoubleVectors = int(sizeof(double) / sizeof(T));

GAUSSMIX_INLINE void as_doubles(Vec<double> x, Vec<double>* out) { out[0] = x; }
GAUSSMIX_INLINE void as_doubles(Vec<float> x, Vec<double>* out) {
    using Half = typename VectorOf<float, kVectorBytes / 2>::type;
    Half half[2];
    __builtin_memcpy(half, &x, sizeof x);
    out[0] = __builtin_convertvector(half[0], Vec<double>);
    out[1] = __builtin_convertvector(half[1], Vec<double>);
}

GAUSSMIX_INLINE double sum_of(Vec<double> v) {
    double sum = 0;
    GAUSSMIX_UNROLL
    for (int lane = 0; lane < kDoubleLanes; ++lane) sum += v[lane];
    return sum;
}

}  // namespace gaussmix::GAUSSMIX_ISA
