// Vectors of the compiled instruction set, on the vector extensions of GCC and Clang.
//
// A vector holds kLanes<T> numbers, one lane a row. A *strip* is three vectors: it is the width of
// every tile of the kernel, because three independent vectors a scalar keep both multiply-add units
// busy while each broadcast is used three times.
//
// Everything lives in a namespace named after the instruction set, so that the linker cannot merge an
// inline function compiled for one machine into the code of another. For the same reason these headers
// use no templates of the standard library that generate code.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#define GAUSSMIX_INLINE inline __attribute__((always_inline))
#define GAUSSMIX_UNROLL _Pragma("GCC unroll 64")

namespace gaussmix::GAUSSMIX_ISA {

inline constexpr int kVectorBytes = GAUSSMIX_VECTOR_BYTES;
#if defined(__AVX512F__) || defined(__aarch64__)
inline constexpr int kRegisters = 32;
#else
inline constexpr int kRegisters = 16;
#endif

template <class T, int Bytes = kVectorBytes>
struct VectorOf {
    typedef T type __attribute__((vector_size(Bytes)));
};
template <class T> struct BitsOf;
template <> struct BitsOf<double> { using type = std::int64_t; };
template <> struct BitsOf<float> { using type = std::int32_t; };

template <class T> using Vec = typename VectorOf<T>::type;
template <class T> using Bits = typename BitsOf<T>::type;
template <class T> using BitVec = typename VectorOf<Bits<T>>::type;
template <class T> inline constexpr int kLanes = kVectorBytes / int(sizeof(T));

inline constexpr int kStripVectors = 3;
template <class T> inline constexpr int kStrip = kStripVectors * kLanes<T>;

template <class T>
GAUSSMIX_INLINE Vec<T> load(const T* from) {
    Vec<T> vector;
    __builtin_memcpy(&vector, from, sizeof vector);
    return vector;
}

template <class T>
GAUSSMIX_INLINE void store(T* to, Vec<T> vector) {
    __builtin_memcpy(to, &vector, sizeof vector);
}

/// x in every lane; x - 0 is x for every x, so that this compiles to a broadcast.
template <class T>
GAUSSMIX_INLINE Vec<T> broadcast(T x) {
    return x - Vec<T>{};
}

/// Holds a loaded vector in a register: left alone, GCC loads it again for each of its uses, and the loads,
/// not the multiply-adds, become the bottleneck of a tile.
template <class V>
GAUSSMIX_INLINE V kept(V vector) {
#if defined(__x86_64__)
    asm("" : "+v"(vector));
#elif defined(__aarch64__)
    asm("" : "+w"(vector));
#endif
    return vector;
}

/// The larger of two vectors; `otherwise` where `preferred` is not a number.
template <class V>
GAUSSMIX_INLINE V maximum(V preferred, V otherwise) {
    return preferred > otherwise ? preferred : otherwise;
}

/// The smaller of two vectors; `otherwise` where `preferred` is not a number.
template <class V>
GAUSSMIX_INLINE V minimum(V preferred, V otherwise) {
    return preferred < otherwise ? preferred : otherwise;
}

template <class T, int H, std::size_t... I>
GAUSSMIX_INLINE Vec<T> merge_low(Vec<T> a, Vec<T> b, std::index_sequence<I...>) {
    return __builtin_shufflevector(a, b, ((I & H) ? int(I) - H + kLanes<T> : int(I))...);
}
template <class T, int H, std::size_t... I>
GAUSSMIX_INLINE Vec<T> merge_high(Vec<T> a, Vec<T> b, std::index_sequence<I...>) {
    return __builtin_shufflevector(a, b, ((I & H) ? int(I) + kLanes<T> : int(I) + H)...);
}
template <class T, int H, std::size_t... I>
GAUSSMIX_INLINE Vec<T> swap_halves(Vec<T> a, std::index_sequence<I...>) {
    return __builtin_shufflevector(a, a, (int(I) ^ H)...);
}

template <class T> using LaneIndex = std::make_index_sequence<std::size_t(kLanes<T>)>;

/// One step of a butterfly: exchanges bit H of the lane with bit H of the vector's position.
template <class T, int H>
GAUSSMIX_INLINE void exchange(Vec<T>& a, Vec<T>& b) {
    const Vec<T> low = merge_low<T, H>(a, b, LaneIndex<T>{});
    b = merge_high<T, H>(a, b, LaneIndex<T>{});
    a = low;
}

/// Transposes kLanes vectors of kLanes numbers in place.
template <class T, int H = 1>
GAUSSMIX_INLINE void transpose(Vec<T> (&v)[kLanes<T>]) {
    if constexpr (H < kLanes<T>) {
        GAUSSMIX_UNROLL
        for (int i = 0; i < kLanes<T>; ++i)
            if ((i & H) == 0) exchange<T, H>(v[i], v[i + H]);
        transpose<T, 2 * H>(v);
    }
}

/// Sums `Count` (a power of two) vectors over their lanes: lane l of the result is the sum of v[l % Count].
template <class T, int Count, int H = 1>
GAUSSMIX_INLINE Vec<T> lane_sums(Vec<T>* v) {
    if constexpr (H < Count) {
        GAUSSMIX_UNROLL
        for (int i = 0; i < Count; i += 2 * H)
            v[i] = merge_low<T, H>(v[i], v[i + H], LaneIndex<T>{}) + merge_high<T, H>(v[i], v[i + H], LaneIndex<T>{});
        return lane_sums<T, Count, 2 * H>(v);
    } else if constexpr (H < kLanes<T>) {
        v[0] += swap_halves<T, H>(v[0], LaneIndex<T>{});
        return lane_sums<T, Count, 2 * H>(v);
    } else {
        return v[0];
    }
}

inline constexpr int kDoubleLanes = kLanes<double>;

/// Doubles that a group of `count` sums occupies: whole vectors, so that adding needs no mask.
constexpr std::size_t padded(std::size_t count) {
    return (count + kDoubleLanes - 1) / kDoubleLanes * kDoubleLanes;
}

template <int Count>
GAUSSMIX_INLINE void add_vector(double* sums, Vec<double> v) {
    store<double>(sums, load<double>(sums) + v);
}
template <int Count>
GAUSSMIX_INLINE void add_vector(double* sums, Vec<float> v) {
    using Half = typename VectorOf<float, kVectorBytes / 2>::type;
    Half half[2];
    __builtin_memcpy(half, &v, sizeof v);
    GAUSSMIX_UNROLL
    for (int h = 0; h < (Count > kDoubleLanes ? 2 : 1); ++h)
        add_vector<1>(sums + h * kDoubleLanes, __builtin_convertvector(half[h], Vec<double>));
}

constexpr int power_of_two_above(int count) {
    int power = 1;
    while (power < count) power *= 2;
    return power;
}

/// Adds the lane sums of `Count` vectors to sums[0 .. Count); sums must hold padded(Count) doubles,
/// of which the last ones are scrap. The vectors are destroyed.
template <class T, int Count>
GAUSSMIX_INLINE void add_lane_sums(Vec<T>* v, double* sums) {
    constexpr int group = Count < kLanes<T> ? Count : kLanes<T>;
    constexpr int whole = power_of_two_above(group);
    Vec<T> part[whole];
    GAUSSMIX_UNROLL
    for (int i = 0; i < whole; ++i) part[i] = i < group ? v[i] : Vec<T>{};
    add_vector<group>(sums, lane_sums<T, whole>(part));
    if constexpr (Count > group) add_lane_sums<T, Count - group>(v + group, sums + group);
}

/// A height that is known at compile time, for lambdas.
template <int N>
struct Height {
    static constexpr int value = N;
};

/// Calls f(Height<h>) for a run-time h in 1 .. Max.
template <int Max, class F>
GAUSSMIX_INLINE void with_height(std::size_t h, F&& f) {
    if constexpr (Max > 0) {
        if (h == Max) f(Height<Max>{});
        else with_height<Max - 1>(h, static_cast<F&&>(f));
    }
}

}  // namespace gaussmix::GAUSSMIX_ISA
