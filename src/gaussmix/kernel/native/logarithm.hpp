// log2(t) and 1 / t of vectors, together: what the tails of t distributions need of t = 1 + delta / nu.
//
// With m the mantissa in [sqrt(1/2), sqrt(2)) and s = (m - 1) / (m + 1), log2(m) = s P(s^2). One reciprocal, that of
// t (m + 1), serves s and 1 / t.
#pragma once

#include "exponential.hpp"

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

namespace gaussmix::GAUSSMIX_ISA {

/// P by interpolation at Chebyshev's points, highest power first; relative error 1.8e-16 and 7e-10 before rounding.
template <class T> struct Log2;
template <>
struct Log2<double> {
    using Unsigned = std::uint64_t;
    static constexpr int degree = 6;
    static constexpr Unsigned root_half = 0x3fe6a09e667f3bcdULL, one = 0x3ff0000000000000ULL;
    static constexpr Unsigned mantissa = 0x000fffffffffffffULL, magic = 0x4338000000000000ULL;  // of Exp2's round
    static constexpr double coefficient[7] = {0.24291608539875349464, 0.26144424935229147588, 0.32061638813224548355,
                                              0.41219840204827516433, 0.57707801724632858353, 0.96179669392433455855,
                                              2.8853900817779273078};
};
template <>
struct Log2<float> {
    using Unsigned = std::uint32_t;
    static constexpr int degree = 3;
    static constexpr Unsigned root_half = 0x3f3504f3, one = 0x3f800000;
    static constexpr Unsigned mantissa = 0x007fffff, magic = 0x4b400000;
    static constexpr float coefficient[4] = {0.43171769745887384008f, 0.5767151860190234273f, 0.96179883880211000367f,
                                             2.8853900798033363296f};
};

template <class T> using UnsignedVec = typename VectorOf<typename Log2<T>::Unsigned>::type;

#if defined(__AVX512F__)
/// 1 / x within two roundings: the division of 512 bits takes as long as ten multiplications.
GAUSSMIX_INLINE Vec<double> reciprocal(Vec<double> x) {
    const Vec<double> guess = (Vec<double>)_mm512_rcp14_pd((__m512d)x), error = 1.0 - x * guess;
    const Vec<double> better = guess + guess * error, square = error * error;  // error is below 2^-14
    return better + better * square;
}
GAUSSMIX_INLINE Vec<float> reciprocal(Vec<float> x) {
    const Vec<float> guess = (Vec<float>)_mm512_rcp14_ps((__m512)x);
    return guess + guess * (1.0f - x * guess);
}
GAUSSMIX_INLINE Vec<double> exponent_of(Vec<double> x) { return (Vec<double>)_mm512_getexp_pd((__m512d)x); }
GAUSSMIX_INLINE Vec<float> exponent_of(Vec<float> x) { return (Vec<float>)_mm512_getexp_ps((__m512)x); }
#else
template <class V>
GAUSSMIX_INLINE V reciprocal(V x) {
    return 1 / x;
}
/// The exponent of a positive number; for unsigned bits, because a signed shift takes longer before AVX-512.
GAUSSMIX_INLINE Vec<double> exponent_of(Vec<double> x) {
    using C = Log2<double>;
    return (Vec<double>)(((UnsignedVec<double>)x >> 52) | C::magic) - (Exp2<double>::round + double(C::one >> 52));
}
GAUSSMIX_INLINE Vec<float> exponent_of(Vec<float> x) {
    using C = Log2<float>;
    return (Vec<float>)(((UnsignedVec<float>)x >> 23) | C::magic) - (Exp2<float>::round + float(C::one >> 23));
}
#endif

/// log2(t) and 1 / t of t[0..2], positive and normal: three chains interleaved, as in exp2_strip. `lost` is null, or
/// holds what rounding has taken from t, which the logarithm of a t near 1 must not miss.
template <class T>
GAUSSMIX_INLINE void log2_and_inverse(const Vec<T>* t, const Vec<T>* lost, Vec<T>* log, Vec<T>* inverse) {
    using C = Log2<T>;
    constexpr int odd = C::degree % 2;
    Vec<T> whole[kStripVectors], s[kStripVectors], z[kStripVectors], square[kStripVectors], series[kStripVectors];
    GAUSSMIX_UNROLL
    for (int v = 0; v < kStripVectors; ++v) {
        const UnsignedVec<T> image = (UnsignedVec<T>)t[v] + (C::one - C::root_half);  // exponent: log2's whole part
        const Vec<T> mantissa = (Vec<T>)((image & C::mantissa) + C::root_half);
        const Vec<T> beyond = mantissa + T(1), both = reciprocal(t[v] * beyond), half = both * t[v];
        whole[v] = exponent_of((Vec<T>)image);
        inverse[v] = both * beyond;
        s[v] = mantissa * half - half;
        z[v] = s[v] * s[v];
        square[v] = z[v] * z[v];
        if (lost) whole[v] += lost[v] * inverse[v] * T(kLog2E);
        series[v] = odd ? C::coefficient[0] * z[v] + C::coefficient[1] : broadcast(C::coefficient[0]);
    }
    GAUSSMIX_UNROLL
    for (int power = 1 + odd; power < C::degree; power += 2)  // two at a time: shorter chains
        GAUSSMIX_UNROLL
        for (int v = 0; v < kStripVectors; ++v)
            series[v] = series[v] * square[v] + (C::coefficient[power] * z[v] + C::coefficient[power + 1]);
    GAUSSMIX_UNROLL
    for (int v = 0; v < kStripVectors; ++v) log[v] = whole[v] + s[v] * series[v];
}

}  // namespace gaussmix::GAUSSMIX_ISA
