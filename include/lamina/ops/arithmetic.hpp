#pragma once
#include "lamina/kernels/arithmetic.hpp"
#include "lamina/ops/expand.hpp"

namespace lamina {

namespace detail {
/// What two shapes are repeated to: axes are compared from the last on, and agree, or one of them is 1 or lacking.
inline Shape common_shape(const char* op, const Shape& a, const Shape& b) {
  if (a == b) return a;
  const int rank = std::max(a.rank(), b.rank());
  std::int64_t extents[Shape::kMaxRank];
  for (int i = 1; i <= rank; ++i) {
    const std::int64_t of_a = i <= a.rank() ? a[-i] : 1, of_b = i <= b.rank() ? b[-i] : 1;
    require(of_a == of_b || of_a == 1 || of_b == 1, op, ": shapes ", a, " and ", b,
            " differ; axes are compared from the last on, and must agree or be 1");
    extents[rank - i] = of_a == 1 ? of_b : of_a;
  }
  return result_shape(op, extents, rank);
}
inline Tensor broadcast(const Tensor& x, const Shape& shape) { return x.shape() == shape ? x : expand(x, shape); }

/// y = kernel(a, b) of what is broadcast already.
template <class Run>
Tensor combine(const char* op, const Tensor& a, const Tensor& b, const Tensor& into, Run run) {
  Tensor y = output_for(op, a.shape(), like(a), into, {a, b});
  dispatch(a, [&]<class T>(auto& device) { run.template operator()<T>(device, a.view2<const T>(), b.view2<const T>(), y.view2<T>()); });
  return y;
}
inline Tensor share_of_greater(const Tensor& a, const Tensor& b, const Tensor& dy) {
  Tensor da = Tensor::empty(dy.shape(), like(dy));
  dispatch(dy, [&]<class T>(auto& device) {
    kernels::share_of_greater<T>(device, a.view2<const T>(), b.view2<const T>(), dy.view2<const T>(), da.view2<T>());
  });
  return da;
}
}  // namespace detail

// Of two tensors: shapes that differ are broadcast, the smaller one being repeated first (`expand`): `into` may lie over it.

/// a + b, elementwise, broadcast. Gradients: a, b. Throws ShapeError, DeviceError. Kernels: kernels/arithmetic.{cpp,cu}.
inline Tensor add(const Tensor& a, const Tensor& b, const Tensor& into = {}) {
  require_same_kind("add", a, b);
  const Shape shape = detail::common_shape("add", a.shape(), b.shape());
  const Tensor x = detail::broadcast(a, shape), z = detail::broadcast(b, shape);
  const Tensor y = detail::combine("add", x, z, into, []<class T>(auto& device, auto... views) { kernels::add<T>(device, views...); });
  return record("add", {x, z}, y, {}, [](const Tensor& dy, NeedsGrad) -> Grads { return {dy, dy}; });
}

/// factor * x + offset. Gradient: x. Kernels: kernels/arithmetic.{cpp,cu}.
inline Tensor scale(const Tensor& x, double factor, double offset = 0, const Tensor& into = {}) {
  Tensor y = output_for("scale", x.shape(), like(x), into, {x});
  dispatch(x, [&]<class T>(auto& device) { kernels::scale<T>(device, x.view2<const T>(), factor, offset, y.view2<T>()); });
  return record({"scale", {{"factor", factor}, {"offset", offset}}}, {x}, y, {},
                [factor](const Tensor& dy, NeedsGrad) -> Grads { return {scale(dy, factor)}; });
}

/// a - b, elementwise, broadcast. Gradients: a, b. Throws ShapeError, DeviceError. Kernels: kernels/arithmetic.{cpp,cu}.
inline Tensor sub(const Tensor& a, const Tensor& b, const Tensor& into = {}) {
  require_same_kind("sub", a, b);
  const Shape shape = detail::common_shape("sub", a.shape(), b.shape());
  const Tensor x = detail::broadcast(a, shape), z = detail::broadcast(b, shape);
  const Tensor y = detail::combine("sub", x, z, into, []<class T>(auto& device, auto... views) { kernels::subtract<T>(device, views...); });
  return record("sub", {x, z}, y, {}, [](const Tensor& dy, NeedsGrad need) -> Grads { return {dy, need[1] ? scale(dy, -1) : Tensor{}}; });
}

/// a * b, elementwise, broadcast. Gradients: a, b. Throws ShapeError, DeviceError. Kernels: kernels/arithmetic.{cpp,cu}.
inline Tensor mul(const Tensor& a, const Tensor& b, const Tensor& into = {}) {
  require_same_kind("mul", a, b);
  const Shape shape = detail::common_shape("mul", a.shape(), b.shape());
  const Tensor x = detail::broadcast(a, shape), z = detail::broadcast(b, shape);
  const Tensor y = detail::combine("mul", x, z, into, []<class T>(auto& device, auto... views) { kernels::multiply<T>(device, views...); });
  return record("mul", {x, z}, y, {read_if(z.requires_grad(), x), read_if(x.requires_grad(), z)},
                [x, z](const Tensor& dy, NeedsGrad need) -> Grads {
                  return {need[0] ? mul(dy, z) : Tensor{}, need[1] ? mul(dy, x) : Tensor{}};
                });
}

/// a / b, elementwise, broadcast. Gradients: a, b. Throws ShapeError, DeviceError. Kernels: kernels/arithmetic.{cpp,cu}.
inline Tensor div(const Tensor& a, const Tensor& b, const Tensor& into = {}) {
  require_same_kind("div", a, b);
  const Shape shape = detail::common_shape("div", a.shape(), b.shape());
  const Tensor x = detail::broadcast(a, shape), z = detail::broadcast(b, shape);
  const Tensor y = detail::combine("div", x, z, into, []<class T>(auto& device, auto... views) { kernels::divide<T>(device, views...); });
  const Tensor saved = y.detach();
  return record("div", {x, z}, y, {z, read_if(z.requires_grad(), saved)}, [z, saved](const Tensor& dy, NeedsGrad need) -> Grads {
    const Tensor dx = div(dy, z);
    return {dx, need[1] ? scale(mul(dx, saved), -1) : Tensor{}};
  });
}

/// The larger of a and b, elementwise, broadcast; NaN where either is. Gradients: a, b, where they are equal a half each. Throws
/// ShapeError, DeviceError. Kernels: kernels/arithmetic.{cpp,cu}.
inline Tensor maximum(const Tensor& a, const Tensor& b, const Tensor& into = {}) {
  require_same_kind("maximum", a, b);
  const Shape shape = detail::common_shape("maximum", a.shape(), b.shape());
  const Tensor x = detail::broadcast(a, shape), z = detail::broadcast(b, shape);
  const Tensor y =
      detail::combine("maximum", x, z, into, []<class T>(auto& device, auto... views) { kernels::maximum<T>(device, views...); });
  return record("maximum", {x, z}, y, {x, z}, [x, z](const Tensor& dy, NeedsGrad need) -> Grads {
    return {need[0] ? detail::share_of_greater(x, z, dy) : Tensor{}, need[1] ? detail::share_of_greater(z, x, dy) : Tensor{}};
  });
}

/// The smaller of a and b; otherwise as `maximum`. Gradients: a, b.
inline Tensor minimum(const Tensor& a, const Tensor& b, const Tensor& into = {}) {
  require_same_kind("minimum", a, b);
  const Shape shape = detail::common_shape("minimum", a.shape(), b.shape());
  const Tensor x = detail::broadcast(a, shape), z = detail::broadcast(b, shape);
  const Tensor y =
      detail::combine("minimum", x, z, into, []<class T>(auto& device, auto... views) { kernels::minimum<T>(device, views...); });
  return record("minimum", {x, z}, y, {x, z}, [x, z](const Tensor& dy, NeedsGrad need) -> Grads {
    return {need[0] ? detail::share_of_greater(z, x, dy) : Tensor{}, need[1] ? detail::share_of_greater(x, z, dy) : Tensor{}};
  });
}

/// 1 where a > b, else 0, elementwise, broadcast: a condition for `where`. Not differentiable. Throws ShapeError, DeviceError. Kernels:
/// kernels/arithmetic.{cpp,cu}.
inline Tensor greater(const Tensor& a, const Tensor& b, const Tensor& into = {}) {
  const NoGrad no_grad;
  require_same_kind("greater", a, b);
  const Shape shape = detail::common_shape("greater", a.shape(), b.shape());
  const Tensor x = detail::broadcast(a, shape), z = detail::broadcast(b, shape);
  return record("greater", {x, z}, detail::combine("greater", x, z, into, []<class T>(auto& device, auto... views) {
                  kernels::greater<T>(device, views...);
                }));
}

}  // namespace lamina
