#pragma once
#include "lamina/config.hpp"
#include "lamina/core/tensor.hpp"

namespace lamina {

/// Are there kernels for the pair? On the meta device there is nothing to call.
constexpr bool has_kernels(Device::Type device, DType dtype) {
  return dtype == DType::f32 || (dtype == DType::f64 && device != Device::Type::cuda) ||
         (dtype == DType::bf16 && device != Device::Type::cpu);
}
/// Throws DeviceError: `who` is of a pair without kernels.
[[noreturn]] void throw_no_kernels(const std::string& who, const Tensor& t);

/// An argument of an op, and what errors call it.
struct OpInput {
  const char* name;
  const Tensor& tensor;
};
/// What an op says first. Throws ShapeError naming op and argument where one is undefined.
void require_given(const char* op, std::initializer_list<OpInput> inputs);
/// The same, and DeviceError where there are no kernels for one, or for one of `optional` that is defined.
void require_computable(const char* op, std::initializer_list<OpInput> inputs, std::initializer_list<OpInput> optional = {});

/// Calls `f.operator()<T>(device)` for the tensor's (device, dtype) pair: Cpu{float, double}, Cuda{float, BFloat16}.
/// On the meta device there is nothing to call. Any other pair throws DeviceError. This and has_kernels are the one list of pairs.
template <class F>
void dispatch(const Tensor& t, F&& f) {
  if (t.device().is_meta() && has_kernels(Device::Type::meta, t.dtype())) return;
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
  throw_no_kernels("a tensor", t);
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
