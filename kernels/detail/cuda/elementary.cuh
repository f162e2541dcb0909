// The functions that functors of detail/shared/unary.hpp find on a CUDA thread, beside those of math.cuh.
#pragma once
#include "detail/cuda/math.cuh"

namespace lamina::kernels::cuda {

__device__ __forceinline__ float log_of_any(float v) { return ::logf(v); }
__device__ __forceinline__ float sqrt(float v) { return ::sqrtf(v); }
__device__ __forceinline__ float pow(float v, float p) { return ::powf(v, p); }

}  // namespace lamina::kernels::cuda
