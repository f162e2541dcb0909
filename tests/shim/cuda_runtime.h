// Stands in for CUDA's <cuda_runtime.h>: the language of kernels and the part of the runtime API that Lamina uses, as plain C++.
// Every thread of a block is a fiber; see shim.hpp for what is checked and how a run is configured.
#pragma once
#include <atomic>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <source_location>

#include "shim.hpp"

// --- the language ---------------------------------------------------------------------------------------------------
#define __global__
#define __host__
#define __device__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define threadIdx (::shim::current().thread)
#define blockIdx (::shim::current().block->index)
#define blockDim (::shim::current().block->threads)
#define gridDim (::shim::current().block->grid)

using dim3 = shim::Dim3;

inline void __syncthreads(std::source_location at = std::source_location::current()) { shim::block_barrier(at); }
inline void __syncwarp(unsigned mask = ~0u, std::source_location at = std::source_location::current()) { shim::warp_exchange(mask, 0, at); }

namespace shim {
template <class T>
T from_lane(const std::uint64_t* lanes, int lane) {
  T v;
  std::memcpy(&v, lanes + lane, sizeof v);
  return v;
}
template <class T>
const std::uint64_t* exchange(unsigned mask, T v, std::source_location at) {
  static_assert(sizeof(T) <= 8);
  std::uint64_t bits = 0;
  std::memcpy(&bits, &v, sizeof v);
  return warp_exchange(mask, bits, at);
}
}  // namespace shim

template <class T>
T __shfl_sync(unsigned mask, T v, int lane, int width = 32, std::source_location at = std::source_location::current()) {
  const int first = shim::lane() / width * width;
  return shim::from_lane<T>(shim::exchange(mask, v, at), first + lane % width);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T v, int lanes, int width = 32, std::source_location at = std::source_location::current()) {
  const int from = shim::lane() ^ lanes;
  return shim::from_lane<T>(shim::exchange(mask, v, at), from / width == shim::lane() / width ? from : shim::lane());
}
template <class T>
T __shfl_down_sync(unsigned mask, T v, int lanes, int width = 32, std::source_location at = std::source_location::current()) {
  const int from = shim::lane() + lanes;
  return shim::from_lane<T>(shim::exchange(mask, v, at), from / width == shim::lane() / width ? from : shim::lane());
}
template <class T>
T __shfl_up_sync(unsigned mask, T v, int lanes, int width = 32, std::source_location at = std::source_location::current()) {
  const int from = shim::lane() - lanes;
  return shim::from_lane<T>(shim::exchange(mask, v, at), from >= shim::lane() / width * width ? from : shim::lane());
}
inline unsigned __ballot_sync(unsigned mask, bool v, std::source_location at = std::source_location::current()) {
  const std::uint64_t* lanes = shim::exchange(mask, v, at);
  unsigned bits = 0;
  for (int i = 0; i < 32; ++i) bits |= static_cast<unsigned>(shim::from_lane<bool>(lanes, i)) << i;
  return bits;
}
inline bool __any_sync(unsigned mask, bool v, std::source_location at = std::source_location::current()) {
  return __ballot_sync(mask, v, at) != 0;
}
inline bool __all_sync(unsigned mask, bool v, std::source_location at = std::source_location::current()) {
  return __ballot_sync(mask, v, at) == ~0u;
}

template <class T>
T atomicAdd(T* p, T v) {
  return std::atomic_ref<T>(*p).fetch_add(v, std::memory_order_relaxed);
}
template <class T>
T atomicMin(T* p, T v) {
  std::atomic_ref<T> a(*p);
  T old = a.load(std::memory_order_relaxed);
  while (v < old && !a.compare_exchange_weak(old, v, std::memory_order_relaxed)) {
  }
  return old;
}
template <class T>
T atomicMax(T* p, T v) {
  std::atomic_ref<T> a(*p);
  T old = a.load(std::memory_order_relaxed);
  while (old < v && !a.compare_exchange_weak(old, v, std::memory_order_relaxed)) {
  }
  return old;
}
template <class T>
T atomicOr(T* p, T v) {
  return std::atomic_ref<T>(*p).fetch_or(v, std::memory_order_relaxed);
}
inline void __threadfence() {}

// --- the runtime API ------------------------------------------------------------------------------------------------
enum cudaError_t : int {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorMemoryAllocation = 2,
  cudaErrorInvalidConfiguration = 9,
  cudaErrorInsufficientDriver = 35,
  cudaErrorNoDevice = 100,
  cudaErrorInvalidDevice = 101,
  cudaErrorInvalidResourceHandle = 400,
  cudaErrorNotReady = 600,
  cudaErrorLaunchFailure = 719,
};
enum cudaMemcpyKind { cudaMemcpyHostToHost, cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost, cudaMemcpyDeviceToDevice, cudaMemcpyDefault };
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize = 8 };
inline constexpr unsigned cudaStreamNonBlocking = 1, cudaEventDefault = 0, cudaEventDisableTiming = 2, cudaHostAllocDefault = 0;
using cudaStream_t = struct CUstream_st*;
using cudaEvent_t = struct CUevent_st*;
struct cudaDeviceProp {
  char name[256];
  std::size_t totalGlobalMem;
  int major, minor, multiProcessorCount;
  std::size_t sharedMemPerBlockOptin;
};

const char* cudaGetErrorName(cudaError_t);
const char* cudaGetErrorString(cudaError_t);
cudaError_t cudaGetLastError();
cudaError_t cudaGetDeviceCount(int*);
cudaError_t cudaSetDevice(int);
cudaError_t cudaGetDevice(int*);
cudaError_t cudaGetDeviceProperties(cudaDeviceProp*, int);
cudaError_t cudaDriverGetVersion(int*);
cudaError_t cudaRuntimeGetVersion(int*);
cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total);
cudaError_t cudaMalloc(void**, std::size_t);
cudaError_t cudaFree(void*);
cudaError_t cudaMallocAsync(void**, std::size_t, cudaStream_t);
cudaError_t cudaFreeAsync(void*, cudaStream_t);
cudaError_t cudaHostAlloc(void**, std::size_t, unsigned);
cudaError_t cudaFreeHost(void*);
cudaError_t cudaMemcpyAsync(void*, const void*, std::size_t, cudaMemcpyKind, cudaStream_t);
cudaError_t cudaMemcpy2DAsync(void*, std::size_t dpitch, const void*, std::size_t spitch, std::size_t width, std::size_t height,
                              cudaMemcpyKind, cudaStream_t);
cudaError_t cudaMemsetAsync(void*, int, std::size_t, cudaStream_t);
cudaError_t cudaStreamCreateWithFlags(cudaStream_t*, unsigned);
cudaError_t cudaStreamDestroy(cudaStream_t);
cudaError_t cudaStreamSynchronize(cudaStream_t);
cudaError_t cudaDeviceSynchronize();
cudaError_t cudaEventCreateWithFlags(cudaEvent_t*, unsigned);
cudaError_t cudaEventDestroy(cudaEvent_t);
cudaError_t cudaEventRecord(cudaEvent_t, cudaStream_t);
cudaError_t cudaEventSynchronize(cudaEvent_t);
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t, cudaEvent_t);
template <class F>
cudaError_t cudaFuncSetAttribute(F*, cudaFuncAttribute, int) {
  return cudaSuccess;
}
