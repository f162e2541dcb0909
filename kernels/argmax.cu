// CUDA twins of kernels/argmax.hpp.
#include "lamina/kernels/argmax.hpp"

#include "detail/cuda/launch.cuh"

namespace lamina::kernels::cuda {
namespace {

template <class T>
__global__ void argmax_kernel(View2<const T> x, std::uint8_t* labels) {
  for (std::int64_t r = global_thread(); r < x.rows; r += grid_threads()) {
    const T* row = x.row(r);
    std::int64_t best = 0;
    float value = widen(row[0]);
    for (std::int64_t c = 1; c < x.cols; ++c)
      if (const float v = widen(row[c]); v > value) {
        value = v;
        best = c;
      }
    labels[r] = static_cast<std::uint8_t>(best);
  }
}

}  // namespace

template <class T>
void argmax(Cuda& cuda, View2<const T> x, std::uint8_t* labels) {
  launch<argmax_kernel<T>>(cuda, blocks_for(x.rows, 256), 256, 0, x, labels);
}

LAMINA_INSTANTIATE(&argmax<float>, &argmax<BFloat16>)

}  // namespace lamina::kernels::cuda
