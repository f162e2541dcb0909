#include "ceilings.hpp"

#include "detail/cuda/launch.cuh"
#include "detail/cuda/mma.cuh"

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

/// Fragments of zeros would be multiplied faster than others: they hold ones and halves.
__global__ void matrix_multiply_add_kernel(unsigned a, unsigned b, float* results) {
  float sums[kChains][4] = {};
  const unsigned x[4] = {a, a, a, a}, y[2] = {b, b};
  for (int r = 0; r < kRounds / 16; ++r)
#pragma unroll
    for (int i = 0; i < kChains; ++i) kernels::cuda::mma_m16n8k16(sums[i], x, y);
  float sum = 0;
#pragma unroll
  for (int i = 0; i < kChains; ++i) sum += sums[i][0] + sums[i][1] + sums[i][2] + sums[i][3];
  results[kernels::cuda::global_thread()] = sum;
}

}  // namespace

double detail::matrix_multiply_adds(Cuda& cuda) {
  const int blocks = kBlocks * cuda.multiprocessors;
  Workspace workspace(cuda);
  kernels::cuda::launch<matrix_multiply_add_kernel>(cuda, static_cast<unsigned>(blocks), kThreads, 0, 0x3f003f80u, 0x3f803f00u,
                                                    workspace.take<float>(std::int64_t{blocks} * kThreads));
  return static_cast<double>(blocks) * (kThreads / 32) * kChains * (kRounds / 16) * 16 * 8 * 16;
}

double detail::multiply_adds(Cuda& cuda) {
  const int blocks = kBlocks * cuda.multiprocessors;
  Workspace workspace(cuda);
  kernels::cuda::launch<multiply_add_kernel>(cuda, static_cast<unsigned>(blocks), kThreads, 0, 0.5f, 0.25f,
                                             workspace.take<float>(std::int64_t{blocks} * kThreads));
  return static_cast<double>(blocks) * kThreads * kChains * kRounds;
}

}  // namespace lamina::bench
