// cp.async: copies from global to shared memory that go on while the thread computes. On the host shim they land when they are waited for.
#pragma once
#include "detail/cuda/launch.cuh"

namespace lamina::kernels::cuda {

/// Copies Bytes (4, 8 or 16; both sides aligned to it); where `valid` is false nothing is read and zeros are written.
template <int Bytes>
__device__ __forceinline__ void copy_async(void* shared, const void* global, bool valid = true) {
  static_assert(Bytes == 4 || Bytes == 8 || Bytes == 16);
#ifdef __CUDACC__
  const auto to = static_cast<unsigned>(__cvta_generic_to_shared(shared));
  const int read = valid ? Bytes : 0;
  if constexpr (Bytes == 16)
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(global), "r"(read) : "memory");
  else
    asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(to), "l"(global), "n"(Bytes), "r"(read) : "memory");
#else
  ::shim::async_copy(shared, global, Bytes, valid ? Bytes : 0);
#endif
}

/// Ends a group of copies.
__device__ __forceinline__ void copy_async_commit() {
#ifdef __CUDACC__
  asm volatile("cp.async.commit_group;" ::: "memory");
#else
  ::shim::async_commit();
#endif
}

/// Waits for all of this thread's groups but the last `Pending`. Other threads see the data after a barrier.
template <int Pending>
__device__ __forceinline__ void copy_async_wait() {
#ifdef __CUDACC__
  asm volatile("cp.async.wait_group %0;" ::"n"(Pending) : "memory");
#else
  ::shim::async_wait(Pending);
#endif
}

}  // namespace lamina::kernels::cuda
