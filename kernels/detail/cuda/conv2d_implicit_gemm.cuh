// Forward and data gradient as tiled matrix products with sums in fp32: (pixels, taps x channels) x (taps x channels, output channels).
// Patches are never stored: a stage of shared memory holds some channels of one tap. Taps that lie outside the image for a whole tile are
// skipped, which is what makes atrous convolutions with large rates cheap; for a 1x1 convolution every pixel is an image.
#pragma once
#include "detail/cuda/epilogue.cuh"
#include "detail/cuda/fragments.cuh"
#include "detail/cuda/gemm_tile.cuh"
#include "detail/cuda/tile_moments.cuh"
#include "detail/shared/correlation_axis.hpp"

namespace lamina::kernels::cuda {

/// y at the outputs of (h, w) = epilogue(correlation of x with the weights). Plain data.
template <class T>
struct Correlation {
  View4<const T> x;
  CorrelationAxis h, w;
  const T* weights;  ///< (groups, k, kernel rows, kernel_cols, c)
  std::int64_t kernel_rows, kernel_cols;
  std::int64_t groups, c, k;  ///< channels of x and of y in each group
  View4<T> y;
  Epilogue epilogue;
  unsigned k_tiles;  ///< tiles beside each other in a group
  bool wide_stores;  ///< four channels of y can be stored at once
  TileMoments moments = {};

  LAMINA_HD std::int64_t pixels() const { return x.n * h.count * w.count; }
};

namespace detail {

/// What tap (0, 0) reads for a pixel of the tile: where, from which element on. Beyond the last pixel that is outside of any image.
struct CopiedPixel {
  std::int64_t offset;
  unsigned row, col;  ///< modulo 2^32: extents, padding and dilated kernels are at most 2^30

  /// Is what tap (r, s) reads inside the image?
  template <class T>
  __device__ bool reads(const Correlation<T>& a, int r, int s) const {
    return row + static_cast<unsigned>(r) * static_cast<unsigned>(a.h.step) < static_cast<unsigned>(a.x.h) &&
           col + static_cast<unsigned>(s) * static_cast<unsigned>(a.w.step) < static_cast<unsigned>(a.x.w);
  }
};
template <class T>
__device__ CopiedPixel copied_pixel(const Correlation<T>& a, std::int64_t m, std::int64_t channel) {
  const std::int64_t line = m / a.w.count, i = a.h.input(line % a.h.count, 0), j = a.w.input(m % a.w.count, 0);
  return {((line / a.h.count * a.x.h + i) * a.x.w + j) * a.x.ld + channel, static_cast<unsigned>(m < a.pixels() && i < a.x.h ? i : a.x.h),
          static_cast<unsigned>(j < a.x.w ? j : a.x.w)};
}

/// Rows of the tile are pixels, columns output channels. Stage: (rows, kPitch) of x, then (cols, kPitch) of weights, in the order that
/// gives a thread its rows and columns.
// Long: one pipeline of copies and products, whose stages share registers and barriers.
template <class T, class Tile, bool Aligned>
__global__ void __launch_bounds__(Tile::kThreads, Tile::kBlocksPerProcessor) correlation_kernel(Correlation<T> a) {
  constexpr int kPitch = kDepth<T> + kCopied<T>, kCopies = kDepth<T> / kCopied<T>, kPerPass = Tile::kThreads / kCopies;
  constexpr int kStage = (Tile::kRows + Tile::kCols) * kPitch;
  static_assert(Tile::kRows % kPerPass == 0 && Tile::kCols % kPerPass == 0);
  LAMINA_SHARED(T, shared);
  const int thread = static_cast<int>(threadIdx.x), own_row = Tile::thread_row(thread), own_col = Tile::thread_col(thread);
  const unsigned k_tile = blockIdx.x % a.k_tiles, rest = blockIdx.x / a.k_tiles;
  const unsigned groups = static_cast<unsigned>(a.groups), group = rest % groups;
  const auto pixel_tile = [&] { return std::int64_t{blockIdx.x / a.k_tiles / groups}; };  // divided anew, not kept in a register
  const auto first_pixel = [&] { return pixel_tile() * Tile::kRows; };
  const auto first_output = [&] { return std::int64_t{k_tile} * Tile::kCols; };
  const auto last_pixel = [&] { return first_pixel() + Tile::kRows < a.pixels() ? first_pixel() + Tile::kRows : a.pixels(); };
  const Region taps = taps_of_tile(a.h, a.w, first_pixel(), last_pixel(), a.x.h, a.x.w);
  const int s_begin = static_cast<int>(taps.cols.begin), s_end = static_cast<int>(taps.cols.end);

  // This thread's copies: kCopied channels of some pixels and of some output channels, from c on of tap (r, s).
  constexpr int kPixels = Tile::kRows / kPerPass, kOutputs = Tile::kCols / kPerPass;
  const int copy_row = thread / kCopies, copy_c = thread % kCopies * kCopied<T>, channels = static_cast<int>(a.c);
  int r = static_cast<int>(taps.rows.begin), s = s_begin, c = 0;
  const auto x_distance = [&](int rows, int cols) { return (rows * a.h.step * a.x.w + cols * a.w.step) * a.x.ld; };
  const auto w_distance = [&](int rows, int cols) { return (rows * a.h.tap_step * a.kernel_cols + cols * a.w.tap_step) * a.c; };
  CopiedPixel pixels[kPixels];
  const T *x_from[kPixels], *w_from[kOutputs];
#pragma unroll
  for (int q = 0; q < kPixels; ++q) {
    pixels[q] = copied_pixel(a, first_pixel() + Tile::row_at(copy_row + q * kPerPass), group * a.c + copy_c);
    x_from[q] = a.x.data + pixels[q].offset + x_distance(r, s);
  }
  const std::int64_t kernel = a.kernel_rows * a.kernel_cols * a.c, first_tap = (a.h.tap_first * a.kernel_cols + a.w.tap_first) * a.c;
  unsigned outputs = 0, inside = 0;  // bit q: output channel q exists; tap (r, s) of pixel q is inside the image
#pragma unroll
  for (int q = 0; q < kOutputs; ++q) {
    const std::int64_t k = first_output() + Tile::col_at(copy_row + q * kPerPass);
    outputs |= (k < a.k ? 1u : 0u) << q;
    w_from[q] = a.weights + (group * a.k + k) * kernel + first_tap + w_distance(r, s) + copy_c;
  }
  const auto find_inside = [&] {
    inside = 0;
#pragma unroll
    for (int q = 0; q < kPixels; ++q) inside |= (pixels[q].reads(a, r, s) ? 1u : 0u) << q;
  };
  find_inside();
  const auto load = [&](int stage) {
    T* const to = shared + stage * kStage + copy_row * kPitch + copy_c;
    const int count = channels - copy_c - c;
#pragma unroll
    for (int q = 0; q < kPixels; ++q) {
      copy_elements<Aligned>(to + q * kPerPass * kPitch, x_from[q], inside >> q & 1 ? count : 0);
      x_from[q] += kDepth<T>;
    }
#pragma unroll
    for (int q = 0; q < kOutputs; ++q) {
      copy_elements<Aligned>(to + (Tile::kRows + q * kPerPass) * kPitch, w_from[q], outputs >> q & 1 ? count : 0);
      w_from[q] += kDepth<T>;
    }
    if ((c += kDepth<T>) < channels) return;
    int rows = 0, cols = 1;  // to the next tap
    if (++s == s_end) rows = 1, cols = 1 - (s_end - s_begin), s = s_begin, ++r;
#pragma unroll
    for (int q = 0; q < kPixels; ++q) x_from[q] += x_distance(rows, cols) - c;
#pragma unroll
    for (int q = 0; q < kOutputs; ++q) w_from[q] += w_distance(rows, cols) - c;
    c = 0;
    find_inside();
  };

  float sums[Tile::kOwnRows][Tile::kOwnCols] = {};
  const auto multiply = [&](int stage) {
    const T* const x_stage = shared + stage * kStage;
    const T* const w_stage = x_stage + Tile::kRows * kPitch;
    if constexpr (kTensorCores<T>) {
      multiply_fragments<Tile, kDepth<T>, kPitch, kPitch, false>(x_stage, w_stage, sums);
    } else {
      constexpr int kAtOnce = Tile::kOwnCols > 4 ? 2 : 4;  // channels; more would not leave registers for the sums
      using Channels = Pack<T, kAtOnce>;
      const T* const from_x = x_stage + own_row * kPitch;
      const T* const from_w = w_stage + own_col * kPitch;
#pragma unroll 1
      for (int d = 0; d < kDepth<T>; d += kAtOnce) {
        Channels x[Tile::kOwnRows];
#pragma unroll
        for (int i = 0; i < Tile::kOwnRows; ++i) x[i] = *reinterpret_cast<const Channels*>(from_x + i * Tile::kThreadRows * kPitch + d);
#pragma unroll
        for (int j = 0; j < Tile::kOwnCols; ++j) {
          const Channels w = *reinterpret_cast<const Channels*>(from_w + j * Tile::kThreadCols * kPitch + d);
#pragma unroll
          for (int i = 0; i < Tile::kOwnRows; ++i)
#pragma unroll
            for (int e = 0; e < kAtOnce; ++e) sums[i][j] += widen(x[i].v[e]) * widen(w.v[e]);
        }
      }
    }
  };
  pipeline<Tile::kStages>(static_cast<int>(taps.size() * ((a.c + kDepth<T> - 1) / kDepth<T>)), load, multiply);

  __syncthreads();  // the stages become the places of the pixels in y, and the moments of the threads' rows
  std::int64_t* const offsets = reinterpret_cast<std::int64_t*>(shared);
  float* const parts = reinterpret_cast<float*>(offsets + Tile::kRows);  // (kThreadRows, 2, kCols)
  static_assert(sizeof(T) * Tile::kStages * kStage >=
                sizeof(std::int64_t) * Tile::kRows + sizeof(float) * 2 * Tile::kThreadRows * Tile::kCols);
  for (int m = thread; m < Tile::kRows; m += Tile::kThreads) {
    const std::int64_t line = (first_pixel() + m) / a.w.count, j = (first_pixel() + m) % a.w.count;
    offsets[m] =
        ((line / a.h.count * a.y.h + a.h.out_first + line % a.h.count * a.h.out_step) * a.y.w + a.w.out_first + j * a.w.out_step) * a.y.ld;
  }
  __syncthreads();
  with_activation(a.epilogue.act, [&](auto act) {
#pragma unroll
    for (int j = 0; j < Tile::kOwnCols; j += 4) {
      const std::int64_t k = first_output() + Tile::col(own_col, j), first_channel = group * a.k;
      const Pack<float, 4> bias = a.epilogue.bias(first_channel + k, first_channel + a.k);
      RunningMoments<4> own;
#pragma unroll
      for (int i = 0; i < Tile::kOwnRows; ++i)
        if (const int m = Tile::row(own_row, i); first_pixel() + m < last_pixel()) {
          const auto v = store_activated(a.y.data + offsets[m] + first_channel + k, sums[i] + j, bias, act, a.k - k, a.wide_stores);
          if (a.moments.values) own.add(v);
        }
      if (a.moments.values) keep_part(parts, own_row, Tile::kCols, Tile::col(own_col, j), own);
    }
  });
  if (!a.moments.values) return;
  const int rows = static_cast<int>(last_pixel() - first_pixel());
  write_tile(a.moments, pixel_tile(), group * a.k + first_output(), a.k - first_output(), parts, Tile::kThreadRows, Tile::kCols,
             [&](int part) { return (rows - part + Tile::kThreadRows - 1) / Tile::kThreadRows; });
}

/// (groups, rows, taps, cols) -> (groups, cols, taps, rows): block (tile of cols, tile of rows, group and tap).
template <class T>
__global__ void transpose_weights_kernel(const T* from, std::int64_t rows, std::int64_t taps, std::int64_t cols, T* to) {
  LAMINA_SHARED(T, tile);  // (32, 33)
  const std::int64_t col_tiles = (cols + 31) / 32, row_tiles = (rows + 31) / 32;
  const std::int64_t c0 = blockIdx.x % col_tiles * 32, r0 = blockIdx.x / col_tiles % row_tiles * 32,
                     at = blockIdx.x / col_tiles / row_tiles;
  const std::int64_t first = at / taps * rows * taps * cols, tap = at % taps;
  const int x = static_cast<int>(threadIdx.x), y = static_cast<int>(threadIdx.y);
  for (int i = y; i < 32; i += static_cast<int>(blockDim.y))
    if (r0 + i < rows && c0 + x < cols) tile[i * 33 + x] = from[first + ((r0 + i) * taps + tap) * cols + c0 + x];
  __syncthreads();
  for (int i = y; i < 32; i += static_cast<int>(blockDim.y))
    if (c0 + i < cols && r0 + x < rows) to[first + ((c0 + i) * taps + tap) * rows + r0 + x] = tile[x * 33 + i];
}

/// `moments` as in conv2d_forward.
template <class T>
void launch_correlation(const Cuda& cuda, Correlation<T> a, GemmTile tile, double* moments = nullptr) {
  if (a.h.is_identity(a.x.h) && a.w.is_identity(a.x.w) && a.h.out_step == 1 && a.w.out_step == 1) {  // images of one pixel each
    a.x = {a.x.data, a.pixels(), 1, 1, a.x.c, a.x.ld};
    a.y = {a.y.data, a.x.n, 1, 1, a.y.c, a.y.ld};
    a.h = a.w = {.count = 1, .taps = 1, .origin = 0, .stride = 1, .step = 1};
  }
  a.wide_stores = aligned_channels(a.y.data, a.y.ld, a.k, 4);
  const bool aligned_copies = aligned_channels(a.x.data, a.x.ld, a.c, kCopied<T>) && aligned_channels(a.weights, 0, a.c, kCopied<T>);
  with_tile<T>(tile, a.pixels(), a.k, a.groups, [&]<class Chosen>(Chosen) {
    a.k_tiles = blocks_for(a.k, Chosen::kCols);
    const std::int64_t blocks = (a.pixels() + Chosen::kRows - 1) / Chosen::kRows * a.groups * a.k_tiles;
    constexpr std::size_t kBytes = Chosen::kStages * (Chosen::kRows + Chosen::kCols) * (kDepth<T> + kCopied<T>)*sizeof(T);
    with_tile_moments(cuda, a.y, Chosen::kRows, moments, [&](const TileMoments& tiles) {
      a.moments = tiles;
      if (aligned_copies)
        launch<correlation_kernel<T, Chosen, true>>(cuda, static_cast<unsigned>(blocks), Chosen::kThreads, kBytes, a);
      else
        launch<correlation_kernel<T, Chosen, false>>(cuda, static_cast<unsigned>(blocks), Chosen::kThreads, kBytes, a);
    });
  });
}

}  // namespace detail

template <class T>
void conv2d_forward_implicit_gemm(const Cuda& cuda, View4<const T> x, View4<const T> w, Epilogue epilogue, View4<T> y, double* moments,
                                  const Conv2dParams& p, GemmTile tile) {
  const CorrelationAxis h = forward_axis(y.h, w.h, p.padding.top, p), v = forward_axis(y.w, w.w, p.padding.left, p);
  detail::launch_correlation<T>(cuda, {x, h, v, w.data, w.h, w.w, p.groups, w.c, w.n / p.groups, y, epilogue, 0, false}, tile, moments);
}

/// By classes of pixels with equal remainders modulo the stride: each is a stride-1 correlation of dy with its own taps.
template <class T>
void conv2d_backward_data_implicit_gemm(const Cuda& cuda, View4<const T> dy, View4<const T> w, Epilogue epilogue, View4<T> dx,
                                        const Conv2dParams& p, GemmTile tile) {
  const std::int64_t k = w.n / p.groups, taps = w.h * w.w, squares = (k + 31) / 32 * ((w.c + 31) / 32);
  Workspace workspace(cuda);
  T* weights = workspace.take<T>(w.size());  // (groups, c, kernel rows, kernel cols, k)
  launch<detail::transpose_weights_kernel<T>>(cuda, static_cast<unsigned>(p.groups * taps * squares), dim3(32, 8), 32 * 33 * sizeof(T),
                                              w.data, k, taps, w.c, weights);
  for_each_class(dx, w, p, [&](const CorrelationAxis& h, const CorrelationAxis& v) {
    detail::launch_correlation<T>(cuda, {dy, h, v, weights, w.h, w.w, p.groups, k, w.c, dx, epilogue, 0, false}, tile);
  });
}

}  // namespace lamina::kernels::cuda
