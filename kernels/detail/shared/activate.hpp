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

#ifdef LAMINA_CPU_KERNELS
using Slope = double;
template <class V>
using ElementOf = std::remove_cvref_t<decltype(V{}[0])>;
#else
using Slope = float;
template <class V>
using ElementOf = V;
#endif

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
  Slope slope;
  template <class V>
  LAMINA_HD V operator()(V v) const {
    return v > V{} ? v : v * static_cast<ElementOf<V>>(slope);
  }
  template <class V>
  LAMINA_HD V pull(V y, V dy) const {
    return y > V{} ? dy : dy * static_cast<ElementOf<V>>(slope);
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
    case Activation::Kind::leaky_relu: return f(LeakyRelu{static_cast<Slope>(act.slope)});
    case Activation::Kind::sigmoid: return f(Sigmoid{});
    case Activation::Kind::tanh: return f(Tanh{});
  }
}

}  // namespace lamina::kernels::LAMINA_ISA
