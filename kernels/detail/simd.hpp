// SIMD registers of the instruction set at hand as plain values (GCC vector extensions): Vec<float>, Vec<double>.
#pragma once
#include "detail/isa.hpp"

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
/// The first `count` elements only (all, when there are more than a register holds); the rest is zero.
template <class T>
inline Vec<T> load_part(const T* p, std::int64_t count) {
  if (count >= kLanes<T>) return load(p);
  Vec<T> v{};
  __builtin_memcpy(&v, p, static_cast<std::size_t>(count) * sizeof(T));
  return v;
}
template <class T>
inline void store_part(T* p, Vec<T> v, std::int64_t count) {
  if (count >= kLanes<T>) return store(p, v);
  __builtin_memcpy(p, &v, static_cast<std::size_t>(count) * sizeof(T));
}
/// Elements `step` apart.
template <class T>
inline Vec<T> gather(const T* p, std::int64_t step, std::int64_t count) {
  T v[kLanes<T>] = {};
  for (std::int64_t i = 0; i < kLanes<T> && i < count; ++i) v[i] = p[i * step];
  return load(v);
}

/// Registers that hold `count` elements.
template <class T>
constexpr std::int64_t vectors_for(std::int64_t count) {
  return (count + kLanes<T> - 1) / kLanes<T>;
}

}  // namespace lamina::kernels::LAMINA_ISA
