// CUDA twins of kernels/finite.hpp.
#include "lamina/kernels/finite.hpp"

#include "detail/cuda/launch.cuh"

namespace lamina::kernels::cuda {
namespace {

template <class T>
__global__ void count_bad_kernel(View2<const T> x, int* bad) {
  bool mine = false;
  for (std::int64_t i = global_thread(); i < x.size(); i += grid_threads()) {
    const float zero = widen(x.row(i / x.cols)[i % x.cols]) * 0.f;  // NaN for NaN and for infinities
    mine |= !(zero == 0.f);
  }
  if (mine) atomicOr(bad, 1);
}

}  // namespace

template <class T>
void all_finite(Cuda& cuda, View2<const T> x, bool* result) {
  Workspace workspace(cuda);
  int bad = 0, *flag = workspace.take<int>(1);
  upload(cuda, flag, &bad, sizeof bad);
  launch<count_bad_kernel<T>>(cuda, blocks_for(x.size(), 256, 4096), 256, 0, x, flag);
  download(cuda, &bad, flag, sizeof bad);
  *result = bad == 0;
}

LAMINA_INSTANTIATE(&all_finite<float>, &all_finite<BFloat16>)

}  // namespace lamina::kernels::cuda
