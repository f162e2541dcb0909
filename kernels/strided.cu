// CUDA twins of kernels/strided.hpp. Memory passes: reads x, in whatever order the strides ask for, and writes y once.
#include "lamina/kernels/strided.hpp"

#include "detail/cuda/launch.cuh"
#include "detail/shared/strided.hpp"

namespace lamina::kernels::cuda {
namespace {

template <class T>
__global__ void strided_copy_kernel(const T* x, Strided from, View2<T> y) {
  const std::int64_t count = y.size();
  for (std::int64_t i = global_thread(); i < count; i += grid_threads())
    y.row(i / y.cols)[i % y.cols] = x[strided_row(from, i / y.cols) + i % y.cols * from.stride[4]];
}

}  // namespace

template <class T>
void strided_copy(Cuda& cuda, const T* x, Strided from, View2<T> y) {
  constexpr int kThreads = 256;
  launch<strided_copy_kernel<T>>(cuda, blocks_for(y.size(), kThreads), kThreads, 0, x, from, y);
}

LAMINA_INSTANTIATE(&strided_copy<float>, &strided_copy<BFloat16>)

}  // namespace lamina::kernels::cuda
