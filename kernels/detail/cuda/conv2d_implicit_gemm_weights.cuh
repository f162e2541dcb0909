// Weight gradient as tiled matrix products with sums in fp32: (output channels, pixels) x (pixels, taps x channels). The pixels are split
// into parts, by shape alone, whose sums meet in a workspace and are added in order; a tile walks over those pixels only that its taps
// need.
#pragma once
#include "detail/cuda/fragments.cuh"
#include "detail/cuda/gemm_tile.cuh"
#include "detail/cuda/partial_sums.cuh"
#include "detail/shared/correlation_axis.hpp"

namespace lamina::kernels::cuda {

/// dw of (groups, k, taps, c), or its parts. Plain data.
template <class T>
struct WeightGradient {
  View4<const T> x, dy;
  CorrelationAxis h, w;       ///< of the forward convolution
  std::int64_t groups, c, k;  ///< channels of x and of dy in each group
  std::int64_t parts;
  unsigned k_tiles, col_tiles;
  bool aligned_dy;  ///< its channels can be copied 16 bytes at a time
  float* sums;      ///< (parts, groups, k, kernel rows, kernel cols, c)
};

namespace detail {

/// A pixel of a region of outputs of images, counted over image, row and column.
struct PixelWalk {
  int row_begin, row_end, col_begin, col_end;
  int image = 0, row = 0, col = 0;

  __device__ PixelWalk(const Region& region, std::int64_t pixel)
      : row_begin(static_cast<int>(region.rows.begin)),
        row_end(static_cast<int>(region.rows.end)),
        col_begin(static_cast<int>(region.cols.begin)),
        col_end(static_cast<int>(region.cols.end)) {
    if (region.size() == 0) return;
    image = static_cast<int>(pixel / region.size());
    row = row_begin + static_cast<int>(pixel % region.size() / region.cols.size());
    col = col_begin + static_cast<int>(pixel % region.cols.size());
  }
  /// Calls moved(images, rows, columns) with the differences that it goes by.
  template <class Moved>
  __device__ __forceinline__ void advance(int pixels, Moved&& moved) {
    moved(0, 0, pixels);
    for (col += pixels; col >= col_end;) {
      const int width = col_end - col_begin;
      col -= width;
      moved(0, 1, -width);
      if (++row < row_end) continue;
      moved(1, row_begin - row, 0);
      row = row_begin;
      ++image;
    }
  }
};

/// Rows of the tile are output channels, columns (tap, channel). Aligned: channels of x can be copied 16 bytes at a time. Stage: (kDepth
/// pixels, kDyPitch) of dy, then (kDepth, kXPitch) of x.
// Long: one pipeline of copies and products, whose stages share registers and barriers.
template <class T, class Tile, bool Aligned>
__global__ void __launch_bounds__(Tile::kThreads, Tile::kBlocksPerProcessor) weight_gradient_kernel(WeightGradient<T> a) {
  constexpr int kDyPitch = Tile::kRows + Tile::kPad, kXPitch = Tile::kCols + Tile::kPad, kStage = (kDyPitch + kXPitch) * kDepth<T>;
  LAMINA_SHARED(T, shared);
  const int thread = static_cast<int>(threadIdx.x), own_row = Tile::thread_row(thread), own_col = Tile::thread_col(thread);
  const unsigned k_tile = blockIdx.x % a.k_tiles, col_tile = blockIdx.x / a.k_tiles % a.col_tiles;
  const unsigned matrix = blockIdx.x / a.k_tiles / a.col_tiles;  // (part, group)
  const std::int64_t cols = a.h.taps * a.w.taps * a.c;
  const auto first_k = [&] { return std::int64_t{k_tile} * Tile::kRows; };
  const auto first_col = [&] { return std::int64_t{col_tile} * Tile::kCols; };
  const std::int64_t group = matrix % a.groups, part = matrix / a.groups;
  const std::int64_t last = first_col() + Tile::kCols < cols ? first_col() + Tile::kCols - 1 : cols - 1;
  const Region region = outputs_of_taps(a.h, a.w, first_col() / a.c, last / a.c, a.x.h, a.x.w);
  const std::int64_t pixels = a.dy.n * region.size(), all = (pixels + kDepth<T> - 1) / kDepth<T>;
  const std::int64_t first = all * part / a.parts;
  const int steps = static_cast<int>(all * (part + 1) / a.parts - first);

  // This thread's copies: kCopied output channels of dy and kCopied columns of x, for some pixels.
  constexpr int kAcross = (Tile::kRows > Tile::kCols ? Tile::kRows : Tile::kCols) / kCopied<T>, kDown = Tile::kThreads / kAcross;
  static_assert(Tile::kThreads % kAcross == 0 && kDepth<T> % kDown == 0);
  const int across = thread % kAcross * kCopied<T>, down = thread / kAcross;
  PixelWalk walk(region, first * kDepth<T> + down);
  const std::int64_t tap = (first_col() + across) / a.c;
  const int count_dy = static_cast<int>(a.k - first_k()) - across, count_x = static_cast<int>(last + 1 - first_col()) - across;
  const int r = static_cast<int>(tap / a.w.taps), s = static_cast<int>(tap % a.w.taps), c = static_cast<int>((first_col() + across) % a.c);
  const auto dy_distance = [&](std::int64_t images, std::int64_t rows, std::int64_t cols) {
    return ((images * a.dy.h + rows) * a.dy.w + cols) * a.dy.ld;
  };
  const auto x_distance = [&](std::int64_t images, std::int64_t rows, std::int64_t cols) {
    return ((images * a.x.h + rows) * a.x.w + cols) * a.x.ld;
  };
  // What column (tap (r, s), channel c) reads for the pixel of the walk, and what goes with it.
  int i = static_cast<int>(a.h.input(walk.row, r)), j = static_cast<int>(a.w.input(walk.col, s));
  const T* x_from = a.x.data + x_distance(walk.image, i, j) + group * a.c + c;
  const T* dy_from = a.dy.data + dy_distance(walk.image, walk.row, walk.col) + group * a.k + first_k() + across;
  const auto moved = [&](int images, int rows, int cols) {
    dy_from += dy_distance(images, rows, cols);
    rows *= static_cast<int>(a.h.stride), cols *= static_cast<int>(a.w.stride);
    x_from += x_distance(images, rows, cols);
    i += rows, j += cols;
  };
  const auto reads = [&](int i, int j) {
    return walk.image < a.x.n && static_cast<unsigned>(i) < static_cast<unsigned>(a.x.h) &&
           static_cast<unsigned>(j) < static_cast<unsigned>(a.x.w);
  };
  const auto load = [&](int stage) {
    T* to_dy = shared + stage * kStage + down * kDyPitch + across;
    T* to_x = shared + stage * kStage + kDepth<T> * kDyPitch + down * kXPitch + across;
#pragma unroll 1
    for (int d = 0; d < kDepth<T>; d += kDown, to_dy += kDown * kDyPitch, to_x += kDown * kXPitch, walk.advance(kDown, moved)) {
      if (Tile::kRows >= Tile::kCols || across < Tile::kRows) {
        const int count = walk.image < a.dy.n ? count_dy : 0;
        if (a.aligned_dy)
          copy_elements<true>(to_dy, dy_from, count);
        else
          copy_elements<false>(to_dy, dy_from, count);
      }
      if (Tile::kCols < Tile::kRows && across >= Tile::kCols) continue;
      if constexpr (Aligned) {
        copy_elements<true>(to_x, x_from, reads(i, j) ? count_x : 0);
      } else {
        // Column e reads from[0]; the next channel is beside it, or begins with the next tap.
        const T* from = x_from;
#pragma unroll 1
        for (int e = 0, at_i = i, at_j = j, at_s = s, at_c = c; e < kCopied<T>; ++e) {
          copy_element(to_x + e, from, e < count_x && reads(at_i, at_j));
          ++from;
          if (++at_c < a.c) continue;
          int rows = 0, cols = static_cast<int>(a.w.step);
          if (++at_s == a.w.taps) rows = static_cast<int>(a.h.step), cols = -static_cast<int>((a.w.taps - 1) * a.w.step), at_s = 0;
          from += x_distance(0, rows, cols) - a.c;
          at_i += rows, at_j += cols, at_c = 0;
        }
      }
    }
  };

  float sums[Tile::kOwnRows][Tile::kOwnCols] = {};
  const auto multiply = [&](int stage) {
    const T* const from_dy = shared + stage * kStage;
    const T* const from_x = from_dy + kDepth<T> * kDyPitch;
    if constexpr (kTensorCores<T>) {
      multiply_fragments<Tile, kDepth<T>, kDyPitch, kXPitch, true>(from_dy, from_x, sums);
    } else {
#pragma unroll 1
      for (int d = 0; d < kDepth<T>; ++d) {
        Pack<T, 4> dy[Tile::kOwnRows / 4], x[Tile::kOwnCols / 4];
#pragma unroll
        for (int i = 0; i < Tile::kOwnRows; i += 4)
          dy[i / 4] = *reinterpret_cast<const Pack<T, 4>*>(from_dy + d * kDyPitch + Tile::row_in_order(own_row, i));
#pragma unroll
        for (int j = 0; j < Tile::kOwnCols; j += 4)
          x[j / 4] = *reinterpret_cast<const Pack<T, 4>*>(from_x + d * kXPitch + Tile::col_in_order(own_col, j));
#pragma unroll
        for (int i = 0; i < Tile::kOwnRows; ++i)
#pragma unroll
          for (int j = 0; j < Tile::kOwnCols; ++j) sums[i][j] += widen(dy[i / 4].v[i % 4]) * widen(x[j / 4].v[j % 4]);
      }
    }
  };
  pipeline<Tile::kStages>(steps, load, multiply);

  float* const to = a.sums + matrix * a.k * cols;
#pragma unroll
  for (int i = 0; i < Tile::kOwnRows; ++i) {
    const std::int64_t k = first_k() + Tile::row_in_order(own_row, i);
    if (k >= a.k) continue;
#pragma unroll
    for (int j = 0; j < Tile::kOwnCols; j += Tile::kNeighbours) {
      const std::int64_t col = first_col() + Tile::col_in_order(own_col, j);
      store_first<Tile::kNeighbours>(to + k * cols + col, sums[i] + j, cols - col, cols % Tile::kNeighbours == 0);
    }
  }
}

}  // namespace detail

template <class T>
void conv2d_backward_weights_implicit_gemm(const Cuda& cuda, View4<const T> x, View4<const T> dy, View4<float> dw, const Conv2dParams& p,
                                           GemmTile tile) {
  const std::int64_t k = dw.n / p.groups, cols = dw.h * dw.w * dw.c;
  const bool aligned_x = aligned_channels(x.data, x.ld, dw.c, kCopied<T>);
  with_tile<T>(tile, k, cols, p.groups, [&]<class Tile>(Tile) {
    const unsigned k_tiles = blocks_for(k, Tile::kRows), col_tiles = blocks_for(cols, Tile::kCols);
    const std::int64_t tiles = p.groups * std::int64_t{k_tiles} * col_tiles;
    const std::int64_t parts = weight_gradient_parts(tiles, dy.pixels(), dw.size());
    Workspace workspace(cuda);
    float* partials = workspace.take<float>(parts, dw.size());
    const CorrelationAxis h = forward_axis(dy.h, dw.h, p.padding.top, p), w = forward_axis(dy.w, dw.w, p.padding.left, p);
    const WeightGradient<T> a{
        x, dy, h, w, p.groups, dw.c, k, parts, k_tiles, col_tiles, aligned_channels(dy.data, dy.ld, k, kCopied<T>), partials};
    constexpr std::size_t kBytes = Tile::kStages * (Tile::kRows + Tile::kCols + 2 * Tile::kPad) * kDepth<T> * sizeof(T);
    const auto blocks = static_cast<unsigned>(tiles * parts);
    if (aligned_x)
      launch<detail::weight_gradient_kernel<T, Tile, true>>(cuda, blocks, Tile::kThreads, kBytes, a);
    else
      launch<detail::weight_gradient_kernel<T, Tile, false>>(cuda, blocks, Tile::kThreads, kBytes, a);
    add_parts(cuda, partials, parts, 1, dw.size(), dw.data);
  });
}

}  // namespace lamina::kernels::cuda
