// What every CUDA kernel file includes first. One source serves nvcc and the host shim (tests/shim), so kernels are ordinary CUDA with
// these rules: they are launched through `launch` only; shared memory is dynamic and named by LAMINA_SHARED; warp operations are the _sync
// forms with kFullMask, in blocks of whole warps; PTX stands in wrappers with a host body; bf16 is BFloat16, computed in float.
#pragma once
#include <cuda_runtime.h>

#include "detail/shared/instantiate.hpp"
#include "lamina/core/device.hpp"
#include "lamina/core/dtype.hpp"

#ifdef __CUDACC__
/// Names the block's dynamic shared memory, 16-byte aligned.
#define LAMINA_SHARED(T, name)                                   \
  extern __shared__ __align__(16) unsigned char lamina_shared[]; \
  T* const name = reinterpret_cast<T*>(lamina_shared)
#else
#define LAMINA_SHARED(T, name) T* const name = static_cast<T*>(::shim::dynamic_shared())
#endif

namespace lamina::kernels::cuda {

inline constexpr unsigned kFullMask = 0xffffffffu;
inline constexpr int kWarpSize = 32;
/// Most bytes of shared memory a block may ask for without an opt-in.
inline constexpr std::size_t kSharedBytes = 48 * 1024;

/// Throws CudaError naming the kernel when its launch failed. What fails while it runs is reported by the next synchronisation, with the
/// kernels launched last; with CUDA_LAUNCH_BLOCKING=1 in the environment, here.
void check_launch(const char* kernel);

namespace detail {
/// The text around a template argument of this function's name: "... Kernel = name<...>]".
template <auto Kernel>
const char* name_of_kernel() {
  return __PRETTY_FUNCTION__;
}
}  // namespace detail

inline cudaStream_t stream_of(const Cuda& cuda) { return static_cast<cudaStream_t>(cuda.stream); }

/// Queues `Kernel(args...)` on the device. Nothing happens for an empty grid.
template <auto Kernel, class... Args>
void launch(const Cuda& cuda, dim3 grid, dim3 block, std::size_t shared_bytes, Args... args) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
#ifdef __CUDACC__
  if (shared_bytes > kSharedBytes)
    (void)cudaFuncSetAttribute(Kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared_bytes));
  Kernel<<<grid, block, shared_bytes, stream_of(cuda)>>>(args...);
#else
  (void)::shim::launch(cuda.stream, detail::name_of_kernel<Kernel>(), grid, block, shared_bytes, [=] { Kernel(args...); });
#endif
  check_launch(detail::name_of_kernel<Kernel>());
}

/// Blocks of `block` threads that cover `count`, at most `most`: kernels stride over the rest.
inline unsigned blocks_for(std::int64_t count, std::int64_t block, std::int64_t most = std::int64_t{1} << 30) {
  const std::int64_t blocks = (count + block - 1) / block;
  return static_cast<unsigned>(blocks < most ? blocks : most);
}

/// This thread's number in a one-dimensional grid, and the number of threads.
__device__ __forceinline__ std::int64_t global_thread() { return std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; }
__device__ __forceinline__ std::int64_t grid_threads() { return std::int64_t{gridDim.x} * blockDim.x; }

/// So many elements are counted in 32 bits, whose division is several times faster.
inline constexpr std::int64_t kNarrowIndex = 0x7fffffff;

/// T as computed with: float for bf16.
template <class T>
using Compute = Precise<T>;

/// Conversions between storage and computation.
template <class T>
LAMINA_HD Compute<T> widen(T v) {
  return static_cast<Compute<T>>(v);
}
template <class T>
LAMINA_HD T narrow(Compute<T> v) {
  return static_cast<T>(v);
}

/// N values that are loaded and stored at once.
template <class T, int N>
struct alignas(sizeof(T) * N) Pack {
  T v[N];
};

/// The most elements that 16-byte loads of every one of these views can take at once, 1 when some pixel or row is not aligned for it.
template <class T, class... Views>
int pack_width(const Views&... views) {
  constexpr int kMost = static_cast<int>(16 / sizeof(T));
  const auto fits = [](const auto& v) {
    return v.data == nullptr || (reinterpret_cast<std::uintptr_t>(v.data) % 16 == 0 && v.ld % kMost == 0 && v.cols % kMost == 0);
  };
  return (fits(views) && ...) ? kMost : 1;
}

}  // namespace lamina::kernels::cuda
