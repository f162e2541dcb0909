// Forward convolution of images with few channels, in fp32: their patches are too short for a matrix product's stages. A thread computes
// four neighbouring output channels of eight pixels; the weights of a block's channels wait in shared memory, in chunks of the patch.
#pragma once
#include "detail/cuda/conv2d_implicit_gemm.cuh"

namespace lamina::kernels::cuda {

namespace detail {

inline constexpr int kDirectThreads = 256, kDirectPixels = 8, kDirectChunk = 128;

/// Output channels that a block computes, a multiple of four, and its threads beside each other along the pixels.
LAMINA_HD constexpr int direct_channels(std::int64_t k) { return k > 60 ? 64 : static_cast<int>((k + 3) / 4 * 4); }
LAMINA_HD constexpr int direct_lines(std::int64_t k) { return kDirectThreads / (direct_channels(k) / 4); }

template <class T>
__global__ void __launch_bounds__(kDirectThreads) direct_kernel(Correlation<T> a) {
  LAMINA_SHARED(float, weights);  // (kDirectChunk elements of the patch, channels); then moments (lines, 2, channels)
  const int channels = direct_channels(a.k), quads = channels / 4, lines = direct_lines(a.k), thread = static_cast<int>(threadIdx.x);
  const int own_k = thread % quads * 4, line = thread / quads;  // threads beyond the last line have no pixels
  const std::int64_t k0 = std::int64_t{blockIdx.x % a.k_tiles} * channels;
  const std::int64_t first = (std::int64_t{blockIdx.x / a.k_tiles} * lines + line) * kDirectPixels;
  const int patch = static_cast<int>(a.h.taps * a.w.taps * a.c);
  CopiedPixel pixels[kDirectPixels];
#pragma unroll
  for (int q = 0; q < kDirectPixels; ++q) pixels[q] = copied_pixel(a, line < lines ? first + q : a.pixels(), 0);
  float sums[kDirectPixels][4] = {};
  int r = 0, s = 0, c = 0;
  for (int begin = 0; begin < patch; begin += kDirectChunk) {
    const int count = patch - begin < kDirectChunk ? patch - begin : kDirectChunk;
    __syncthreads();  // the last chunk has been used
    for (int i = thread; i < count * channels; i += kDirectThreads) {
      const std::int64_t k = k0 + i % channels;
      weights[i] = k < a.k ? widen(a.weights[k * patch + begin + i / channels]) : 0;
    }
    __syncthreads();
    for (int e = 0; e < count; ++e) {
      const Pack<float, 4> weight = *reinterpret_cast<const Pack<float, 4>*>(weights + e * channels + own_k);
      const std::int64_t from = (r * a.h.step * a.x.w + s * a.w.step) * a.x.ld + c;
#pragma unroll
      for (int q = 0; q < kDirectPixels; ++q) {
        const float x = pixels[q].reads(a, r, s) ? widen(a.x.data[pixels[q].offset + from]) : 0;
#pragma unroll
        for (int i = 0; i < 4; ++i) sums[q][i] += x * weight.v[i];
      }
      if (++c < a.c) continue;
      c = 0;
      if (++s < a.w.taps) continue;
      s = 0;
      ++r;
    }
  }
  if (a.moments.values) __syncthreads();  // the weights have been used
  if (line < lines) {
    const std::int64_t k = k0 + own_k;
    const Pack<float, 4> bias = a.epilogue.bias(k, a.k);
    RunningMoments<4> own;
    with_activation(a.epilogue.act, [&](auto act) {
#pragma unroll
      for (int q = 0; q < kDirectPixels; ++q)
        if (first + q < a.pixels()) {
          const auto v = store_activated(a.y.data + (first + q) * a.y.ld + k, sums[q], bias, act, a.k - k, a.wide_stores);
          if (a.moments.values) own.add(v);
        }
    });
    if (a.moments.values) keep_part(weights, line, channels, own_k, own);
  }
  if (!a.moments.values) return;
  const std::int64_t tile = blockIdx.x / a.k_tiles, rows = a.moments.count(tile);
  write_tile(a.moments, tile, k0, a.k - k0, weights, lines, channels, [&](int part) {
    const std::int64_t left = rows - part * kDirectPixels;
    return left < kDirectPixels ? left : kDirectPixels;
  });
}

}  // namespace detail

/// At most kFewInputChannels, one group.
template <class T>
void conv2d_forward_direct(const Cuda& cuda, View4<const T> x, View4<const T> w, Epilogue epilogue, View4<T> y, double* moments,
                           const Conv2dParams& p) {
  const unsigned k_tiles = blocks_for(w.n, detail::direct_channels(w.n));
  Correlation<T> a{x,
                   forward_axis(y.h, w.h, p.padding.top, p),
                   forward_axis(y.w, w.w, p.padding.left, p),
                   w.data,
                   w.h,
                   w.w,
                   1,
                   w.c,
                   w.n,
                   y,
                   epilogue,
                   k_tiles,
                   aligned_channels(y.data, y.ld, w.n, 4)};
  const int channels = detail::direct_channels(w.n), lines = detail::direct_lines(w.n);
  const int floats = detail::kDirectChunk * channels, moment_floats = moments ? 2 * lines * channels : 0;
  with_tile_moments(cuda, y, lines * detail::kDirectPixels, moments, [&](const TileMoments& tiles) {
    a.moments = tiles;
    launch<detail::direct_kernel<T>>(cuda, static_cast<unsigned>(tiles.tiles()) * k_tiles, detail::kDirectThreads,
                                     static_cast<std::size_t>(floats > moment_floats ? floats : moment_floats) * sizeof(float), a);
  });
}

}  // namespace lamina::kernels::cuda
