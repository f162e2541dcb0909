#pragma once
#include "lamina/autograd/node.hpp"
#include "lamina/core/dispatch.hpp"
#include "lamina/kernels/dropout.hpp"

namespace lamina {

namespace detail {
/// The draws compare with the rate in float: one that rounds to 1 would drop everything.
inline void require_rate(const char* op, double rate) {
  require<OptionError>(rate >= 0 && static_cast<float>(rate) < 1, op, ": rate must be in [0, 1), got ", rate);
}
}  // namespace detail

/// Zeroes each element with probability `rate` and scales the others by 1 / (1 - rate) (Srivastava et al. 2014). The draws depend
/// on the key and the element's index alone, not on threads, device, dtype or layout: derive a new key for each use.
/// Gradient: x (the same mask, drawn again). Throws OptionError, DeviceError. Kernels: kernels/dropout.{cpp,cu}.
inline Tensor dropout(const Tensor& x, double rate, RandomKey key, const Tensor& into = {}) {
  require_computable("dropout", {{"x", x}});
  detail::require_rate("dropout", rate);
  Tensor y = output_for("dropout", x.shape(), like(x), into, {x});
  dispatch(x, [&]<class T>(auto& device) { kernels::dropout<T>(device, x.view2<const T>(), rate, key, y.view2<T>()); });
  return record(
      {"dropout", {{"rate", rate}, {"seed", static_cast<std::int64_t>(key.seed)}, {"stream", static_cast<std::int64_t>(key.stream)}}}, {x},
      y, {}, [rate, key](const Tensor& dy, NeedsGrad) -> Grads { return {dropout(dy, rate, key)}; });
}

/// Dropout of whole channels of an image (Tompson et al. 2015): x (N, H, W, C), one draw for each image and channel.
/// Gradient: x. Throws ShapeError, OptionError, DeviceError. Kernels: kernels/dropout.{cpp,cu}.
inline Tensor dropout_channels(const Tensor& x, double rate, RandomKey key, const Tensor& into = {}) {
  require_computable("dropout_channels", {{"x", x}});
  detail::require_rate("dropout_channels", rate);
  require(x.rank() == 4, "dropout_channels: x must be (N, H, W, C), got ", x.shape());
  Tensor y = output_for("dropout_channels", x.shape(), like(x), into, {x});
  dispatch(x, [&]<class T>(auto& device) { kernels::dropout_channels<T>(device, x.view4<const T>(), rate, key, y.view4<T>()); });
  return record({"dropout_channels",
                 {{"rate", rate}, {"seed", static_cast<std::int64_t>(key.seed)}, {"stream", static_cast<std::int64_t>(key.stream)}}},
                {x}, y, {}, [rate, key](const Tensor& dy, NeedsGrad) -> Grads { return {dropout_channels(dy, rate, key)}; });
}

}  // namespace lamina
