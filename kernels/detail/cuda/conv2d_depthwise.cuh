// Depthwise convolution (one filter a channel): bound by memory, so threads own neighbouring channels of a pixel. Any kernel, stride and
// dilation.
#pragma once
#include "detail/cuda/epilogue.cuh"
#include "detail/cuda/partial_sums.cuh"
#include "detail/cuda/pixels.cuh"
#include "detail/cuda/reduce.cuh"
#include "detail/shared/correlation_axis.hpp"
#include "lamina/kernels/conv2d.hpp"

namespace lamina::kernels::cuda {

namespace detail {

/// packed (tap, c) of weights (c, taps).
template <class T>
__global__ void pack_depthwise_kernel(const T* weights, std::int64_t channels, std::int64_t taps, T* packed) {
  for (std::int64_t i = global_thread(); i < channels * taps; i += grid_threads()) packed[i] = weights[i % channels * taps + i / channels];
}

/// y at the outputs of (h, w) = epilogue(correlation of x with packed weights (kernel row, kernel col of kw, c)): N channels a thread.
template <int N, class T>
__global__ void depthwise_kernel(View4<const T> x, CorrelationAxis h, CorrelationAxis w, const T* packed, std::int64_t kw,
                                 Epilogue epilogue, View4<T> y) {
  const std::int64_t packs = y.c / N, count = y.n * h.count * w.count * packs;
  const int row_taps = static_cast<int>(h.taps), col_taps = static_cast<int>(w.taps);
  for (std::int64_t i = global_thread(); i < count; i += grid_threads()) {
    const PixelIndex at = split_index(i, count, packs, w.count, h.count);
    const std::int64_t c = at.c * N;
    const T* const image = x.pixel(at.n, 0, 0) + c;
    const T* weights = packed + (h.tap_first * kw + w.tap_first) * y.c + c;
    Pack<float, N> sum{};
    int row = static_cast<int>(h.input(at.h, 0));
    for (int r = 0; r < row_taps; ++r, row += static_cast<int>(h.step), weights += h.tap_step * kw * y.c) {
      if (static_cast<unsigned>(row) >= static_cast<unsigned>(x.h)) continue;
      const T* weight_at = weights;
      int col = static_cast<int>(w.input(at.w, 0));
      for (int s = 0; s < col_taps; ++s, col += static_cast<int>(w.step), weight_at += w.tap_step * y.c) {
        if (static_cast<unsigned>(col) >= static_cast<unsigned>(x.w)) continue;
        const auto value = load<N>(image + (row * x.w + col) * x.ld);
        const auto weight = load<N>(weight_at);
#pragma unroll
        for (int e = 0; e < N; ++e) sum.v[e] += value.v[e] * weight.v[e];
      }
    }
#pragma unroll
    for (int e = 0; e < N; ++e) sum.v[e] = epilogue(sum.v[e], c + e);
    store<N>(y.pixel(at.n, h.out_first + at.h * h.out_step, w.out_first + at.w * w.out_step) + c, sum);
  }
}

inline constexpr int kDepthwiseRows = 8;  // warps of a block, beside each other along the pixels

/// Block (32 packs of channels, then tap; part of the rows of dy): partials[part][tap][c]. The blocks of the other taps find the rows in
/// the L2 cache.
template <int N, class T>
__global__ void depthwise_weights_kernel(View4<const T> x, View4<const T> dy, CorrelationAxis h, CorrelationAxis w, std::int64_t channels,
                                         float* partials) {
  LAMINA_SHARED(float, sums);  // (kDepthwiseRows, 32 * N)
  const int lane = static_cast<int>(threadIdx.x), warp = static_cast<int>(threadIdx.y);
  const std::int64_t taps = h.taps * w.taps, packs = gridDim.x / taps, tap = blockIdx.x / packs, r = tap / w.taps, s = tap % w.taps;
  const std::int64_t c = (blockIdx.x % packs * kWarpSize + lane) * N, parts = gridDim.y, part = blockIdx.y, lines = dy.n * dy.h;
  const IndexRange rows = outputs_inside(h, r, r, x.h), cols = outputs_inside(w, s, s, x.w);
  float sum[N] = {};
  if (c < channels)
    for (std::int64_t line = lines * part / parts; line < lines * (part + 1) / parts; ++line) {
      const std::int64_t n = line / dy.h, i = line % dy.h;
      if (i < rows.begin || i >= rows.end) continue;
      for (std::int64_t j = cols.begin + warp; j < cols.end; j += kDepthwiseRows) {
        const auto value = load<N>(x.pixel(n, h.input(i, r), w.input(j, s)) + c);
        const auto gradient = load<N>(dy.pixel(n, i, j) + c);
#pragma unroll
        for (int e = 0; e < N; ++e) sum[e] += value.v[e] * gradient.v[e];
      }
    }
#pragma unroll
  for (int e = 0; e < N; ++e) sums[(warp * kWarpSize + lane) * N + e] = sum[e];
  __syncthreads();
  if (warp > 0 || c >= channels) return;
#pragma unroll
  for (int e = 0; e < N; ++e) {
    for (int other = 1; other < kDepthwiseRows; ++other) sum[e] += sums[(other * kWarpSize + lane) * N + e];
    partials[(part * taps + tap) * channels + c + e] = sum[e];
  }
}

template <class T>
void launch_depthwise(const Cuda& cuda, View4<const T> x, const CorrelationAxis& h, const CorrelationAxis& w, const T* packed,
                      std::int64_t kw, Epilogue epilogue, View4<T> y) {
  with_pack_width<T>(
      [&](auto n) {
        constexpr int N = decltype(n)::value;
        launch<depthwise_kernel<N, T>>(cuda, blocks_for(y.n * h.count * w.count * (y.c / N), 256), 256, 0, x, h, w, packed, kw, epilogue,
                                       y);
      },
      x.flat(), y.flat());
}

}  // namespace detail

/// The weights of a depthwise convolution as (tap, c).
template <class T>
const T* packed_depthwise(const Cuda& cuda, View4<const T> w, Workspace& workspace) {
  T* packed = workspace.take<T>(w.size());
  launch<detail::pack_depthwise_kernel<T>>(cuda, blocks_for(w.size(), 256), 256, 0, w.data, w.n, w.h * w.w, packed);
  return packed;
}

template <class T>
void conv2d_forward_depthwise(const Cuda& cuda, View4<const T> x, View4<const T> w, Epilogue epilogue, View4<T> y, const Conv2dParams& p) {
  Workspace workspace(cuda);
  detail::launch_depthwise<T>(cuda, x, forward_axis(y.h, w.h, p.padding.top, p), forward_axis(y.w, w.w, p.padding.left, p),
                              packed_depthwise(cuda, w, workspace), w.w, epilogue, y);
}

template <class T>
void conv2d_backward_data_depthwise(const Cuda& cuda, View4<const T> dy, View4<const T> w, Epilogue epilogue, View4<T> dx,
                                    const Conv2dParams& p) {
  Workspace workspace(cuda);
  const T* packed = packed_depthwise(cuda, w, workspace);
  for_each_class(dx, w, p, [&](const CorrelationAxis& h, const CorrelationAxis& v) {
    detail::launch_depthwise<T>(cuda, dy, h, v, packed, w.w, epilogue, dx);
  });
}

template <class T>
void conv2d_backward_weights_depthwise(const Cuda& cuda, View4<const T> x, View4<const T> dy, View4<float> dw, const Conv2dParams& p) {
  constexpr std::int64_t kMostParts = 128, kFewestPixels = 256;
  const std::int64_t wanted = dy.pixels() / kFewestPixels, parts = wanted < 1 ? 1 : wanted < kMostParts ? wanted : kMostParts;
  Workspace workspace(cuda);
  float* partials = workspace.take<float>(parts, dw.size());
  with_pack_width<T>(
      [&](auto n) {
        constexpr int N = decltype(n)::value;
        const dim3 grid(blocks_for(dw.n, kWarpSize * N) * static_cast<unsigned>(dw.h * dw.w), static_cast<unsigned>(parts));
        launch<detail::depthwise_weights_kernel<N, T>>(
            cuda, grid, dim3(kWarpSize, detail::kDepthwiseRows), detail::kDepthwiseRows * kWarpSize * N * sizeof(float), x, dy,
            forward_axis(dy.h, dw.h, p.padding.top, p), forward_axis(dy.w, dw.w, p.padding.left, p), dw.n, partials);
      },
      x.flat(), dy.flat());
  add_parts(cuda, partials, parts, dw.h * dw.w, dw.n, dw.data);
}

}  // namespace lamina::kernels::cuda
