#pragma once
#include "lamina/core/dtype.hpp"

namespace lamina::detail {

/// Calls `f.operator()<T>()` with the element type.
template <class F>
void with_element(DType t, F&& f) {
  switch (t) {
    case DType::f32: return f.template operator()<float>();
    case DType::f64: return f.template operator()<double>();
    case DType::bf16: return f.template operator()<BFloat16>();
    case DType::u8: return f.template operator()<std::uint8_t>();
    case DType::i32: return f.template operator()<std::int32_t>();
    case DType::i64: return f.template operator()<std::int64_t>();
  }
}

}  // namespace lamina::detail
