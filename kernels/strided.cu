// CUDA twins of kernels/strided.hpp. Memory passes: reads x, in whatever order the strides ask for, and writes y once.
#include "lamina/kernels/strided.hpp"

#include "detail/cuda/launch.cuh"
#include "detail/shared/strided.hpp"

namespace lamina::kernels::cuda {
namespace {

/// Counts in I.
template <class I, class T>
__global__ void strided_copy_kernel(const T* x, Strided from, View2<T> y) {
  const std::int64_t count = y.size();
  const I cols = static_cast<I>(y.cols);
  for (std::int64_t i = global_thread(); i < count; i += grid_threads()) {
    const I row = static_cast<I>(i) / cols, col = static_cast<I>(i) % cols;
    y.row(row)[col] = x[strided_row(from, row) + static_cast<std::int64_t>(col) * from.stride[4]];
  }
}

}  // namespace

template <class T>
void strided_copy(Cuda& cuda, const T* x, Strided from, View2<T> y) {
  constexpr int kThreads = 256;
  if (y.size() <= kNarrowIndex)
    launch<strided_copy_kernel<unsigned, T>>(cuda, blocks_for(y.size(), kThreads), kThreads, 0, x, from, y);
  else
    launch<strided_copy_kernel<std::int64_t, T>>(cuda, blocks_for(y.size(), kThreads), kThreads, 0, x, from, y);
}

LAMINA_INSTANTIATE(&strided_copy<float>, &strided_copy<BFloat16>)

}  // namespace lamina::kernels::cuda
