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

/// Two tensors of one kind, repeated to one shape.
struct Operands {
  Tensor a, b;
  Operands(const char* op, const Tensor& x, const Tensor& z) {
    require_computable(op, {{"a", x}, {"b", z}});
    require_same_kind(op, x, z);
    const Shape shape = common_shape(op, x.shape(), z.shape());
    a = broadcast(x, shape), b = broadcast(z, shape);
  }
};
/// y = kernel(a, b).
template <class Run>
Tensor combine(const char* op, const Operands& in, const Tensor& into, Run run) {
  Tensor y = output_for(op, in.a.shape(), like(in.a), into, {in.a, in.b});
  dispatch(in.a,
           [&]<class T>(auto& device) { run.template operator()<T>(device, in.a.view2<const T>(), in.b.view2<const T>(), y.view2<T>()); });
  return y;
}
/// A number beside the tensor that an op calls `name`.
inline Tensor number_beside(const char* op, const char* name, const Tensor& x, double number) {
  require_computable(op, {{name, x}});
  return Tensor::full({}, number, like(x));
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
  const detail::Operands in("add", a, b);
  const Tensor y = detail::combine("add", in, into, []<class T>(auto& device, auto... views) { kernels::add<T>(device, views...); });
  return record("add", {in.a, in.b}, y, {}, [](const Tensor& dy, NeedsGrad) -> Grads { return {dy, dy}; });
}

/// factor * x + offset. Gradient: x. Kernels: kernels/arithmetic.{cpp,cu}.
inline Tensor scale(const Tensor& x, double factor, double offset = 0, const Tensor& into = {}) {
  require_computable("scale", {{"x", x}});
  Tensor y = output_for("scale", x.shape(), like(x), into, {x});
  dispatch(x, [&]<class T>(auto& device) { kernels::scale<T>(device, x.view2<const T>(), factor, offset, y.view2<T>()); });
  return record({"scale", {{"factor", factor}, {"offset", offset}}}, {x}, y, {},
                [factor](const Tensor& dy, NeedsGrad) -> Grads { return {scale(dy, factor)}; });
}

/// a - b, elementwise, broadcast. Gradients: a, b. Throws ShapeError, DeviceError. Kernels: kernels/arithmetic.{cpp,cu}.
inline Tensor sub(const Tensor& a, const Tensor& b, const Tensor& into = {}) {
  const detail::Operands in("sub", a, b);
  const Tensor y = detail::combine("sub", in, into, []<class T>(auto& device, auto... views) { kernels::subtract<T>(device, views...); });
  return record("sub", {in.a, in.b}, y, {}, [](const Tensor& dy, NeedsGrad need) -> Grads {
    return {dy, need[1] ? scale(dy, -1) : Tensor{}};
  });
}

/// a * b, elementwise, broadcast. Gradients: a, b. Throws ShapeError, DeviceError. Kernels: kernels/arithmetic.{cpp,cu}.
inline Tensor mul(const Tensor& a, const Tensor& b, const Tensor& into = {}) {
  const detail::Operands in("mul", a, b);
  const Tensor y = detail::combine("mul", in, into, []<class T>(auto& device, auto... views) { kernels::multiply<T>(device, views...); });
  return record("mul", {in.a, in.b}, y, {read_if(in.b.requires_grad(), in.a), read_if(in.a.requires_grad(), in.b)},
                [in](const Tensor& dy, NeedsGrad need) -> Grads {
                  return {need[0] ? mul(dy, in.b) : Tensor{}, need[1] ? mul(dy, in.a) : Tensor{}};
                });
}

/// a / b, elementwise, broadcast. Gradients: a, b. Throws ShapeError, DeviceError. Kernels: kernels/arithmetic.{cpp,cu}.
inline Tensor div(const Tensor& a, const Tensor& b, const Tensor& into = {}) {
  const detail::Operands in("div", a, b);
  const Tensor y = detail::combine("div", in, into, []<class T>(auto& device, auto... views) { kernels::divide<T>(device, views...); });
  const Tensor saved = y.detach();
  return record("div", {in.a, in.b}, y, {in.b, read_if(in.b.requires_grad(), saved)},
                [z = in.b, saved](const Tensor& dy, NeedsGrad need) -> Grads {
                  const Tensor dx = div(dy, z);
                  return {dx, need[1] ? scale(mul(dx, saved), -1) : Tensor{}};
                });
}

/// The larger of a and b, elementwise, broadcast; NaN where either is. Gradients: a, b, where they are equal a half each. Throws
/// ShapeError, DeviceError. Kernels: kernels/arithmetic.{cpp,cu}.
inline Tensor maximum(const Tensor& a, const Tensor& b, const Tensor& into = {}) {
  const detail::Operands in("maximum", a, b);
  const Tensor y =
      detail::combine("maximum", in, into, []<class T>(auto& device, auto... views) { kernels::maximum<T>(device, views...); });
  return record("maximum", {in.a, in.b}, y, {in.a, in.b}, [in](const Tensor& dy, NeedsGrad need) -> Grads {
    return {need[0] ? detail::share_of_greater(in.a, in.b, dy) : Tensor{}, need[1] ? detail::share_of_greater(in.b, in.a, dy) : Tensor{}};
  });
}

/// The smaller of a and b; otherwise as `maximum`. Gradients: a, b.
inline Tensor minimum(const Tensor& a, const Tensor& b, const Tensor& into = {}) {
  const detail::Operands in("minimum", a, b);
  const Tensor y =
      detail::combine("minimum", in, into, []<class T>(auto& device, auto... views) { kernels::minimum<T>(device, views...); });
  return record("minimum", {in.a, in.b}, y, {in.a, in.b}, [in](const Tensor& dy, NeedsGrad need) -> Grads {
    return {need[0] ? detail::share_of_greater(in.b, in.a, dy) : Tensor{}, need[1] ? detail::share_of_greater(in.a, in.b, dy) : Tensor{}};
  });
}

/// 1 where a > b, else 0, elementwise, broadcast: a condition for `where`. Not differentiable. Throws ShapeError, DeviceError. Kernels:
/// kernels/arithmetic.{cpp,cu}.
inline Tensor greater(const Tensor& a, const Tensor& b, const Tensor& into = {}) {
  const NoGrad no_grad;
  const detail::Operands in("greater", a, b);
  return record("greater", {in.a, in.b},
                detail::combine("greater", in, into, []<class T>(auto& device, auto... views) { kernels::greater<T>(device, views...); }));
}

// The same of a tensor and a number.
inline Tensor maximum(const Tensor& a, double b) { return maximum(a, detail::number_beside("maximum", "a", a, b)); }
inline Tensor minimum(const Tensor& a, double b) { return minimum(a, detail::number_beside("minimum", "a", a, b)); }
inline Tensor greater(const Tensor& a, double b) { return greater(a, detail::number_beside("greater", "a", a, b)); }

}  // namespace lamina
