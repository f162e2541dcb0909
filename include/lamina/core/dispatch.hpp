#pragma once
#include "lamina/config.hpp"
#include "lamina/core/tensor.hpp"

namespace lamina {

/// Calls `f.operator()<T>(device)` for the tensor's (device, dtype) pair: Cpu{float, double}, Cuda{float, BFloat16}.
/// On the meta device there is nothing to call. Any other pair throws DeviceError. This is the one list of pairs.
template <class F>
void dispatch(const Tensor& t, F&& f) {
  if (t.device().is_meta() && (t.dtype() == DType::f32 || t.dtype() == DType::f64 || t.dtype() == DType::bf16)) return;
  if (t.device().is_cpu()) {
    if (t.dtype() == DType::f32) return f.template operator()<float>(current_cpu());
    if (t.dtype() == DType::f64) return f.template operator()<double>(current_cpu());
  }
#if LAMINA_HAS_CUDA
  if (t.device().is_cuda()) {
    const CudaScope scope(t.device().index);
    if (t.dtype() == DType::f32) return f.template operator()<float>(scope.cuda());
    if (t.dtype() == DType::bf16) return f.template operator()<BFloat16>(scope.cuda());
  }
#endif
  throw DeviceError(message("no kernels for dtype ", name_of(t.dtype()), " on device ", t.device(),
                            "; the CPU computes in f32 and f64, CUDA in f32 and bf16: convert with Tensor::to"));
}

namespace detail {
inline void require_kind(const char* op, const Tensor& first, const Tensor& t, DType dtype) {
  if (!t) return;
  require<DeviceError>(t.device() == first.device(), op, ": inputs are on ", first.device(), " and ", t.device());
  require<DeviceError>(t.dtype() == dtype, op, ": an input is ", name_of(t.dtype()), "; beside ", name_of(first.dtype()), " it must be ",
                       name_of(dtype));
}
}  // namespace detail

/// Throws DeviceError unless every defined tensor shares the first one's device and dtype.
template <class... Rest>
void require_same_kind(const char* op, const Tensor& first, const Rest&... rest) {
  (detail::require_kind(op, first, rest, first.dtype()), ...);
}
/// The same for what a tensor of the first one's dtype keeps as Precise<T>: parameters of channels, statistics.
template <class... Rest>
void require_precise(const char* op, const Tensor& first, const Rest&... rest) {
  (detail::require_kind(op, first, rest, precise(first.dtype())), ...);
}
/// Options of such a tensor beside `t`.
inline TensorOptions precise_like(const Tensor& t) { return {precise(t.dtype()), t.device()}; }

}  // namespace lamina
