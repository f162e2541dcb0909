#pragma once
#include "lamina/autograd/node.hpp"
#include "lamina/core/dispatch.hpp"
#include "lamina/kernels/unary.hpp"

namespace lamina {

/// f(x), elementwise. Gradient: x. Throws DeviceError. Kernels: kernels/unary.{cpp,cu}.
inline Tensor unary(const Tensor& x, Unary f, const Tensor& into = {}) {
  const char* op = name_of(f.kind);
  require_computable(op, {{"x", x}});
  Tensor y = output_for(op, x.shape(), like(x), into, {x});
  dispatch(x, [&]<class T>(auto& device) { kernels::unary_forward<T>(device, x.view2<const T>(), f, y.view2<T>()); });
  const Tensor v = f.by_output() ? y.detach() : x.detach();
  return record({op, {{"a", f.a}, {"b", f.b}}}, {x}, y, {f.by_output() ? v : x}, [f, v](const Tensor& dy, NeedsGrad) -> Grads {
    Tensor dx = Tensor::empty(dy.shape(), like(dy));
    dispatch(dy,
             [&]<class T>(auto& device) { kernels::unary_backward<T>(device, v.view2<const T>(), dy.view2<const T>(), f, dx.view2<T>()); });
    return {dx};
  });
}

/// e^x.
inline Tensor exp(const Tensor& x, const Tensor& into = {}) { return unary(x, {.kind = Unary::Kind::exp}, into); }
/// The natural logarithm: -infinity at 0, NaN below.
inline Tensor log(const Tensor& x, const Tensor& into = {}) { return unary(x, {.kind = Unary::Kind::log}, into); }
/// The square root; its gradient at 0 is infinite.
inline Tensor sqrt(const Tensor& x, const Tensor& into = {}) { return unary(x, {.kind = Unary::Kind::sqrt}, into); }
/// |x|; its gradient at 0 is 0.
inline Tensor abs(const Tensor& x, const Tensor& into = {}) { return unary(x, {.kind = Unary::Kind::abs}, into); }
/// x to the power of a number: NaN where x is negative and the exponent no whole number.
inline Tensor pow(const Tensor& x, double exponent, const Tensor& into = {}) {
  return unary(x, {.kind = Unary::Kind::pow, .a = exponent}, into);
}
/// x brought into [least, most]; NaN stays NaN. Throws OptionError unless least <= most.
inline Tensor clamp(const Tensor& x, double least, double most, const Tensor& into = {}) {
  require<OptionError>(least <= most, "clamp: the bounds ", least, " and ", most, " are not in order");
  return unary(x, {.kind = Unary::Kind::clamp, .a = least, .b = most}, into);
}

}  // namespace lamina
