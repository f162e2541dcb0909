// A program whose kernel lacks a barrier when it is run with an argument. Built with ThreadSanitizer, which then must name the kernel's
// lines; without an argument it must be silent.
#include <cstdio>

#include "detail/cuda/launch.cuh"

namespace lamina::kernels::cuda {
void check_launch(const char*) {}
}  // namespace lamina::kernels::cuda

namespace {

using namespace lamina::kernels::cuda;

template <bool Barrier>
__global__ void reverse_kernel(const int* x, int* y) {
  LAMINA_SHARED(int, values);
  const int i = threadIdx.x, n = blockDim.x;
  values[i] = x[i];  // planted: the write of the race
  if (Barrier) __syncthreads();
  y[i] = values[n - 1 - i];  // planted: the read of the race
  y[i] += __shfl_xor_sync(kFullMask, values[i], 1) & 0;
}

}  // namespace

int main(int argc, char**) {
  const lamina::Cuda cuda;
  int x[64], y[64];
  for (int i = 0; i < 64; ++i) x[i] = i;
  for (int repeat = 0; repeat < 2; ++repeat) {  // the second launch must not be taken for a race with the first
    if (argc > 1)
      launch<reverse_kernel<false>>(cuda, 3, 64, 64 * sizeof(int), static_cast<const int*>(x), y + 0);
    else
      launch<reverse_kernel<true>>(cuda, 3, 64, 64 * sizeof(int), static_cast<const int*>(x), y + 0);
    if (cudaDeviceSynchronize() != cudaSuccess) return 2;
  }
  std::printf("y[0] = %d\n", y[0]);
}
