#pragma once
// Element types as files name them, and their conversion to the library's.
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>

#include "lamina/core/error.hpp"
#include "lamina/core/tensor.hpp"

namespace lamina::io {

static_assert(std::endian::native == std::endian::little);

/// Type of an element in a file. `tensor` is the type it is read as.
struct FileElement {
  const char* safetensors;  ///< name in .safetensors
  const char* npy;          ///< type character and size in .npy; null where NumPy has none
  std::size_t size;         ///< bytes
  DType tensor;
};

inline constexpr std::array<FileElement, 13> kFileElements{{
    {"U64", "u8", 8, DType::i64},
    {"I64", "i8", 8, DType::i64},
    {"F64", "f8", 8, DType::f64},
    {"F32", "f4", 4, DType::f32},
    {"U32", "u4", 4, DType::i64},
    {"I32", "i4", 4, DType::i32},
    {"BF16", nullptr, 2, DType::bf16},
    {"F16", "f2", 2, DType::f32},
    {"U16", "u2", 2, DType::i32},
    {"I16", "i2", 2, DType::i32},
    {"I8", "i1", 1, DType::i32},
    {"U8", "u1", 1, DType::u8},
    {"BOOL", "b1", 1, DType::u8},
}};

/// The file type that a tensor of type `t` is written as. Its place in kFileElements is the order of tensors in a file.
inline const FileElement& element_of(DType t) {
  const auto named = [](std::string_view name) -> const FileElement& {
    for (const FileElement& e : kFileElements)
      if (name == e.safetensors) return e;
    throw DataError(message("no file type ", std::string(name)));
  };
  switch (t) {
    case DType::f32: return named("F32");
    case DType::f64: return named("F64");
    case DType::bf16: return named("BF16");
    case DType::u8: return named("U8");
    case DType::i32: return named("I32");
    case DType::i64: return named("I64");
  }
  throw DataError("unknown dtype");
}

inline float float_from_half(std::uint16_t h) {
  const std::uint32_t sign = static_cast<std::uint32_t>(h & 0x8000u) << 16, exponent = (h >> 10) & 31u, fraction = h & 1023u;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000u | (fraction << 13));
  const float magnitude =
      exponent == 0 ? static_cast<float>(fraction) * 0x1p-24f : std::bit_cast<float>(((exponent + 112) << 23) | (fraction << 13));
  return sign ? -magnitude : magnitude;
}

/// A tensor from packed little-endian elements; `bytes` need not be aligned. `where` opens the message of a DataError.
inline Tensor tensor_from_bytes(const FileElement& element, std::string_view bytes, const Shape& shape, const std::string& where) {
  const Tensor t = Tensor::empty(shape, {element.tensor, kCpu});
  const std::string_view type = element.safetensors;
  const std::int64_t n = shape.numel();
  const auto convert_from = [&]<class From, class To>(From, To*, auto&& f) {
    To* out = t.data<To>();
    for (std::int64_t i = 0; i < n; ++i) {
      From v;
      std::memcpy(&v, bytes.data() + static_cast<std::size_t>(i) * sizeof v, sizeof v);
      out[i] = static_cast<To>(f(v));
    }
  };
  constexpr auto same = [](auto v) { return v; };
  if (type == "U64")
    convert_from(std::uint64_t{}, static_cast<std::int64_t*>(nullptr), [&](std::uint64_t v) {
      require<DataError>(v <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()), where, ": the value ", v,
                         " does not fit i64");
      return v;
    });
  else if (type == "BOOL")
    convert_from(std::uint8_t{}, static_cast<std::uint8_t*>(nullptr), [&](std::uint8_t v) {
      require<DataError>(v <= 1, where, ": a boolean has the value ", v);
      return v;
    });
  else if (type == "U32")
    convert_from(std::uint32_t{}, static_cast<std::int64_t*>(nullptr), same);
  else if (type == "U16")
    convert_from(std::uint16_t{}, static_cast<std::int32_t*>(nullptr), same);
  else if (type == "I16")
    convert_from(std::int16_t{}, static_cast<std::int32_t*>(nullptr), same);
  else if (type == "I8")
    convert_from(std::int8_t{}, static_cast<std::int32_t*>(nullptr), same);
  else if (type == "F16")
    convert_from(std::uint16_t{}, static_cast<float*>(nullptr), float_from_half);
  else if (n > 0)
    std::memcpy(t.storage().data(), bytes.data(), bytes.size());
  return t;
}

/// The packed elements of a tensor on the CPU, as bytes.
inline std::string_view bytes_of(const Tensor& packed) {
  const std::size_t size = size_of(packed.dtype());
  return {static_cast<const char*>(packed.storage().data()) + static_cast<std::size_t>(packed.offset()) * size,
          static_cast<std::size_t>(packed.numel()) * size};
}

}  // namespace lamina::io
