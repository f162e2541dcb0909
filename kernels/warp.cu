// CUDA twin of kernels/warp.hpp, a thread a pixel. Reads the bytes that the maps cover, writes images and labels once.
#include "lamina/kernels/warp.hpp"

#include "detail/cuda/pixels.cuh"
#include "detail/shared/warp.hpp"

namespace lamina::kernels::cuda {
namespace {

template <class T, class S>
__device__ __forceinline__ void warp_photo(const WarpSource& source, const WarpPoint& at, const float* scale, const float* offset,
                                           std::int64_t channels, T* out) {
  const bool whole = moves_whole_pixels(source.map);
  const auto write = [&](std::int64_t c, float v) { out[c] = static_cast<T>(scale[c] * v + offset[c]); };
  if (channels == 3 && source.channels == 1)
    warp_pixel<float, S, 1>(source, at, whole, channels, write);
  else if (channels == 3)
    warp_pixel<float, S, 3>(source, at, whole, channels, write);
  else
    warp_pixel<float, S, 0>(source, at, whole, channels, write);
}

template <class T>
__global__ void warp_kernel(const WarpSource* sources, WarpBorder border, const float* scale, const float* offset, View4<T> y,
                            std::uint8_t* labels, std::int64_t planes) {
  for (std::int64_t p = global_thread(); p < y.pixels(); p += grid_threads()) {
    const WarpSource& source = sources[p / (y.h * y.w)];
    const WarpPoint at = warp_point(source.map, p / y.w % y.h, p % y.w, source.height, source.width);
    if (y.data) {
      T* out = y.pixel(0, 0, p);
      if (!at.inside)
        for (std::int64_t c = 0; c < y.c; ++c)
          out[c] = static_cast<T>(scale[c] * static_cast<float>(border.image[y.c == 3 ? c : 0]) + offset[c]);
      else if (source.sample_bytes == 1)
        warp_photo<T, std::uint8_t>(source, at, scale, offset, y.c, out);
      else
        warp_photo<T, std::uint16_t>(source, at, scale, offset, y.c, out);
    }
    if (labels)
      for (std::int64_t k = 0; k < planes; ++k)
        labels[p * planes + k] = at.inside ? source.labels[(at.row * source.width + at.column) * planes + k] : border.label;
  }
}

}  // namespace

template <class T>
void warp(Cuda& cuda, const WarpSource* sources, WarpBorder border, const Precise<T>* scale, const Precise<T>* offset, View4<T> y,
          std::uint8_t* labels, std::int64_t planes) {
  Workspace workspace(cuda);
  WarpSource* there = workspace.take<WarpSource>(y.n);
  upload(cuda, there, sources, static_cast<std::size_t>(y.n) * sizeof *sources);
  launch<warp_kernel<T>>(cuda, blocks_for(y.pixels(), 256), 256, 0, static_cast<const WarpSource*>(there), border, scale, offset, y, labels,
                         planes);
}

LAMINA_INSTANTIATE(&warp<float>, &warp<BFloat16>)

}  // namespace lamina::kernels::cuda
