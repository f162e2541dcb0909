// Winograd convolution, 3x3 with stride 1: F(M x M, 3 x 3) does (M + 2)^2 / (9 M^2) of the multiplications (M = 4: a quarter). Blocks of
// tiles are transformed, multiplied with the transformed weights point by point, and transformed back while they are in the L2 cache.
// Forward and dgrad here; conv2d_winograd_weights.hpp has wgrad.
#pragma once
#include "detail/microkernel.hpp"
#include "detail/weights.hpp"
#include "detail/winograd.hpp"
#include "lamina/kernels/activation.hpp"

namespace lamina::kernels::LAMINA_ISA {

/// Tiles of a block: a multiple of kSums / V for every V, and few enough for the L2 cache.
inline constexpr std::int64_t kBlock = 24;
/// Elements from one point's (kBlock, width) matrix to the next point's: a line more than it holds, so that points do not share cache sets.
template <int Width>
inline constexpr std::int64_t kPointPitch = kBlock* Width + kChunk;

/// The tiles of an image batch: tile t writes outputs (M, M) from (row(t), col(t)) and reads inputs (M + 2, M + 2) at those plus the
/// origin.
template <int M>
struct WinogradTiles {
  std::int64_t n, h, w;  // output images
  std::int64_t down, across;

  WinogradTiles(std::int64_t n_, std::int64_t h_, std::int64_t w_)
      : n(n_), h(h_), w(w_), down((h_ + M - 1) / M), across((w_ + M - 1) / M) {}
  std::int64_t count() const { return n * down * across; }
  std::int64_t image(std::int64_t t) const { return t / (down * across); }
  std::int64_t row(std::int64_t t) const { return t / across % down * M; }
  std::int64_t col(std::int64_t t) const { return t % across * M; }
};

/// A window of (rows, cols) pixels of image n, channels [c0, c0 + kChunk), as pointers: into x, or into `buffer` filled up with zeros.
template <class T>
struct Window {
  const T* data;
  std::int64_t row_step, pixel_step;

  Window(View4<const T> x, std::int64_t n, std::int64_t row, std::int64_t rows, std::int64_t col, std::int64_t cols, std::int64_t c0,
         T* buffer)
      : data(x.data + ((n * x.h + row) * x.w + col) * x.ld + c0), row_step(x.w * x.ld), pixel_step(x.ld) {
    const std::int64_t c = x.c - c0 < kChunk ? x.c - c0 : kChunk;
    if (row >= 0 && row + rows <= x.h && col >= 0 && col + cols <= x.w && c == kChunk) return;
    copy_window(x, n, row, rows, col, cols, c0, c, kChunk, buffer);
    data = buffer, row_step = cols * kChunk, pixel_step = kChunk;
  }
};

/// points (chunk, xi, kBlock, kChunk) of tiles [first, first + count).
template <int M, class T>
void winograd_input(View4<const T> x, std::int64_t origin_h, std::int64_t origin_w, const WinogradTiles<M>& tiles, std::int64_t first,
                    std::int64_t count, T* points) {
  using F = Winograd<M>;
  constexpr int A = F::kIn;
  constexpr std::int64_t pitch = kPointPitch<kChunk>;
  alignas(64) T buffer[A * A * kChunk];
  for (std::int64_t t = 0; t < count; ++t) {
    const std::int64_t tile = first + t, n = tiles.image(tile), row = tiles.row(tile) + origin_h, col = tiles.col(tile) + origin_w;
    for (std::int64_t c = 0; c < chunks_for(x.c); ++c) {
      const Window<T> window(x, n, row, A, col, A, c * kChunk, buffer);
      T* to = points + c * A * A * pitch + t * kChunk;
      for (int part = 0; part < kChunk; part += kLanes<T>)
        both_axes<A, A, Vec<T>>([&](int i, int j) { return load(window.data + i * window.row_step + j * window.pixel_step + part); },
                                [](auto& d, auto& u) { F::input(d, u); },
                                [&](int i, int j, Vec<T> v) { store(to + (i * A + j) * pitch + part, v); });
    }
  }
}

/// y = act(b + inverse transform of products (register, xi, kBlock, kLanes)) for tiles [first, first + count).
template <int M, class T>
void winograd_output(const T* products, const WinogradTiles<M>& tiles, std::int64_t first, std::int64_t count, const T* b, Activation act,
                     View4<T> y) {
  using F = Winograd<M>;
  constexpr int A = F::kIn;
  constexpr std::int64_t pitch = kPointPitch<kLanes<T>>;
  const bool relu = act.kind == Activation::Kind::relu;
  for (std::int64_t t = 0; t < count; ++t) {
    const std::int64_t tile = first + t, row = tiles.row(tile), col = tiles.col(tile);
    const std::int64_t rows = y.h - row < M ? y.h - row : M, cols = y.w - col < M ? y.w - col : M;
    T* out = y.pixel(tiles.image(tile), row, col);
    for (std::int64_t k = 0; k < y.c; k += kLanes<T>) {
      const T* from = products + k / kLanes<T> * A * A * pitch + t * kLanes<T>;
      const Vec<T> bias = b ? load_part(b + k, y.c - k) : Vec<T>{};
      const bool whole = rows == M && cols == M && k + kLanes<T> <= y.c;
      both_axes<A, M, Vec<T>>([&](int i, int j) { return load(from + (i * A + j) * pitch); }, [](auto& d, auto& u) { F::output(d, u); },
                              [&](int i, int j, Vec<T> v) {
                                v += bias;
                                if (relu) v = v < 0 ? Vec<T>{} : v;
                                T* to = out + (i * y.w + j) * y.ld + k;
                                if (whole)
                                  store(to, v);
                                else if (i < rows && j < cols)
                                  store_part(to, v, y.c - k);
                              });
    }
  }
}

/// Transformed weights (xi, block, input chunk, kChunk, registers of a block) of one block of output channels.
template <int M, class T>
void winograd_weights(const WeightReader<T>& weights, const ChannelBlocks& out, std::int64_t block, T* points) {
  using F = Winograd<M>;
  constexpr int A = F::kIn, L = kLanes<T>;
  const std::int64_t width = out.vectors * L, inputs = chunks_for(weights.inputs()) * kChunk, point_step = out.blocks * inputs * width;
  for (std::int64_t i = 0; i < inputs; ++i)
    for (std::int64_t v = 0; v < out.vectors; ++v) {
      const std::int64_t k = (block * out.vectors + v) * L, lanes = weights.outputs() - k;
      both_axes<3, A, Vec<T>>(
          [&](int r, int s) {
            if (i >= weights.inputs() || lanes <= 0) return Vec<T>{};
            const T* from =
                (weights.gradient ? weights.tap(2 - r, 2 - s) : weights.tap(r, s)) + i * weights.input_step() + k * weights.output_step();
            return weights.output_step() == 1 ? load_part(from, lanes) : gather(from, weights.output_step(), lanes);
          },
          [](auto& d, auto& u) { F::weights(d, u); },
          [&](int r, int s, Vec<T> u) { store(points + (r * A + s) * point_step + (block * inputs + i) * width + v * L, u); });
    }
}

/// products (register, kBlock, kLanes) = points (chunk, kBlock, kChunk) x weights (block, chunk, kChunk, V registers) of one of `kPoints`
/// xi.
template <int V, int kPoints, class T>
[[gnu::noinline]] void winograd_multiply(const T* points, const T* weights, std::int64_t chunks, std::int64_t blocks, T* products) {
  constexpr int P = kSums / V, L = kLanes<T>;
  const Runs runs{
      .chunks = chunks, .rows = 1, .cols = 1, .length = kChunk, .last_length = kChunk, .chunk_step = kPoints * kPointPitch<kChunk>};
  for (std::int64_t block = 0; block < blocks; ++block, weights += chunks * kChunk * V * L)
    for (std::int64_t t = 0; t < kBlock; t += P) {
      Vec<T> sum[P][V];
#pragma GCC unroll 32
      for (int p = 0; p < P; ++p)
#pragma GCC unroll 32
        for (int v = 0; v < V; ++v) sum[p][v] = Vec<T>{};
      correlate<P, V, kChunk>(points + t * kChunk, runs, weights, sum);
#pragma GCC unroll 32
      for (int p = 0; p < P; ++p)
#pragma GCC unroll 32
        for (int v = 0; v < V; ++v) store(products + (block * V + v) * kPoints * kPointPitch<L> + (t + p) * L, sum[p][v]);
    }
}

/// y = act(b + correlation of x with the 3x3 weights), taps starting at (origin_h, origin_w) of output pixel (0, 0).
template <int M, class T>
void winograd_correlation(Cpu& cpu, View4<const T> x, std::int64_t origin_h, std::int64_t origin_w, const WeightReader<T>& weights,
                          const T* b, Activation act, View4<T> y) {
  constexpr int kPoints = Winograd<M>::kIn * Winograd<M>::kIn;
  const WinogradTiles<M> tiles(y.n, y.h, y.w);
  const ChannelBlocks out = channel_blocks<T>(y.c);
  const std::int64_t chunks = chunks_for(x.c), inputs = chunks * kChunk;
  Workspace workspace;
  T* u = workspace.take<T>(kPoints * inputs * out.padded);  // (xi, block, chunk, kChunk, registers of a block)
  const std::int64_t points_size = chunks * kPoints * kPointPitch<kChunk>;
  const std::int64_t scratch_size = points_size + out.padded / kLanes<T> * kPoints * kPointPitch<kLanes<T>>;
  T* scratch = workspace.take<T>(cpu.concurrency() * scratch_size);
  cpu.parallel(out.blocks, [&](std::int64_t block, int) { winograd_weights<M>(weights, out, block, u); });
  const bool fused = act.is_none() || act.kind == Activation::Kind::relu;
  cpu.parallel((tiles.count() + kBlock - 1) / kBlock, [&](std::int64_t task, int worker) {
    T *points = scratch + worker * scratch_size, *products = points + points_size;
    const std::int64_t first = task * kBlock, count = tiles.count() - first < kBlock ? tiles.count() - first : kBlock;
    if (count < kBlock)  // no NaN or denormal numbers in the rows that are multiplied but not used
      __builtin_memset(points, 0, static_cast<std::size_t>(points_size) * sizeof(T));
    winograd_input(x, origin_h, origin_w, tiles, first, count, points);
    with_vectors(out.vectors, [&]<int V>() {
      for (int xi = 0; xi < kPoints; ++xi)
        winograd_multiply<V, kPoints>(points + xi * kPointPitch<kChunk>, u + xi * inputs * out.padded, chunks, out.blocks,
                                      products + xi * kPointPitch<kLanes<T>>);
    });
    winograd_output(products, tiles, first, count, b, fused ? act : Activation::none(), y);
  });
  if (!fused) activation_forward<T>(cpu, y.flat(), act, y.flat());
}

template <int M, class T>
void conv2d_forward_winograd(Cpu& cpu, View4<const T> x, View4<const T> w, const T* b, View4<T> y, const Conv2dParams& p) {
  winograd_correlation<M>(cpu, x, -p.padding.top, -p.padding.left, WeightReader<T>{w, false}, b, p.activation, y);
}

template <int M, class T>
void conv2d_backward_data_winograd(Cpu& cpu, View4<const T> dy, View4<const T> w, View4<T> dx, const Conv2dParams& p) {
  winograd_correlation<M>(cpu, dy, p.padding.top - 2, p.padding.left - 2, WeightReader<T>{w, true}, static_cast<const T*>(nullptr),
                          Activation::none(), dx);
}

}  // namespace lamina::kernels::LAMINA_ISA
