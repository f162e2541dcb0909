#pragma once
#include "lamina/autograd/node.hpp"
#include "lamina/core/dispatch.hpp"
#include "lamina/kernels/arithmetic.hpp"

namespace lamina {

namespace detail {
inline void require_same_shape(const char* op, const Tensor& a, const Tensor& b) {
  require(a.shape() == b.shape(), op, ": shapes ", a.shape(), " and ", b.shape(), " differ; there is no broadcasting");
}
}  // namespace detail

/// a + b, elementwise; equal shapes, or throws ShapeError. Gradients: a, b. Kernels: kernels/arithmetic.{cpp,cu}.
inline Tensor add(const Tensor& a, const Tensor& b, const Tensor& into = {}) {
  detail::require_same_shape("add", a, b);
  require_same_kind("add", a, b);
  Tensor y = output_for("add", a.shape(), like(a), into, {a, b});
  dispatch(a, [&]<class T>(auto& device) { kernels::add<T>(device, a.view2<const T>(), b.view2<const T>(), y.view2<T>()); });
  return record("add", {a, b}, y, {}, [](const Tensor& dy, NeedsGrad) -> Grads { return {dy, dy}; });
}

/// factor * x + offset. Gradient: x. Kernels: kernels/arithmetic.{cpp,cu}.
inline Tensor scale(const Tensor& x, double factor, double offset = 0, const Tensor& into = {}) {
  Tensor y = output_for("scale", x.shape(), like(x), into, {x});
  dispatch(x, [&]<class T>(auto& device) { kernels::scale<T>(device, x.view2<const T>(), factor, offset, y.view2<T>()); });
  return record({"scale", {{"factor", factor}, {"offset", offset}}}, {x}, y, {},
                [factor](const Tensor& dy, NeedsGrad) -> Grads { return {scale(dy, factor)}; });
}

/// a - b, elementwise; equal shapes, or throws ShapeError. Gradients: a, b. Kernels: kernels/arithmetic.{cpp,cu}.
inline Tensor sub(const Tensor& a, const Tensor& b, const Tensor& into = {}) {
  detail::require_same_shape("sub", a, b);
  require_same_kind("sub", a, b);
  Tensor y = output_for("sub", a.shape(), like(a), into, {a, b});
  dispatch(a, [&]<class T>(auto& device) { kernels::subtract<T>(device, a.view2<const T>(), b.view2<const T>(), y.view2<T>()); });
  return record("sub", {a, b}, y, {}, [](const Tensor& dy, NeedsGrad need) -> Grads { return {dy, need[1] ? scale(dy, -1) : Tensor{}}; });
}

/// a * b, elementwise; equal shapes, or throws ShapeError. Gradients: a, b. Kernels: kernels/arithmetic.{cpp,cu}.
inline Tensor mul(const Tensor& a, const Tensor& b, const Tensor& into = {}) {
  detail::require_same_shape("mul", a, b);
  require_same_kind("mul", a, b);
  Tensor y = output_for("mul", a.shape(), like(a), into, {a, b});
  dispatch(a, [&]<class T>(auto& device) { kernels::multiply<T>(device, a.view2<const T>(), b.view2<const T>(), y.view2<T>()); });
  return record("mul", {a, b}, y, {read_if(b.requires_grad(), a), read_if(a.requires_grad(), b)},
                [a, b](const Tensor& dy, NeedsGrad need) -> Grads {
                  return {need[0] ? mul(dy, b) : Tensor{}, need[1] ? mul(dy, a) : Tensor{}};
                });
}

}  // namespace lamina
