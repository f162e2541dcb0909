// Index arithmetic of kernels/strided.hpp.
#pragma once
#include "lamina/kernels/strided.hpp"

namespace lamina::kernels::LAMINA_ISA {

/// Where row r of y, numbered by the first four axes, begins in x.
template <class I>
LAMINA_HD std::int64_t strided_row(const Strided& s, I r) {
  std::int64_t at = 0;
  for (int axis = 3; axis >= 0; --axis) {
    const I extent = static_cast<I>(s.extent[axis]);
    at += static_cast<std::int64_t>(r % extent) * s.stride[axis];
    r /= extent;
  }
  return at;
}

}  // namespace lamina::kernels::LAMINA_ISA
