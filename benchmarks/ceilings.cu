#include "ceilings.hpp"

#include "detail/cuda/launch.cuh"

namespace lamina::bench {
namespace {

constexpr int kChains = 16, kThreads = 256, kBlocks = 8;  // blocks on each multiprocessor
constexpr int kRounds = 1 << 15;

__global__ void multiply_add_kernel(float a, float b, float* results) {
  float sums[kChains];
#pragma unroll
  for (int i = 0; i < kChains; ++i) sums[i] = static_cast<float>(threadIdx.x + i);
  for (int r = 0; r < kRounds; ++r)
#pragma unroll
    for (int i = 0; i < kChains; ++i) sums[i] = sums[i] * a + b;
  float sum = 0;
#pragma unroll
  for (int i = 0; i < kChains; ++i) sum += sums[i];
  results[kernels::cuda::global_thread()] = sum;
}

}  // namespace

double detail::multiply_adds(Cuda& cuda) {
  const int blocks = kBlocks * cuda.multiprocessors;
  Workspace workspace(cuda);
  kernels::cuda::launch<multiply_add_kernel>(cuda, static_cast<unsigned>(blocks), kThreads, 0, 0.5f, 0.25f,
                                             workspace.take<float>(std::int64_t{blocks} * kThreads));
  return static_cast<double>(blocks) * kThreads * kChains * kRounds;
}

}  // namespace lamina::bench
