#pragma once
#include "lamina/autograd/node.hpp"
#include "lamina/core/dispatch.hpp"
#include "lamina/kernels/argmax.hpp"

namespace lamina {

/// The channel with the largest value at each pixel: x (..., C), C in [1, 256] -> u8 labels (...). Not differentiable.
/// Of equal values the first counts; NaN is greater than nothing. Throws ShapeError. Kernels: kernels/argmax.{cpp,cu}.
inline Tensor argmax(const Tensor& x) {
  require_computable("argmax", {{"x", x}});
  require(x.rank() >= 1 && x.size(-1) >= 1 && x.size(-1) <= 256, "argmax: expected 1 to 256 channels, got shape ", x.shape());
  Tensor labels = Tensor::empty(Shape(x.shape().begin(), x.rank() - 1), {DType::u8, x.device()});
  dispatch(x, [&]<class T>(auto& device) { kernels::argmax<T>(device, x.view2<const T>(), labels.data<std::uint8_t>()); });
  return record("argmax", {x}, labels);
}

}  // namespace lamina
