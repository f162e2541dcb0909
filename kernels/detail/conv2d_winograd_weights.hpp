// Winograd wgrad: dw = G^T [ sum over tiles of (B^T x B) (A dy A^T) point by point ] G, each point a product (Cin, tiles) x (tiles, Cout).
#pragma once
#include "detail/conv2d_winograd.hpp"
#include "detail/reduce.hpp"

namespace lamina::kernels::LAMINA_ISA {

/// points (register, xi, kBlock, kLanes) = A dy A^T of tiles [first, first + count); dy is zero outside the image.
template <int M, class T>
void winograd_output_gradient(View4<const T> dy, const WinogradTiles<M>& tiles, std::int64_t first, std::int64_t count, T* points) {
  using F = Winograd<M>;
  constexpr int A = F::kIn, L = kLanes<T>;
  constexpr std::int64_t pitch = kPointPitch<L>;
  alignas(64) T buffer[M * M * kChunk];
  for (std::int64_t t = 0; t < count; ++t) {
    const std::int64_t tile = first + t;
    for (std::int64_t k = 0; k < dy.c; k += kChunk) {
      const Window<T> window(dy, tiles.image(tile), tiles.row(tile), M, tiles.col(tile), M, k, buffer);
      for (int part = 0; part < kChunk && k + part < dy.c; part += L) {
        T* to = points + (k + part) / L * A * A * pitch + t * L;
        both_axes<M, A, Vec<T>>([&](int i, int j) { return load(window.data + i * window.row_step + j * window.pixel_step + part); },
                                [](auto& d, auto& u) { F::output_gradient(d, u); },
                                [&](int i, int j, Vec<T> v) { store(to + (i * A + j) * pitch, v); });
      }
    }
  }
}

/// sums (chunk, block, kChunk, V registers) += x (chunk, xi, kBlock, kChunk)^T z (register, xi, kBlock, kLanes) over `count` tiles of one
/// xi.
template <int V, int kPoints, class T>
[[gnu::noinline]] void winograd_outer_products(const T* x, const T* z, std::int64_t count, std::int64_t chunks, std::int64_t blocks,
                                               T* sums) {
  constexpr int R = V == 1 ? kChunk : V == 4 ? 4 : 8, L = kLanes<T>;
  for (std::int64_t chunk = 0; chunk < chunks; ++chunk)
    for (std::int64_t block = 0; block < blocks; ++block)
      for (std::int64_t r = 0; r < kChunk; r += R, sums += R * V * L) {
        Vec<T> sum[R][V];
#pragma GCC unroll 32
        for (int i = 0; i < R; ++i)
#pragma GCC unroll 32
          for (int v = 0; v < V; ++v) sum[i][v] = load(sums + (i * V + v) * L);
        outer_products<1, R, V, kPoints * kPointPitch<L>>(x + chunk * kPoints * kPointPitch<kChunk> + r,
                                                          z + block * V * kPoints * kPointPitch<L>, L, count, sum);
#pragma GCC unroll 32
        for (int i = 0; i < R; ++i)
#pragma GCC unroll 32
          for (int v = 0; v < V; ++v) store(sums + (i * V + v) * L, sum[i][v]);
      }
}

/// dw of input chunk `chunk` from sums (xi, chunk, block, kChunk, registers of a block).
template <int M, class T>
void winograd_weights_gradient(const T* sums, std::int64_t chunk, const ChannelBlocks& out, View4<T> dw) {
  using F = Winograd<M>;
  constexpr int A = F::kIn, L = kLanes<T>;
  const std::int64_t width = out.vectors * L, point_step = chunks_for(dw.c) * kChunk * out.padded;
  for (std::int64_t i = 0; i < kChunk && chunk * kChunk + i < dw.c; ++i)
    for (std::int64_t k = 0; k < dw.n; k += L) {
      const T* from = sums + chunk * kChunk * out.padded + k / width * kChunk * width + i * width + k % width;
      both_axes<A, 3, Vec<T>>([&](int r, int s) { return load(from + (r * A + s) * point_step); },
                              [](auto& u, auto& w) { F::weights_gradient(u, w); },
                              [&](int r, int s, Vec<T> v) {
                                for (std::int64_t lane = 0; lane < L && k + lane < dw.n; ++lane)
                                  dw.pixel(k + lane, r, s)[chunk * kChunk + i] = v[lane];
                              });
    }
}

template <int M, class T>
void conv2d_backward_weights_winograd(Cpu& cpu, View4<const T> x, View4<const T> dy, View4<T> dw, const Conv2dParams& p) {
  constexpr int kPoints = Winograd<M>::kIn * Winograd<M>::kIn;
  const WinogradTiles<M> tiles(dy.n, dy.h, dy.w);
  const ChannelBlocks out = channel_blocks<T>(dy.c);
  const std::int64_t chunks = chunks_for(x.c), point_sums = chunks * kChunk * out.padded, sums_size = kPoints * point_sums;
  const std::int64_t points_size = chunks * kPoints * kPointPitch<kChunk>;
  const std::int64_t scratch_size = points_size + out.padded / kLanes<T> * kPoints * kPointPitch<kLanes<T>>;
  const std::int64_t blocks = (tiles.count() + kBlock - 1) / kBlock;
  const std::int64_t parts = partial_sums(sums_size, blocks), blocks_per_part = (blocks + parts - 1) / parts;
  Workspace workspace;
  T* partials = workspace.take<T>(parts * sums_size);  // (part, xi, chunk, block, kChunk, registers of a block)
  T* scratch = workspace.take<T>(cpu.concurrency() * scratch_size);
  cpu.parallel(parts, [&](std::int64_t part, int worker) {
    T *xs = scratch + worker * scratch_size, *zs = xs + points_size, *sums = partials + part * sums_size;
    __builtin_memset(sums, 0, static_cast<std::size_t>(sums_size) * sizeof(T));
    for (std::int64_t block = part * blocks_per_part; block < (part + 1) * blocks_per_part && block < blocks; ++block) {
      const std::int64_t first = block * kBlock, count = tiles.count() - first < kBlock ? tiles.count() - first : kBlock;
      winograd_input(x, -p.padding.top, -p.padding.left, tiles, first, count, xs);
      winograd_output_gradient(dy, tiles, first, count, zs);
      with_vectors(out.vectors, [&]<int V>() {
        for (int xi = 0; xi < kPoints; ++xi)
          winograd_outer_products<V, kPoints>(xs + xi * kPointPitch<kChunk>, zs + xi * kPointPitch<kLanes<T>>, count, chunks, out.blocks,
                                              sums + xi * point_sums);
      });
    }
  });
  add_partial_sums(cpu, partials, parts, sums_size);
  cpu.parallel(chunks, [&](std::int64_t chunk, int) { winograd_weights_gradient<M>(partials, chunk, out, dw); });
}

}  // namespace lamina::kernels::LAMINA_ISA
