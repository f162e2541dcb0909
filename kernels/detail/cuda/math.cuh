// The functions that functors of detail/shared/activate.hpp and detail/shared/segmentation_loss.hpp find on a CUDA thread.
#pragma once
#include "detail/cuda/launch.cuh"

namespace lamina::kernels::cuda {

__device__ __forceinline__ float sigmoid(float v) { return 1 / (1 + ::expf(-v)); }
__device__ __forceinline__ float exp(float v) { return ::expf(v); }
__device__ __forceinline__ float log(float v) { return ::logf(v); }
__device__ __forceinline__ float tanh(float v) { return ::tanhf(v); }

}  // namespace lamina::kernels::cuda
