#pragma once
#include "lamina/ops/arithmetic.hpp"

namespace lamina {

/// a where `condition` is not 0, else b, elementwise; all three are broadcast. The condition has their dtype (as `greater` gives it) or is
/// u8. Gradients: a, b. Throws ShapeError, DeviceError. Kernels: kernels/arithmetic.{cpp,cu}.
inline Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b, const Tensor& into = {}) {
  require_given("where", {{"condition", condition}});
  require_computable("where", {{"a", a}, {"b", b}});
  require_same_kind("where", a, b);
  const Tensor numbers =
      condition.dtype() == DType::u8 ? condition.to(kCpu).to(DType::f32).to(a.dtype()).to(a.device()) : condition.detach();
  require_same_kind("where", a, numbers);
  const Shape shape = detail::common_shape("where", detail::common_shape("where", a.shape(), b.shape()), condition.shape());
  const Tensor c = detail::broadcast(numbers, shape), x = detail::broadcast(a, shape), z = detail::broadcast(b, shape);
  Tensor y = output_for("where", shape, like(a), into, {numbers, a, b});
  dispatch(a, [&]<class T>(auto& device) {
    kernels::select<T>(device, c.view2<const T>(), x.view2<const T>(), z.view2<const T>(), y.view2<T>());
  });
  return record("where", {c, x, z}, y, {c}, [c](const Tensor& dy, NeedsGrad need) -> Grads {
    const Tensor nothing = Tensor::zeros(dy.shape(), like(dy));
    return {{}, need[1] ? where(c, dy, nothing) : Tensor{}, need[2] ? where(c, nothing, dy) : Tensor{}};
  });
}

// The same with a number in the place of a tensor.
inline Tensor where(const Tensor& condition, const Tensor& a, double b) {
  return where(condition, a, detail::number_beside("where", "a", a, b));
}
inline Tensor where(const Tensor& condition, double a, const Tensor& b) {
  return where(condition, detail::number_beside("where", "b", b, a), b);
}

}  // namespace lamina
