// Direct wgrad: a block of input channels x registers of output channels of dw stays in registers while the pixels of a row pass by.
#pragma once
#include "detail/conv2d_direct.hpp"
#include "detail/reduce.hpp"

namespace lamina::kernels::LAMINA_ISA {

/// sums (R, V registers) += products of the pixels of a row segment: x (count, kChunk), z (count, z_step).
template <int R, int V, class T>
[[gnu::noinline]] void direct_outer_products(const T* x, const T* z, std::int64_t z_step, std::int64_t count, T* sums) {
  constexpr int L = kLanes<T>;
  Vec<T> sum[R][V];
#pragma GCC unroll 32
  for (int i = 0; i < R; ++i)
#pragma GCC unroll 32
    for (int v = 0; v < V; ++v) sum[i][v] = load(sums + (i * V + v) * L);
  outer_products<R, V, L>(x, z, z_step, count, sum);
#pragma GCC unroll 32
  for (int i = 0; i < R; ++i)
#pragma GCC unroll 32
    for (int v = 0; v < V; ++v) store(sums + (i * V + v) * L, sum[i][v]);
}

/// Adds `count` pixels of an output row to sums (chunk, tap row, tap col, kChunk, V registers).
template <int V, class T>
void direct_row_gradient(const T* tile, const DirectTiles& tiles, const T* z, std::int64_t z_step, std::int64_t count, T* sums) {
  constexpr int R = V == 1 ? 16 : V == 4 ? 4 : 8;
  for (std::int64_t c = 0; c < chunks_for(tiles.channels); ++c)
    for (std::int64_t r = 0; r < tiles.h.taps; ++r)
      for (std::int64_t s = 0; s < tiles.w.taps; ++s, sums += kChunk * V * kLanes<T>) {
        const T* x = tile + c * tiles.chunk_step() + r * tiles.h.step * tiles.row_step() + s * tiles.w.step * kChunk;
        for (std::int64_t i = 0; i < kChunk; i += R) direct_outer_products<R, V>(x + i, z, z_step, count, sums + i * V * kLanes<T>);
      }
}

template <class T>
void conv2d_backward_weights_direct(Cpu& cpu, View4<const T> x, View4<const T> dy, View4<T> dw, const Conv2dParams& p) {
  constexpr std::int64_t kTileBytes = 256 << 10, kSegmentBytes = 16 << 10;  // of the L2 and the L1 cache
  constexpr std::int64_t L = kLanes<T>, kSize = static_cast<std::int64_t>(sizeof(T));
  const CorrelationAxis h = forward_axis(dy.h, dw.h, p.padding.top, p), w = forward_axis(dy.w, dw.w, p.padding.left, p);
  const DirectTiles tiles(h, w, x.c, kTileBytes / kSize);
  const ChannelBlocks out = channel_blocks<T>(dy.c);
  const bool whole = out.padded == dy.c;  // else rows of dy are copied and filled up with zeros
  const std::int64_t z_step = whole ? dy.ld : out.padded, fit = kSegmentBytes / kSize / out.padded, segment = fit < 32 ? 32 : fit;
  const std::int64_t taps = tiles.h.taps * tiles.w.taps, block_size = chunks_for(tiles.channels) * taps * kChunk * out.vectors * L;
  const std::int64_t count = dy.n * tiles.tiles_per_image, size = out.blocks * block_size, parts = partial_sums(size, count);
  const T* dy_end = dy.data + (dy.pixels() - 1) * dy.ld + dy.c;
  Workspace workspace;
  T* partials = workspace.take<T>(parts * size);  // (part, block, chunk, tap row, tap col, kChunk, registers of a block)
  const std::int64_t scratch_size = tiles.size() + (whole ? 0 : dy.w * out.padded);
  T* scratch = workspace.take<T>(cpu.concurrency() * scratch_size);
  cpu.parallel(parts, [&](std::int64_t part, int worker) {
    T *tile = scratch + worker * scratch_size, *row = tile + tiles.size(), *sums = partials + part * size;
    __builtin_memset(sums, 0, static_cast<std::size_t>(size) * sizeof(T));
    for (std::int64_t t = count * part / parts; t < count * (part + 1) / parts; ++t) {
      const std::int64_t n = t / tiles.tiles_per_image, first = tiles.first_row(t % tiles.tiles_per_image);
      tiles.fill(x, n, first, tile);
      for (std::int64_t i = first; i < tiles.first_row(t % tiles.tiles_per_image + 1); ++i) {
        const T* z = dy.pixel(n, i, 0);
        if (!whole) {
          if (out.padded == kChunk)
            copy_pixels(z, dy.ld, dy.c, dy.w, dy_end, row);
          else
            copy_window(dy, n, i, 1, 0, dy.w, 0, dy.c, out.padded, row);
          z = row;
        }
        for (std::int64_t j = 0; j < dy.w; j += segment)
          with_vectors(out.vectors, [&]<int V>() {
            for (std::int64_t block = 0; block < out.blocks; ++block)
              direct_row_gradient<V>(tile + (i - first) * tiles.row_step() + j * kChunk, tiles, z + j * z_step + block * V * L, z_step,
                                     j + segment < dy.w ? segment : dy.w - j, sums + block * block_size);
          });
      }
    }
  });
  add_partial_sums(cpu, partials, parts, size);
  cpu.parallel(dw.n, [&](std::int64_t k, int) {
    const std::int64_t width = out.vectors * L, row = dw.w * dw.c;
    for (std::int64_t i = 0; i < dw.h * row; ++i) {
      const std::int64_t tap = tiles.unfolded ? i / row : i / dw.c, c = tiles.unfolded ? i % row : i % dw.c;
      dw.pixel(k, 0, 0)[i] = partials[k / width * block_size + ((c / kChunk * taps + tap) * kChunk + c % kChunk) * width + k % width];
    }
  });
}

}  // namespace lamina::kernels::LAMINA_ISA
