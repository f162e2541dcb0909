// Sums over many rows in two steps of fixed order: parts of the rows in parallel, then the parts in turn.
#pragma once
#include "detail/launch.cuh"

namespace lamina::kernels::cuda {

namespace detail {
inline constexpr int kSumColumns = 32, kSumRows = 8;  // threads of a block of column_sums_kernel

template <class S>
__global__ void add_parts_kernel(const float* partials, std::int64_t parts, std::int64_t size, S* sums) {
  for (std::int64_t i = global_thread(); i < size; i += grid_threads()) {
    double sum = 0;
    for (std::int64_t part = 0; part < parts; ++part) sum += partials[part * size + i];
    sums[i] = narrow<S>(static_cast<Compute<S>>(sum));
  }
}

/// Block (column tile, part): partials[part][c] = sum of the part's rows.
template <class T>
__global__ void column_sums_kernel(View2<const T> x, float* partials) {
  LAMINA_SHARED(float, sums);  // (kSumRows, kSumColumns)
  const std::int64_t parts = gridDim.y, part = blockIdx.y, end = x.rows * (part + 1) / parts;
  const std::int64_t c = std::int64_t{blockIdx.x} * kSumColumns + threadIdx.x;
  float sum = 0;
  if (c < x.cols)
    for (std::int64_t r = x.rows * part / parts + threadIdx.y; r < end; r += kSumRows) sum += widen(x.row(r)[c]);
  sums[threadIdx.y * kSumColumns + threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y != 0 || c >= x.cols) return;
  for (int r = 1; r < kSumRows; ++r) sum += sums[r * kSumColumns + threadIdx.x];
  partials[part * x.cols + c] = sum;
}
}  // namespace detail

/// sums[i] = partials[0][i] + partials[1][i] + ..., in this order, in double.
inline void add_parts(const Cuda& cuda, const float* partials, std::int64_t parts, std::int64_t size, float* sums) {
  launch<detail::add_parts_kernel<float>>(cuda, blocks_for(size, 256), 256, 0, partials, parts, size, sums);
}

/// sums[c] = sum over r of x(r, c).
template <class T>
void column_sums(const Cuda& cuda, View2<const T> x, float* sums) {
  constexpr std::int64_t kRowsPerPart = 256, kMostParts = 1024;
  const std::int64_t wanted = (x.rows + kRowsPerPart - 1) / kRowsPerPart, parts = wanted < 1            ? 1
                                                                                  : wanted < kMostParts ? wanted
                                                                                                        : kMostParts;
  Workspace workspace(cuda);
  float* partials = workspace.take<float>(parts * x.cols);  // (part, column)
  launch<detail::column_sums_kernel<T>>(cuda, dim3(blocks_for(x.cols, detail::kSumColumns), static_cast<unsigned>(parts)),
                                        dim3(detail::kSumColumns, detail::kSumRows), detail::kSumColumns * detail::kSumRows * sizeof(float),
                                        x, partials);
  add_parts(cuda, partials, parts, x.cols, sums);
}

}  // namespace lamina::kernels::cuda
