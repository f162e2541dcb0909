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
struct Divide {
  template <class V>
  LAMINA_HD V operator()(V a, V b) const {
    return a / b;
  }
};
struct Maximum {
  template <class V>
  LAMINA_HD V operator()(V a, V b) const {
    return a != a ? a : a > b ? a : b;
  }
};
struct Minimum {
  template <class V>
  LAMINA_HD V operator()(V a, V b) const {
    return a != a ? a : a < b ? a : b;
  }
};
struct Greater {
  template <class V>
  LAMINA_HD V operator()(V a, V b) const {
    return a > b ? V{} + 1 : V{};
  }
};
struct ShareOfGreater {
  template <class V>
  LAMINA_HD V operator()(V a, V b, V dy) const {
    return a > b ? dy : a < b ? V{} : dy / 2;
  }
};
struct Select {
  template <class V>
  LAMINA_HD V operator()(V c, V a, V b) const {
    return c != V{} ? a : b;
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
