// CUDA twins of kernels/count_above.hpp.
#include "lamina/kernels/count_above.hpp"

#include "detail/cuda/launch.cuh"

namespace lamina::kernels::cuda {
namespace {

template <class T>
__global__ void count_above_kernel(View2<const T> x, const float* thresholds, int count, bool planes, std::uint8_t* labels) {
  const std::int64_t results = planes ? x.rows * count : x.rows;
  for (std::int64_t i = global_thread(); i < results; i += grid_threads()) {
    const T* row = x.row(planes ? i / count : i);
    int n = 0;
    if (planes) {
      const auto k = i % count;
      n = widen(row[k]) > thresholds[k];
    } else {
      for (int k = 0; k < count; ++k) n += widen(row[x.cols == 1 ? 0 : k]) > thresholds[k];
    }
    labels[i] = static_cast<std::uint8_t>(n);
  }
}

}  // namespace

template <class T>
void count_above(Cuda& cuda, View2<const T> x, const float* thresholds, int count, bool planes, std::uint8_t* labels) {
  launch<count_above_kernel<T>>(cuda, blocks_for(planes ? x.rows * count : x.rows, 256), 256, 0, x, thresholds, count, planes, labels);
}

LAMINA_INSTANTIATE(&count_above<float>, &count_above<BFloat16>)

}  // namespace lamina::kernels::cuda
