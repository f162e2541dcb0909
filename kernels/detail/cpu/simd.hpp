// SIMD registers of the instruction set at hand as plain values (GCC vector extensions): Vec<float>, Vec<double>.
#pragma once
#include <immintrin.h>

#include <utility>

#include "detail/cpu/isa.hpp"

namespace lamina::kernels::LAMINA_ISA {

template <class T>
struct VecOf {
  typedef T type [[gnu::vector_size(kVectorBytes)]];
  typedef T unaligned [[gnu::vector_size(kVectorBytes), gnu::aligned(sizeof(T)), gnu::may_alias]];
};
template <class T>
using Vec = typename VecOf<T>::type;

/// Elements in a register.
template <class T>
inline constexpr int kLanes = kVectorBytes / static_cast<int>(sizeof(T));
/// Registers the instruction set has.
inline constexpr int kRegisters = kVectorBytes == 64 ? 32 : 16;

template <class T>
[[gnu::always_inline]] inline Vec<T> load(const T* p) {
  return *reinterpret_cast<const typename VecOf<T>::unaligned*>(p);
}
template <class T>
[[gnu::always_inline]] inline void store(T* p, Vec<T> v) {
  *reinterpret_cast<typename VecOf<T>::unaligned*>(p) = v;
}
template <class T>
[[gnu::always_inline]] inline Vec<T> broadcast(T v) {
  return v - Vec<T>{};
}
/// All bits of the first `count` lanes.
template <class I>
[[gnu::always_inline]] inline Vec<I> lane_mask(I count) {
  Vec<I> lane;
  for (int i = 0; i < kLanes<I>; ++i) lane[i] = static_cast<I>(i);
  return lane < count;
}
/// The first `count` elements only (all, when there are more than a register holds); the rest is zero.
template <class T>
[[gnu::always_inline]] inline Vec<T> load_part(const T* p, std::int64_t count) {
  if (count >= kLanes<T>) return load(p);
#ifdef __AVX512F__
  if constexpr (sizeof(T) == 4)
    return reinterpret_cast<Vec<T>>(_mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << count) - 1), p));
  else
    return reinterpret_cast<Vec<T>>(_mm512_maskz_loadu_pd(static_cast<__mmask8>((1u << count) - 1), p));
#else
  if constexpr (sizeof(T) == 4)
    return reinterpret_cast<Vec<T>>(_mm256_maskload_ps(p, reinterpret_cast<__m256i>(lane_mask<int>(static_cast<int>(count)))));
  else
    return reinterpret_cast<Vec<T>>(_mm256_maskload_pd(p, reinterpret_cast<__m256i>(lane_mask<long long>(count))));
#endif
}
template <class T>
[[gnu::always_inline]] inline void store_part(T* p, Vec<T> v, std::int64_t count) {
  if (count >= kLanes<T>) return store(p, v);
#ifdef __AVX512F__
  if constexpr (sizeof(T) == 4)
    _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << count) - 1), reinterpret_cast<__m512>(v));
  else
    _mm512_mask_storeu_pd(p, static_cast<__mmask8>((1u << count) - 1), reinterpret_cast<__m512d>(v));
#else
  if constexpr (sizeof(T) == 4)
    _mm256_maskstore_ps(p, reinterpret_cast<__m256i>(lane_mask<int>(static_cast<int>(count))), reinterpret_cast<__m256>(v));
  else
    _mm256_maskstore_pd(p, reinterpret_cast<__m256i>(lane_mask<long long>(count)), reinterpret_cast<__m256d>(v));
#endif
}
/// Registers of integers with the lanes of Vec<T>: what its comparisons give.
template <class T>
using Ints = Vec<std::conditional_t<sizeof(T) == 4, int, long long>>;
template <class T>
struct BytesOf {
  typedef std::uint8_t type [[gnu::vector_size(kLanes<T>)]];
};
/// The first `count` bytes only (all, when there are more than lanes), one a lane; the rest is zero.
template <class T>
[[gnu::always_inline]] inline Ints<T> load_bytes(const std::uint8_t* p, std::int64_t count) {
  typename BytesOf<T>::type bytes{};
  if (count >= kLanes<T>)
    __builtin_memcpy(&bytes, p, kLanes<T>);
  else
    for (std::int64_t i = 0; i < count; ++i) bytes[i] = p[i];
  return __builtin_convertvector(bytes, Ints<T>);
}
template <class T>
[[gnu::always_inline]] inline void store_bytes(std::uint8_t* p, Ints<T> v, std::int64_t count) {
  const auto bytes = __builtin_convertvector(v, typename BytesOf<T>::type);
  if (count >= kLanes<T>)
    __builtin_memcpy(p, &bytes, kLanes<T>);
  else
    for (std::int64_t i = 0; i < count; ++i) p[i] = bytes[i];
}
/// Exchanges the lanes of a with bit D set for those of b without; lanes L + i are those of the second operand.
template <int D, class V, int... I>
[[gnu::always_inline]] inline void exchange_lanes(V& a, V& b, std::integer_sequence<int, I...>) {
  constexpr int L = sizeof...(I);
  const V first = a, second = b;
  a = __builtin_shufflevector(first, second, (I & D ? L + I - D : I)...);
  b = __builtin_shufflevector(first, second, (I & D ? L + I : I + D)...);
}
/// Transposes kLanes registers, each a row: exchanges the off-diagonal blocks of D = 1, 2, 4, ... lanes.
template <class T, int D = 1, class Rows>
[[gnu::always_inline]] inline void transpose(Rows& rows) {
  constexpr int L = kLanes<T>;
#pragma GCC unroll 16
  for (int i = 0; i < L; ++i)
    if (!(i & D)) exchange_lanes<D>(rows[i], rows[i + D], std::make_integer_sequence<int, L>{});
  if constexpr (2 * D < L) transpose<T, 2 * D>(rows);
}

/// Registers that hold `count` elements.
template <class T>
constexpr std::int64_t vectors_for(std::int64_t count) {
  return (count + kLanes<T> - 1) / kLanes<T>;
}

}  // namespace lamina::kernels::LAMINA_ISA
