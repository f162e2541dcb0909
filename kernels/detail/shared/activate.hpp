// The activations as functors, for fused epilogues on every device: a(v) = act(v), and a.pull(y, dy) = dy * act'(v) through y = act(v).
// V is a register of the CPU or a CUDA thread's number.
#pragma once
#ifdef LAMINA_CPU_KERNELS
#include "detail/cpu/math.hpp"
#else
#include "detail/cuda/math.cuh"
#endif
#include "lamina/kernels/activation.hpp"

namespace lamina::kernels::LAMINA_ISA {

struct Identity {
  template <class V>
  LAMINA_HD V operator()(V v) const {
    return v;
  }
  template <class V>
  LAMINA_HD V pull(V, V dy) const {
    return dy;
  }
};
struct Relu {
  template <class V>
  LAMINA_HD V operator()(V v) const {
    return v < V{} ? V{} : v;  // keeps NaN
  }
  template <class V>
  LAMINA_HD V pull(V y, V dy) const {
    return y > V{} ? dy : V{};
  }
};
struct LeakyRelu {
  float slope;
  template <class V>
  LAMINA_HD V operator()(V v) const {
    return v > V{} ? v : v * slope;
  }
  template <class V>
  LAMINA_HD V pull(V y, V dy) const {
    return y > V{} ? dy : dy * slope;
  }
};
struct Sigmoid {
  template <class V>
  LAMINA_HD V operator()(V v) const {
    return sigmoid(v);
  }
  template <class V>
  LAMINA_HD V pull(V y, V dy) const {
    return dy * y * (1 - y);
  }
};
struct Tanh {
  template <class V>
  LAMINA_HD V operator()(V v) const {
    return tanh(v);
  }
  template <class V>
  LAMINA_HD V pull(V y, V dy) const {
    return dy * (1 - y * y);
  }
};

/// Calls f(functor).
template <class F>
LAMINA_HD void with_activation(Activation act, F&& f) {
  switch (act.kind) {
    case Activation::Kind::none: return f(Identity{});
    case Activation::Kind::relu: return f(Relu{});
    case Activation::Kind::leaky_relu: return f(LeakyRelu{act.slope});
    case Activation::Kind::sigmoid: return f(Sigmoid{});
    case Activation::Kind::tanh: return f(Tanh{});
  }
}

}  // namespace lamina::kernels::LAMINA_ISA
