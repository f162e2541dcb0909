#pragma once
#include "lamina/config.hpp"
#include "lamina/core/tensor.hpp"

namespace lamina {

/// Calls `f.operator()<T>(device)` for the tensor's (device, dtype) pair: Cpu{float, double}, Cuda{float, BFloat16}.
/// Any other pair throws DeviceError. This is the one list of pairs.
template <class F>
void dispatch(const Tensor& t, F&& f) {
  if (t.device().is_cpu()) {
    if (t.dtype() == DType::f32) return f.template operator()<float>(current_cpu());
    if (t.dtype() == DType::f64) return f.template operator()<double>(current_cpu());
  }
  throw DeviceError(message("no kernels for dtype ", name_of(t.dtype()), " on device ", t.device(),
                            "; the CPU computes in f32 and f64: convert with Tensor::to"));
}

/// Throws DeviceError or ShapeError unless every defined tensor shares the first one's device and dtype.
template <class... Rest>
void require_same_kind(const char* op, const Tensor& first, const Rest&... rest) {
  auto check = [&](const Tensor& t) {
    if (!t) return;
    require<DeviceError>(t.device() == first.device(), op, ": inputs are on ", first.device(), " and ", t.device());
    require<DeviceError>(t.dtype() == first.dtype(), op, ": inputs have dtypes ", name_of(first.dtype()), " and ", name_of(t.dtype()));
  };
  (check(rest), ...);
}

}  // namespace lamina
