#pragma once
#include "lamina/autograd/node.hpp"
#include "lamina/core/dispatch.hpp"
#include "lamina/kernels/copy.hpp"

namespace lamina {

/// Channels [begin, begin + count) of x (..., C): a view (..., count). Gradient: x (dy among zeros).
/// Throws ShapeError. Kernels: kernels/copy.{cpp,cu}.
inline Tensor slice_channels(const Tensor& x, std::int64_t begin, std::int64_t count) {
  const char* op = "slice_channels";
  require_given(op, {{"x", x}});
  require(x.rank() >= 1 && begin >= 0 && count >= 1 && count <= x.size(-1) && begin <= x.size(-1) - count, op, ": ", count,
          " channels from ", begin, " on are outside x ", x.shape());
  return record({"slice_channels", {{"begin", begin}, {"count", count}}}, {x}, x.channels(begin, count), {},
                [shape = x.shape(), begin, count](const Tensor& dy, NeedsGrad) -> Grads {
                  const Tensor dx = Tensor::zeros(shape, like(dy)), slice = dx.channels(begin, count);
                  dispatch(dy, [&]<class T>(auto& device) { kernels::copy<T>(device, dy.view2<const T>(), slice.view2<T>()); });
                  return {dx};
                });
}

}  // namespace lamina
