// The last step of sums that were split into parts: the parts in turn.
#pragma once
#include "detail/cuda/launch.cuh"

namespace lamina::kernels::cuda {

namespace detail {
template <class S>
__global__ void add_parts_kernel(const float* partials, std::int64_t parts, std::int64_t rows, std::int64_t cols, S* sums) {
  const std::int64_t size = rows * cols;
  for (std::int64_t i = global_thread(); i < size; i += grid_threads()) {
    double sum = 0;
    for (std::int64_t part = 0; part < parts; ++part) sum += partials[part * size + i];
    sums[i % cols * rows + i / cols] = narrow<S>(static_cast<Compute<S>>(sum));
  }
}
}  // namespace detail

/// sums (cols, rows) = partials[0] + partials[1] + ..., in this order, in double, of matrices (rows, cols): transposed.
inline void add_parts(const Cuda& cuda, const float* partials, std::int64_t parts, std::int64_t rows, std::int64_t cols, float* sums) {
  launch<detail::add_parts_kernel<float>>(cuda, blocks_for(rows * cols, 256), 256, 0, partials, parts, rows, cols, sums);
}

}  // namespace lamina::kernels::cuda
