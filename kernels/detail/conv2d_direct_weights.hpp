// Direct wgrad: a block of input channels x registers of output channels of dw stays in registers while the pixels of a row pass by.
#pragma once
#include "detail/conv2d_direct.hpp"
#include "detail/reduce.hpp"

namespace lamina::kernels::LAMINA_ISA {

/// sums (R, V registers) += products of the pixels of a row segment: x (count, R), z (count, V registers), of which `lanes` elements exist
/// (Whole: all).
template <int R, int V, bool Whole, class T>
[[gnu::noinline]] void direct_outer_products(const T* x, std::int64_t x_step, const T* z, std::int64_t z_step, std::int64_t lanes,
                                             std::int64_t count, T* sums) {
  constexpr int L = kLanes<T>;
  Vec<T> sum[R][V];
#pragma GCC unroll 32
  for (int i = 0; i < R; ++i)
#pragma GCC unroll 32
    for (int v = 0; v < V; ++v) sum[i][v] = load(sums + (i * V + v) * L);
  outer_products(x, x_step, z, z_step, count, sum, [&](const T* row, int v) {
    return Whole ? load(row + v * L) : v * L < lanes ? load_part(row + v * L, lanes - v * L) : Vec<T>{};
  });
#pragma GCC unroll 32
  for (int i = 0; i < R; ++i)
#pragma GCC unroll 32
    for (int v = 0; v < V; ++v) store(sums + (i * V + v) * L, sum[i][v]);
}

/// Adds `count` pixels of an output row to sums (element of a run, V registers), in blocks of at most R elements.
template <int R, int V, bool Whole, class T>
void direct_run_gradient(const T* x, std::int64_t length, std::int64_t x_step, const T* z, std::int64_t z_step, std::int64_t lanes,
                         std::int64_t count, T* sums) {
  constexpr bool fits = R * V <= kSums;
  if constexpr (fits)
    for (; R == 9 ? length == R : length >= R; x += R, length -= R, sums += R * V * kLanes<T>)
      direct_outer_products<R, V, Whole>(x, x_step, z, z_step, lanes, count, sums);
  if constexpr (R > 1)  // 9: the taps of a row of a 3x3 kernel over an RGB image
    if (length > 0) direct_run_gradient<R == 16 ? 9 : R / 2 + (R == 9) * 4, V, Whole>(x, length, x_step, z, z_step, lanes, count, sums);
}

/// Adds `count` pixels of an output row to sums (element of the runs of a pixel, V registers).
template <int V, class T>
void direct_row_gradient(const T* tile, const Runs& runs, std::int64_t x_step, const T* z, std::int64_t z_step, std::int64_t lanes,
                         std::int64_t count, T* sums) {
  for (std::int64_t c = 0; c < runs.chunks; ++c)
    for (std::int64_t r = 0; r < runs.rows; ++r)
      for (std::int64_t s = 0; s < runs.cols; ++s) {
        const T* x = tile + c * runs.chunk_step + r * runs.row_step + s * runs.col_step;
        const std::int64_t length = c + 1 < runs.chunks ? runs.length : runs.last_length;
        if (lanes >= V * kLanes<T>)
          direct_run_gradient<16, V, true>(x, length, x_step, z, z_step, lanes, count, sums);
        else
          direct_run_gradient<16, V, false>(x, length, x_step, z, z_step, lanes, count, sums);
        sums += length * V * kLanes<T>;
      }
}

template <class T>
void conv2d_backward_weights_direct(Cpu& cpu, View4<const T> x, View4<const T> dy, View4<T> dw, const Conv2dParams& p) {
  constexpr std::int64_t kTileBytes = 256 << 10, kSegmentBytes = 16 << 10;  // of the L2 and the L1 cache
  constexpr std::int64_t L = kLanes<T>, kSize = static_cast<std::int64_t>(sizeof(T));
  const CorrelationAxis h = forward_axis(dy.h, dw.h, p.padding.top, p), w = forward_axis(dy.w, dw.w, p.padding.left, p);
  const DirectTiles<T> tiles(x, h, w, kTileBytes / kSize);
  const Runs runs = tiles.runs();
  const ChannelBlocks out = channel_blocks<T>(dy.c);
  const std::int64_t fit = kSegmentBytes / kSize / out.padded, segment = fit < 32 ? 32 : fit;
  const std::int64_t taps = dw.h * dw.w, width = out.vectors * L, block_size = taps * dw.c * width;
  const std::int64_t count = dy.n * tiles.tiles_per_image, size = out.blocks * block_size, parts = partial_sums(size, count);
  Workspace workspace;
  T* partials = workspace.take<T>(parts * size);  // (part, block, chunk, tap, channel of the chunk, registers of a block)
  T* scratch = workspace.take<T>(cpu.concurrency() * tiles.scratch_size());
  cpu.parallel(parts, [&](std::int64_t part, int worker) {
    T* sums = partials + part * size;
    __builtin_memset(sums, 0, static_cast<std::size_t>(size) * sizeof(T));
    for (std::int64_t t = count * part / parts; t < count * (part + 1) / parts; ++t) {
      const std::int64_t n = t / tiles.tiles_per_image, first = tiles.first_row(t % tiles.tiles_per_image);
      const T* tile = tiles.tile(n, first, scratch + worker * tiles.scratch_size());
      for (std::int64_t i = first; i < tiles.first_row(t % tiles.tiles_per_image + 1); ++i)
        for (std::int64_t j = 0; j < dy.w; j += segment)
          with_vectors(out.vectors, [&]<int V>() {
            for (std::int64_t block = 0; block < out.blocks; ++block)
              direct_row_gradient<V>(tile + (i - first) * tiles.row_step + j * tiles.pixel_step, runs, tiles.pixel_step,
                                     dy.pixel(n, i, j) + block * width, dy.ld, dy.c - block * width,
                                     j + segment < dy.w ? segment : dy.w - j, sums + block * block_size);
          });
    }
  });
  add_partial_sums(cpu, partials, parts, size);
  cpu.parallel(dw.n, [&](std::int64_t k, int) {
    for (std::int64_t tap = 0; tap < taps; ++tap)
      for (std::int64_t c = 0; c < dw.c; ++c) {
        const std::int64_t c0 = c / tiles.chunk * tiles.chunk, length = dw.c - c0 < tiles.chunk ? dw.c - c0 : tiles.chunk;
        dw.pixel(k, 0, tap)[c] = partials[k / width * block_size + (c0 * taps + tap * length + c - c0) * width + k % width];
      }
  });
}

}  // namespace lamina::kernels::LAMINA_ISA
