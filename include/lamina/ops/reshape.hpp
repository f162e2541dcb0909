#pragma once
#include "lamina/autograd/node.hpp"
#include "lamina/core/dispatch.hpp"
#include "lamina/kernels/copy.hpp"

namespace lamina {

/// The same elements, in order, with other extents. A view; only a channel slice whose channel count changes is copied.
/// Gradient: x. Throws ShapeError. Kernels (for the copy): kernels/copy.{cpp,cu}.
inline Tensor reshape(const Tensor& x, const Shape& shape) {
  require_given("reshape", {{"x", x}});
  require(shape.numel() == x.numel(), "reshape: x ", x.shape(), " has ", x.numel(), " elements, ", shape, " has ", shape.numel());
  Tensor y;
  if (x.contiguous()) {
    y = x.view_as(shape);
  } else if (shape.rank() && shape[-1] == x.size(-1)) {  // the same pixels, ld apart
    auto impl = std::make_shared<Tensor::Impl>(*x.detach().impl());
    impl->shape = shape;
    y = Tensor(std::move(impl));
  } else {
    const Tensor packed = Tensor::empty(x.shape(), like(x));
    dispatch(x, [&]<class T>(auto& device) { kernels::copy<T>(device, x.view2<const T>(), packed.view2<T>()); });
    y = packed.view_as(shape);
  }
  const std::span<const std::int64_t> extents(shape.begin(), shape.end());
  return record({"reshape", {{"shape", extents}}}, {x}, y, {},
                [shape = x.shape()](const Tensor& dy, NeedsGrad) -> Grads { return {reshape(dy, shape)}; });
}

}  // namespace lamina
