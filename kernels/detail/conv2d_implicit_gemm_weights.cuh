// Weight gradient as tiled matrix products in fp32: (output channels, pixels) x (pixels, taps x channels). The pixels are split into parts,
// by shape alone, whose sums meet in a workspace and are added in order; a tile walks over those pixels only that its taps need.
#pragma once
#include "detail/correlation_axis.hpp"
#include "detail/gemm_tile.cuh"
#include "detail/partial_sums.cuh"

namespace lamina::kernels::cuda {

/// Splits the sums over `pixels` so that there are enough blocks, but not too many partial sums of `size` elements.
LAMINA_HD constexpr std::int64_t weight_gradient_parts(std::int64_t tiles, std::int64_t pixels, std::int64_t size) {
  constexpr std::int64_t kBlocks = 512, kFewestPixels = 128, kMostElements = std::int64_t{1} << 25;
  std::int64_t parts = kBlocks / tiles;
  if (parts > pixels / kFewestPixels) parts = pixels / kFewestPixels;
  if (parts > kMostElements / size) parts = kMostElements / size;
  return parts < 1 ? 1 : parts;
}

/// dw of (groups, k, taps, c), or its parts. Plain data.
template <class T>
struct WeightGradient {
  View4<const T> x, dy;
  CorrelationAxis h, w;       ///< of the forward convolution
  std::int64_t groups, c, k;  ///< channels of x and of dy in each group
  std::int64_t parts;
  float* sums;  ///< (parts, groups, k, kernel rows, kernel cols, c)
};

namespace detail {

/// A pixel of a region of outputs of images, counted over image, row and column.
struct PixelWalk {
  std::int64_t image;
  int row, col;
  __device__ PixelWalk(const Region& region, std::int64_t pixel) : image(0), row(0), col(0) {
    if (region.size() == 0) return;
    image = pixel / region.size();
    row = static_cast<int>(region.rows.begin + pixel % region.size() / region.cols.size());
    col = static_cast<int>(region.cols.begin + pixel % region.cols.size());
  }
  __device__ void advance(const Region& region, int pixels) {
    col += pixels;
    while (col >= region.cols.end) {
      col -= static_cast<int>(region.cols.size());
      if (++row < region.rows.end) continue;
      row = static_cast<int>(region.rows.begin);
      ++image;
    }
  }
};

/// Rows of the tile are output channels, columns (tap, channel). Stage: (kDepth pixels, rows) of dy, then (kDepth, cols) of x.
template <class T, class Tile, bool Aligned>
__global__ void __launch_bounds__(Tile::kThreads, Tile::kBlocksPerProcessor) weight_gradient_kernel(WeightGradient<T> a) {
  constexpr int kStage = (Tile::kRows + Tile::kCols) * kDepth<T>;
  LAMINA_SHARED(T, shared);
  const int thread = static_cast<int>(threadIdx.x), own_row = Tile::thread_row(thread), own_col = Tile::thread_col(thread);
  const std::int64_t cols = a.h.taps * a.w.taps * a.c;
  const std::int64_t k_tiles = (a.k + Tile::kRows - 1) / Tile::kRows, col_tiles = (cols + Tile::kCols - 1) / Tile::kCols;
  const std::int64_t k0 = blockIdx.x % k_tiles * Tile::kRows, col0 = blockIdx.x / k_tiles % col_tiles * Tile::kCols;
  const std::int64_t rest = blockIdx.x / k_tiles / col_tiles, group = rest % a.groups, part = rest / a.groups;
  const std::int64_t last = col0 + Tile::kCols < cols ? col0 + Tile::kCols - 1 : cols - 1;
  const Region region = outputs_of_taps(a.h, a.w, col0 / a.c, last / a.c, a.x.h, a.x.w);
  const std::int64_t pixels = a.dy.n * region.size(), all = (pixels + kDepth<T> - 1) / kDepth<T>;
  const std::int64_t first = all * part / a.parts, steps = all * (part + 1) / a.parts - first;

  // This thread's copies: kCopied output channels of dy and kCopied columns of x, for some pixels.
  constexpr int kAcross = (Tile::kRows > Tile::kCols ? Tile::kRows : Tile::kCols) / kCopied<T>, kDown = Tile::kThreads / kAcross;
  static_assert(Tile::kThreads % kAcross == 0 && kDepth<T> % kDown == 0);
  const int across = thread % kAcross * kCopied<T>, down = thread / kAcross;
  PixelWalk walk(region, first * kDepth<T> + down);
  const std::int64_t from_dy = group * a.k + k0 + across, count_dy = a.k - k0 - across;
  const int tap = static_cast<int>((col0 + across) / a.c), c = static_cast<int>((col0 + across) % a.c), s_taps = static_cast<int>(a.w.taps);
  const auto load = [&](int stage, std::int64_t) {
    T* const to_dy = shared + stage * kStage + down * Tile::kRows + across;
    T* const to_x = shared + stage * kStage + kDepth<T> * Tile::kRows + down * Tile::kCols + across;
    // Where column (tap (r, s), channel) reads, and whether that is inside the image.
    const auto copy = [&](int r, int s, int channel, auto&& copy_from) {
      const std::int64_t i = a.h.input(walk.row, r), j = a.w.input(walk.col, s);
      const bool inside = walk.image < a.x.n && r < a.h.taps && i >= 0 && i < a.x.h && j >= 0 && j < a.x.w;
      copy_from(((walk.image * a.x.h + i) * a.x.w + j) * a.x.ld + group * a.c + channel, inside);
    };
#pragma unroll
    for (int d = 0; d < kDepth<T>; d += kDown) {
      if (Tile::kRows >= Tile::kCols || across < Tile::kRows)
        copy_elements<Aligned>(to_dy + d * Tile::kRows, a.dy.data,
                               ((walk.image * a.dy.h + walk.row) * a.dy.w + walk.col) * a.dy.ld + from_dy,
                               walk.image < a.dy.n ? count_dy : 0);
      if (Tile::kCols >= Tile::kRows || across < Tile::kCols) {
        int r = tap / s_taps, s = tap % s_taps, channel = c;
        if constexpr (Aligned) {
          copy(r, s, channel, [&](std::int64_t from, bool inside) {
            copy_elements<true>(to_x + d * Tile::kCols, a.x.data, from, inside ? kCopied<T> : 0);
          });
        } else {
#pragma unroll 1
          for (int e = 0; e < kCopied<T>; ++e) {
            copy(r, s, channel, [&](std::int64_t from, bool inside) { copy_element(to_x + d * Tile::kCols + e, a.x.data, from, inside); });
            if (++channel < a.c) continue;
            channel = 0;
            if (++s < s_taps) continue;
            s = 0;
            ++r;
          }
        }
      }
      walk.advance(region, kDown);
    }
  };

  float sums[Tile::kOwnRows][Tile::kOwnCols] = {};
  const auto multiply = [&](int stage) {
    const T* const from_dy = shared + stage * kStage;
    const T* const from_x = from_dy + kDepth<T> * Tile::kRows;
#pragma unroll 1
    for (int d = 0; d < kDepth<T>; ++d) {
      Pack<T, 4> dy[Tile::kOwnRows / 4], x[Tile::kOwnCols / 4];
#pragma unroll
      for (int i = 0; i < Tile::kOwnRows; i += 4)
        dy[i / 4] = *reinterpret_cast<const Pack<T, 4>*>(from_dy + d * Tile::kRows + Tile::row(own_row, i));
#pragma unroll
      for (int j = 0; j < Tile::kOwnCols; j += 4)
        x[j / 4] = *reinterpret_cast<const Pack<T, 4>*>(from_x + d * Tile::kCols + Tile::col(own_col, j));
#pragma unroll
      for (int i = 0; i < Tile::kOwnRows; ++i)
#pragma unroll
        for (int j = 0; j < Tile::kOwnCols; ++j) sums[i][j] += widen(dy[i / 4].v[i % 4]) * widen(x[j / 4].v[j % 4]);
    }
  };
  pipeline(steps, load, multiply);

  float* const to = a.sums + (part * a.groups + group) * a.k * cols;
#pragma unroll
  for (int i = 0; i < Tile::kOwnRows; ++i) {
    const std::int64_t k = k0 + Tile::row(own_row, i);
    if (k >= a.k) continue;
#pragma unroll
    for (int j = 0; j < Tile::kOwnCols; j += 4) {
      const std::int64_t col = col0 + Tile::col(own_col, j);
      const float values[4] = {sums[i][j], sums[i][j + 1], sums[i][j + 2], sums[i][j + 3]};
      store_quadruple(to + k * cols + col, values, cols - col, cols % 4 == 0);
    }
  }
}

}  // namespace detail

template <class T>
void conv2d_backward_weights_implicit_gemm(const Cuda& cuda, View4<const T> x, View4<const T> dy, View4<float> dw, const Conv2dParams& p) {
  const std::int64_t k = dw.n / p.groups, cols = dw.h * dw.w * dw.c;
  const bool aligned_copies = aligned_channels(x.data, x.ld, dw.c, kCopied<T>) && aligned_channels(dy.data, dy.ld, k, kCopied<T>);
  with_tile(p.tile, k, cols, p.groups, [&]<class Tile>(Tile) {
    const std::int64_t tiles = (k + Tile::kRows - 1) / Tile::kRows * ((cols + Tile::kCols - 1) / Tile::kCols) * p.groups;
    const std::int64_t parts = weight_gradient_parts(tiles, dy.pixels(), dw.size());
    Workspace workspace(cuda);
    float* partials = workspace.take<float>(parts * dw.size());
    const WeightGradient<T> a{
        x, dy, forward_axis(dy.h, dw.h, p.padding.top, p), forward_axis(dy.w, dw.w, p.padding.left, p), p.groups, dw.c, k, parts, partials};
    constexpr std::size_t kBytes = 2 * (Tile::kRows + Tile::kCols) * kDepth<T> * sizeof(T);
    const auto blocks = static_cast<unsigned>(tiles * parts);
    if (aligned_copies)
      launch<detail::weight_gradient_kernel<T, Tile, true>>(cuda, blocks, Tile::kThreads, kBytes, a);
    else
      launch<detail::weight_gradient_kernel<T, Tile, false>>(cuda, blocks, Tile::kThreads, kBytes, a);
    add_parts(cuda, partials, parts, dw.size(), dw.data);
  });
}

}  // namespace lamina::kernels::cuda
