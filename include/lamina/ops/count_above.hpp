#pragma once
#include <span>
#include <vector>

#include "lamina/autograd/node.hpp"
#include "lamina/core/dispatch.hpp"
#include "lamina/kernels/count_above.hpp"

namespace lamina {

namespace detail {
inline Tensor count_above(const char* op, const Tensor& x, std::span<const float> thresholds, bool planes) {
  require_computable(op, {{"x", x}});
  const auto count = static_cast<std::int64_t>(thresholds.size());
  require(x.rank() >= 1 && (x.size(-1) == count || (!planes && x.size(-1) == 1)) && count >= 1 && count <= 255, op, ": ", count,
          " thresholds (1 to 255) for x ", x.shape(), planes ? "; one a channel" : "; one a channel, or one channel");
  const Tensor limits = Tensor::from(thresholds, {count}, x.device());
  const Tensor labels = Tensor::empty(planes ? x.shape() : Shape(x.shape().begin(), x.rank() - 1), {DType::u8, x.device()});
  dispatch(x, [&]<class T>(auto& device) {
    kernels::count_above<T>(device, x.view2<const T>(), limits.data<const float>(), static_cast<int>(count), planes,
                            labels.data<std::uint8_t>());
  });
  const std::vector<double> attribute(thresholds.begin(), thresholds.end());
  return record({op, {{"thresholds", std::span<const double>(attribute)}}}, {x}, labels);
}
}  // namespace detail

/// At each pixel, how many channels are above their threshold: x (..., C) -> u8 (...); or, of one channel, how many of the thresholds are
/// below it. A grade from cumulative outputs (Niu et al. 2016), or from a regressed value. Not differentiable; NaN is above nothing.
/// Throws ShapeError. Kernels: kernels/count_above.{cpp,cu}.
inline Tensor count_above(const Tensor& x, std::span<const float> thresholds) {
  return detail::count_above("count_above", x, thresholds, false);
}

/// 1 where a channel is above its threshold, else 0: x (..., C) -> u8 (..., C). Not differentiable. Throws ShapeError. Kernels:
/// kernels/count_above.{cpp,cu}.
inline Tensor is_above(const Tensor& x, std::span<const float> thresholds) { return detail::count_above("is_above", x, thresholds, true); }

}  // namespace lamina
