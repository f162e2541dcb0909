#pragma once
#include "lamina/core/device.hpp"

namespace lamina {

/// Pointwise non-linearity, also used as a fused epilogue. `slope` is leaky_relu's slope for negative inputs.
struct Activation {
  enum class Kind : std::uint8_t { none, relu, leaky_relu, sigmoid, tanh };
  Kind kind = Kind::none;
  double slope = 0.01;

  static constexpr Activation none() { return {}; }
  static constexpr Activation relu() { return {Kind::relu, 0}; }
  static constexpr Activation leaky_relu(double slope = 0.01) { return {Kind::leaky_relu, slope}; }
  static constexpr Activation sigmoid() { return {Kind::sigmoid, 0}; }
  static constexpr Activation tanh() { return {Kind::tanh, 0}; }
  LAMINA_HD bool is_none() const { return kind == Kind::none; }
};
constexpr const char* name_of(Activation::Kind kind) {
  constexpr const char* kNames[] = {"none", "relu", "leaky_relu", "sigmoid", "tanh"};
  return kNames[static_cast<int>(kind)];
}

namespace kernels {

/// y = act(x); overwrites y, which may be x.
LAMINA_KERNEL(activation_forward, View2<const T> x, Activation act, View2<T> y)
/// dx = dy * act'(x), expressed through the OUTPUT y (all our activations allow it, leaky_relu with slope > 0); dx may be dy.
LAMINA_KERNEL(activation_backward, View2<const T> y, View2<const T> dy, Activation act, View2<T> dx)

}  // namespace kernels
}  // namespace lamina
