// Index arithmetic of kernels/strided.hpp.
#pragma once
#include "lamina/kernels/strided.hpp"

namespace lamina::kernels::LAMINA_ISA {

/// Where row r of y, numbered by the first four axes, begins in x.
LAMINA_HD std::int64_t strided_row(const Strided& s, std::int64_t r) {
  std::int64_t at = 0;
  for (int axis = 3; axis >= 0; --axis) {
    at += r % s.extent[axis] * s.stride[axis];
    r /= s.extent[axis];
  }
  return at;
}

}  // namespace lamina::kernels::LAMINA_ISA
