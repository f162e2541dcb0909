#pragma once
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "lamina/core/view.hpp"

namespace lamina {

/// bfloat16 storage: the upper half of an IEEE binary32, rounded to nearest even. Arithmetic happens in float.
struct BFloat16 {
  std::uint16_t bits;
  BFloat16() = default;
  LAMINA_HD explicit BFloat16(float v) : bits(round(__builtin_bit_cast(std::uint32_t, v))) {}
  LAMINA_HD explicit operator float() const { return __builtin_bit_cast(float, static_cast<std::uint32_t>(bits) << 16); }

 private:
  LAMINA_HD static std::uint16_t round(std::uint32_t u) {
    const bool nan = (u & 0x7fffffffu) > 0x7f800000u;
    return nan ? static_cast<std::uint16_t>((u >> 16) | 0x40u) : static_cast<std::uint16_t>((u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
  }
};

/// The type of what must not be rounded to T: sums, statistics, per-channel parameters, losses. float beside bf16, else T.
template <class T>
using Precise = std::conditional_t<std::is_same_v<T, BFloat16>, float, T>;

/// Element types. f32 and f64 compute; bf16 is a storage type; u8 holds labels, i32 and i64 indices and counters.
enum class DType : std::uint8_t { f32, f64, bf16, u8, i32, i64 };

constexpr std::size_t size_of(DType t) {
  switch (t) {
    case DType::f64:
    case DType::i64: return 8;
    case DType::f32:
    case DType::i32: return 4;
    case DType::bf16: return 2;
    case DType::u8: return 1;
  }
  return 0;
}

constexpr const char* name_of(DType t) {
  switch (t) {
    case DType::f32: return "f32";
    case DType::f64: return "f64";
    case DType::bf16: return "bf16";
    case DType::u8: return "u8";
    case DType::i32: return "i32";
    case DType::i64: return "i64";
  }
  return "?";
}

/// The dtype of Precise<T>.
constexpr DType precise(DType t) { return t == DType::bf16 ? DType::f32 : t; }

template <class T>
struct DTypeOf;
template <>
struct DTypeOf<float> {
  static constexpr DType value = DType::f32;
};
template <>
struct DTypeOf<double> {
  static constexpr DType value = DType::f64;
};
template <>
struct DTypeOf<BFloat16> {
  static constexpr DType value = DType::bf16;
};
template <>
struct DTypeOf<std::uint8_t> {
  static constexpr DType value = DType::u8;
};
template <>
struct DTypeOf<std::int32_t> {
  static constexpr DType value = DType::i32;
};
template <>
struct DTypeOf<std::int64_t> {
  static constexpr DType value = DType::i64;
};
/// The DType of a C++ element type: `dtype_of<float> == DType::f32`.
template <class T>
inline constexpr DType dtype_of = DTypeOf<T>::value;

}  // namespace lamina
