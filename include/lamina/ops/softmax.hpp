#pragma once
#include "lamina/autograd/node.hpp"
#include "lamina/core/dispatch.hpp"
#include "lamina/kernels/softmax.hpp"

namespace lamina {

namespace detail {
inline void require_classes(const char* op, const Tensor& x) {
  require_computable(op, {{"x", x}});
  require(x.rank() >= 1 && x.size(-1) >= 1, op, ": x must be (..., C) with at least one channel, got ", x.shape());
}
}  // namespace detail

/// Probabilities over the channels, exp(x) / sum exp(x), without overflow: x (..., C) -> (..., C).
/// Gradient: x. Throws ShapeError, DeviceError. Kernels: kernels/softmax.{cpp,cu}.
inline Tensor softmax(const Tensor& x, const Tensor& into = {}) {
  detail::require_classes("softmax", x);
  Tensor y = output_for("softmax", x.shape(), like(x), into, {x});
  dispatch(x, [&]<class T>(auto& device) { kernels::softmax_forward<T>(device, x.view2<const T>(), y.view2<T>()); });
  const Tensor saved = y.detach();
  return record("softmax", {x}, y, {saved}, [y = saved](const Tensor& dy, NeedsGrad) -> Grads {
    Tensor dx = Tensor::empty(y.shape(), like(y));
    dispatch(y,
             [&]<class T>(auto& device) { kernels::softmax_backward<T>(device, y.view2<const T>(), dy.view2<const T>(), dx.view2<T>()); });
    return {dx};
  });
}

/// log(softmax(x)), accurate also where the probability underflows: x (..., C) -> (..., C).
/// Gradient: x. Throws ShapeError, DeviceError. Kernels: kernels/softmax.{cpp,cu}.
inline Tensor log_softmax(const Tensor& x, const Tensor& into = {}) {
  detail::require_classes("log_softmax", x);
  Tensor y = output_for("log_softmax", x.shape(), like(x), into, {x});
  dispatch(x, [&]<class T>(auto& device) { kernels::log_softmax_forward<T>(device, x.view2<const T>(), y.view2<T>()); });
  const Tensor saved = y.detach();
  return record("log_softmax", {x}, y, {saved}, [y = saved](const Tensor& dy, NeedsGrad) -> Grads {
    Tensor dx = Tensor::empty(y.shape(), like(y));
    dispatch(y, [&]<class T>(auto& device) {
      kernels::log_softmax_backward<T>(device, y.view2<const T>(), dy.view2<const T>(), dx.view2<T>());
    });
    return {dx};
  });
}

}  // namespace lamina
