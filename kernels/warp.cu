// CUDA twin of kernels/warp.hpp. Reads the bytes that the map covers, writes images and labels once.
#include "lamina/kernels/warp.hpp"

#include "detail/cuda/pixels.cuh"

namespace lamina::kernels::cuda {
namespace {

template <class T>
struct Warp {
  View4<const std::uint8_t> x;
  const AffineMap* maps;
  const float *scale, *offset;
  float border;

  template <int N>
  __device__ Lanes<N> operator()(std::int64_t n, std::int64_t i, std::int64_t j, std::int64_t c) const {
    const WarpPoint at = warp_point(maps[n], i, j, x.h, x.w);
    Lanes<N> v;
#pragma unroll
    for (int k = 0; k < N; ++k) v.v[k] = border;
    if (at.inside) {
      const WarpSquare s = warp_square(at, x.h, x.w);
#pragma unroll
      for (int k = 0; k < N; ++k) {
        const auto pixel = [&](std::int64_t h, std::int64_t w) { return static_cast<float>(x.pixel(n, h, w)[c + k]); };
        v.v[k] = s.between(pixel(s.top, s.left), pixel(s.top, s.right), pixel(s.bottom, s.left), pixel(s.bottom, s.right));
      }
    }
#pragma unroll
    for (int k = 0; k < N; ++k) v.v[k] = (scale ? scale[c + k] : 1.f) * v.v[k] + (offset ? offset[c + k] : 0.f);
    return v;
  }
};

__global__ void warp_labels_kernel(const std::uint8_t* labels, std::int64_t height, std::int64_t width, const AffineMap* maps,
                                   std::uint8_t outside, std::int64_t n, std::int64_t h, std::int64_t w, std::uint8_t* out) {
  for (std::int64_t p = global_thread(); p < n * h * w; p += grid_threads()) {
    const std::int64_t image = p / (h * w);
    const WarpPoint at = warp_point(maps[image], p / w % h, p % w, height, width);
    out[p] = at.inside ? labels[(image * height + at.row) * width + at.column] : outside;
  }
}

}  // namespace

template <class T>
void warp(Cuda& cuda, View4<const std::uint8_t> x, const std::uint8_t* labels, const AffineMap* maps, const Precise<T>* scale,
          const Precise<T>* offset, std::uint8_t border, std::uint8_t outside, View4<T> y, std::uint8_t* labels_out) {
  Workspace workspace(cuda);
  AffineMap* there = workspace.take<AffineMap>(y.n);
  upload(cuda, there, maps, static_cast<std::size_t>(y.n) * sizeof *maps);
  for_pixels(cuda, y, Warp<T>{x, there, scale, offset, static_cast<float>(border)});
  if (labels)
    launch<warp_labels_kernel>(cuda, blocks_for(y.pixels(), 256), 256, 0, labels, x.h, x.w, static_cast<const AffineMap*>(there), outside,
                               y.n, y.h, y.w, labels_out);
}

LAMINA_INSTANTIATE(&warp<float>, &warp<BFloat16>)

}  // namespace lamina::kernels::cuda
