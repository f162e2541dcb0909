#pragma once
#include "lamina/autograd/node.hpp"
#include "lamina/core/dispatch.hpp"
#include "lamina/kernels/activation.hpp"

namespace lamina {

namespace detail {
/// Negative slopes would hide the sign of the input from the backward, which sees only the output.
inline void require_activation(const char* op, Activation act) {
  require<OptionError>(act.kind != Activation::Kind::leaky_relu || act.slope >= 0, op,
                       ": the slope of leaky_relu must not be negative, got ", act.slope);
}

/// d(loss)/d(before act), from the op's output y. dy itself when there is no activation.
inline Tensor before_activation(const Tensor& dy, const Tensor& y, Activation act) {
  if (act.is_none()) return dy;
  Tensor dz = Tensor::empty(dy.shape(), like(dy));
  dispatch(dy, [&]<class T>(auto& device) {
    kernels::activation_backward<T>(device, y.view2<const T>(), dy.view2<const T>(), act, dz.view2<T>());
  });
  return dz;
}
}  // namespace detail

/// act(x), elementwise. Gradient: x. Throws OptionError when leaky_relu has a negative slope. Kernels: kernels/activation.{cpp,cu}.
inline Tensor activation(const Tensor& x, Activation act, const Tensor& into = {}) {
  require_computable("activation", {{"x", x}});
  detail::require_activation("activation", act);
  Tensor y = output_for("activation", x.shape(), like(x), into, {x});
  dispatch(x, [&]<class T>(auto& device) { kernels::activation_forward<T>(device, x.view2<const T>(), act, y.view2<T>()); });
  const Tensor saved = y.detach();
  return record({"activation", {{"activation", name_of(act.kind)}, {"slope", act.slope}}}, {x}, y, {saved},
                [act, saved](const Tensor& dy, NeedsGrad) -> Grads { return {detail::before_activation(dy, saved, act)}; });
}

/// max(x, 0); NaN stays NaN.
inline Tensor relu(const Tensor& x, const Tensor& into = {}) { return activation(x, Activation::relu(), into); }
/// x where positive, else slope * x.
inline Tensor leaky_relu(const Tensor& x, double slope = 0.01, const Tensor& into = {}) {
  return activation(x, Activation::leaky_relu(slope), into);
}
/// 1 / (1 + exp(-x)).
inline Tensor sigmoid(const Tensor& x, const Tensor& into = {}) { return activation(x, Activation::sigmoid(), into); }
inline Tensor tanh(const Tensor& x, const Tensor& into = {}) { return activation(x, Activation::tanh(), into); }

}  // namespace lamina
