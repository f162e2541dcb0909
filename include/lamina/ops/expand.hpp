#pragma once
#include "lamina/kernels/strided.hpp"
#include "lamina/ops/reduce.hpp"

namespace lamina {

namespace detail {
/// The elements of x, axis by axis, where y's last axes are x's; axes of extent 1 are repeated, as are those that x lacks.
inline kernels::Strided repeated_axes(const Tensor& x, const Shape& y) {
  kernels::Strided s{{1, 1, 1, 1, 1}, {0, 0, 0, 0, 0}};
  std::int64_t stride = 1;
  for (int i = 1; i <= y.rank(); ++i) {
    s.extent[5 - i] = y[-i];
    if (i > x.rank()) continue;
    s.stride[5 - i] = x.size(-i) == 1 ? 0 : stride;
    stride = i == 1 ? x.ld() : stride * x.size(-i);
  }
  return s;
}
}  // namespace detail

/// x repeated to `shape`, a copy: the last axes are x's, those of extent 1 and those that x lacks are repeated (NumPy's broadcasting).
/// Gradient: x, as sums. Throws ShapeError. Kernels: kernels/strided.{cpp,cu}.
inline Tensor expand(const Tensor& x, const Shape& shape, const Tensor& into = {}) {
  require_computable("expand", {{"x", x}});
  bool fits = x.rank() <= shape.rank();
  for (int i = 1; fits && i <= x.rank(); ++i) fits = x.size(-i) == shape[-i] || x.size(-i) == 1;
  require(fits, "expand: x ", x.shape(), " cannot be repeated to ", shape, "; axes are compared from the last on, and must agree or be 1");
  Tensor y = output_for("expand", shape, like(x), into, {x});
  const kernels::Strided from = detail::repeated_axes(x, shape);
  dispatch(x, [&]<class T>(auto& device) { kernels::strided_copy<T>(device, x.data<T>(), from, y.view2<T>()); });
  const std::span<const std::int64_t> extents(shape.begin(), shape.end());
  return record({"expand", {{"shape", extents}}}, {x}, y, {}, [of = x.shape()](const Tensor& dy, NeedsGrad) -> Grads {
    ReduceParams repeated{.axes = {}, .keepdim = true};
    for (int i = 0; i < dy.rank(); ++i)
      if (const int own = i - (dy.rank() - of.rank()); own < 0 || (of[own] == 1 && dy.size(i) != 1)) repeated.axes.push_back(i);
    return {(repeated.axes.empty() ? dy : sum(dy, repeated)).packed().view_as(of)};
  });
}

}  // namespace lamina
