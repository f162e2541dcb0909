// Elementwise kernels: y = f(x...) over (rows, cols) views, 16 bytes at a time where every view allows it.
#pragma once
#include "detail/cuda/launch.cuh"

namespace lamina::kernels::cuda {

namespace detail {
/// Element i of a view whose rows are read `N` at a time: packed views have one row.
template <int N, class T>
__device__ __forceinline__ T* element(View2<T> v, std::int64_t i) {
  if (v.ld == v.cols) return v.data + i * N;
  const std::int64_t per_row = v.cols / N;
  return v.row(i / per_row) + i % per_row * N;
}

template <int N, class T, class F, class... In>
__global__ void map_kernel(View2<T> y, F f, View2<const In>... x) {
  const std::int64_t count = y.size() / N;
  for (std::int64_t i = global_thread(); i < count; i += grid_threads()) {
    const auto compute = [&](const auto&... in) {
      Pack<T, N> out;
#pragma unroll
      for (int k = 0; k < N; ++k) out.v[k] = narrow<T>(f(widen(in.v[k])...));
      *reinterpret_cast<Pack<T, N>*>(element<N>(y, i)) = out;
    };
    compute(*reinterpret_cast<const Pack<In, N>*>(element<N>(x, i))...);
  }
}
}  // namespace detail

/// y = f(x...), elementwise; f sees float for bf16. Views may lie apart, and y may be one of x.
template <class T, class F, class... In>
void map(const Cuda& cuda, View2<T> y, F f, View2<const In>... x) {
  constexpr int kThreads = 256, kMost = 16 / sizeof(T);
  if (pack_width<T>(y, x...) > 1)
    launch<detail::map_kernel<kMost, T, F, In...>>(cuda, blocks_for(y.size() / kMost, kThreads), kThreads, 0, y, f, x...);
  else
    launch<detail::map_kernel<1, T, F, In...>>(cuda, blocks_for(y.size(), kThreads), kThreads, 0, y, f, x...);
}

}  // namespace lamina::kernels::cuda
