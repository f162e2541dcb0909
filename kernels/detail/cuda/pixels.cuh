// Kernels that compute an image batch pixel by pixel: a thread has N neighbouring channels of one pixel, so that a warp reads and writes
// neighbouring memory, 16 bytes a thread where every view allows it.
#pragma once
#include "detail/cuda/reduce.cuh"

namespace lamina::kernels::cuda {

/// N channels as they are computed with.
template <int N>
using Lanes = Pack<float, N>;

template <int N>
__device__ __forceinline__ Lanes<N> zero_lanes() {
  Lanes<N> out;
#pragma unroll
  for (int k = 0; k < N; ++k) out.v[k] = 0;
  return out;
}
/// sum += weight * v
template <int N>
__device__ __forceinline__ void add_scaled(Lanes<N>& sum, float weight, const Lanes<N>& v) {
#pragma unroll
  for (int k = 0; k < N; ++k) sum.v[k] += weight * v.v[k];
}

namespace detail {
struct PixelIndex {
  std::int64_t n, h, w, c;
};

template <class I>
__device__ __forceinline__ PixelIndex split_index(I i, I channels, I width, I height) {
  const I pixel = i / channels, row = pixel / width;
  return {static_cast<std::int64_t>(row / height), static_cast<std::int64_t>(row % height), static_cast<std::int64_t>(pixel % width),
          static_cast<std::int64_t>(i % channels)};
}
/// Element i of `count`, whose last axis is `channels`.
__device__ __forceinline__ PixelIndex split_index(std::int64_t i, std::int64_t count, std::int64_t channels, std::int64_t width,
                                                  std::int64_t height) {
  if (count > kNarrowIndex) return split_index<std::int64_t>(i, channels, width, height);
  return split_index<unsigned>(static_cast<unsigned>(i), static_cast<unsigned>(channels), static_cast<unsigned>(width),
                               static_cast<unsigned>(height));
}

template <int N, class T, class F>
__global__ void pixels_kernel(View4<T> y, F f) {
  const std::int64_t packs = y.c / N, count = y.pixels() * packs;
  for (std::int64_t i = global_thread(); i < count; i += grid_threads()) {
    const PixelIndex at = split_index(i, count, packs, y.w, y.h);
    store<N>(y.pixel(at.n, at.h, at.w) + at.c * N, f.template operator()<N>(at.n, at.h, at.w, at.c * N));
  }
}
}  // namespace detail

/// y[n,h,w,c..c+N) = f.operator()<N>(n, h, w, c), a Lanes<N>. `inputs` are the views of y's channels that f reads.
template <class T, class F, class... In>
void for_pixels(const Cuda& cuda, View4<T> y, F f, View4<const In>... inputs) {
  constexpr int kThreads = 256;
  with_pack_width<T>(
      [&](auto width) {
        constexpr int kWidth = decltype(width)::value;
        launch<detail::pixels_kernel<kWidth, T, F>>(cuda, blocks_for(y.size() / kWidth, kThreads), kThreads, 0, y, f);
      },
      y.flat(), inputs.flat()...);
}

}  // namespace lamina::kernels::cuda
