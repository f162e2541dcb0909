// The arithmetic functors of every device; V is a register of the CPU or a CUDA thread's number.
#pragma once
#include "lamina/core/view.hpp"

namespace lamina::kernels::LAMINA_ISA {

struct Add {
  template <class V>
  LAMINA_HD V operator()(V a, V b) const {
    return a + b;
  }
};
struct Subtract {
  template <class V>
  LAMINA_HD V operator()(V a, V b) const {
    return a - b;
  }
};
struct Multiply {
  template <class V>
  LAMINA_HD V operator()(V a, V b) const {
    return a * b;
  }
};
template <class S>
struct Scale {
  S factor, offset;
  template <class V>
  LAMINA_HD V operator()(V v) const {
    return factor * v + offset;
  }
};

}  // namespace lamina::kernels::LAMINA_ISA
