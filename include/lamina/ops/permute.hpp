#pragma once
#include <utility>
#include <vector>

#include "lamina/autograd/node.hpp"
#include "lamina/core/dispatch.hpp"
#include "lamina/kernels/strided.hpp"

namespace lamina {

/// x with its axes in another order, a copy: axis k of the result is axis axes[k] of x; negative ones count from the end. Gradient: x.
/// Throws ShapeError unless every axis is named once. Kernels: kernels/strided.{cpp,cu}.
inline Tensor permute(const Tensor& x, const std::vector<int>& axes, const Tensor& into = {}) {
  require_computable("permute", {{"x", x}});
  const int rank = x.rank();
  require(std::ssize(axes) == rank, "permute: x ", x.shape(), " has ", rank, " axes, and ", axes.size(), " are named");
  std::int64_t strides[Shape::kMaxRank] = {}, extents[Shape::kMaxRank] = {}, order[Shape::kMaxRank] = {};
  for (int i = rank - 1; i >= 0; --i) strides[i] = i == rank - 1 ? 1 : i == rank - 2 ? x.ld() : strides[i + 1] * x.size(i + 1);
  kernels::Strided from{{1, 1, 1, 1, 1}, {0, 0, 0, 0, 0}};
  std::vector<int> inverse(axes.size(), -1);
  for (int i = 0; i < rank; ++i) {
    const int axis = axes[static_cast<std::size_t>(i)];
    require(axis >= -rank && axis < rank, "permute: axis ", axis, " is outside x ", x.shape());
    const int a = axis < 0 ? axis + rank : axis;
    require(std::exchange(inverse[static_cast<std::size_t>(a)], i) < 0, "permute: axis ", axis, " of x ", x.shape(), " is named twice");
    extents[i] = from.extent[5 - rank + i] = x.size(a);
    from.stride[5 - rank + i] = strides[a];
    order[i] = a;
  }
  const Shape shape(extents, rank);
  Tensor y = output_for("permute", shape, like(x), into, {x});
  dispatch(x, [&]<class T>(auto& device) { kernels::strided_copy<T>(device, x.data<T>(), from, y.view2<T>()); });
  const std::span<const std::int64_t> named(order, static_cast<std::size_t>(rank));
  return record({"permute", {{"axes", named}}}, {x}, y, {},
                [inverse](const Tensor& dy, NeedsGrad) -> Grads { return {permute(dy, inverse)}; });
}

/// x with two axes exchanged. Gradient: x. Throws ShapeError.
inline Tensor transpose(const Tensor& x, int a, int b) {
  require_computable("transpose", {{"x", x}});
  std::vector<int> axes;
  for (int i = 0; i < x.rank(); ++i) axes.push_back(i);
  const auto at = [&](int axis) -> int& {
    require(axis >= -x.rank() && axis < x.rank(), "transpose: axis ", axis, " is outside x ", x.shape());
    return axes[static_cast<std::size_t>(axis < 0 ? axis + x.rank() : axis)];
  };
  std::swap(at(a), at(b));
  return permute(x, axes);
}

}  // namespace lamina
