// Winograd wgrad: dw = G^T [ sum over tiles of (B^T x B) (A dy A^T) point by point ] G, each point a product (Cin, tiles) x (tiles, Cout).
#pragma once
#include "detail/cpu/conv2d_winograd.hpp"
#include "detail/cpu/reduce.hpp"

namespace lamina::kernels::LAMINA_ISA {

/// points (register, xi, kBlock, kLanes) = A dy A^T of one tile; dy is zero outside the image.
template <int M, class T>
void winograd_output_gradient(View4<const T> dy, const WinogradTiles<M>& tiles, std::int64_t t, T* points) {
  using F = Winograd<M>;
  constexpr int A = F::kIn, L = kLanes<T>;
  constexpr std::int64_t pitch = kPointPitch<L>;
  const auto [image, row, col] = tiles[t];
  const Window<T> window(dy, image, row, col, M, tiles.step);
  for (std::int64_t k = 0; k < dy.c; k += L) {
    T* to = points + k / L * A * A * pitch;
    window.registers(k, [&](auto read) {
      both_axes<M, A, Vec<T>>(
          read, [](auto& d, auto& u) { F::output_gradient(d, u); }, [&](int i, int j, Vec<T> v) { store(to + (i * A + j) * pitch, v); });
    });
  }
}

/// sums (chunk, block, kChunk, V registers) = (unless `first`, +=) x (chunk, xi, kBlock, kChunk)^T z (register, xi, kBlock, kLanes) over
/// `count` tiles of one xi.
template <int V, int kPoints, class T>
[[gnu::noinline]] void winograd_outer_products(const T* x, const T* z, std::int64_t count, std::int64_t chunks, std::int64_t blocks,
                                               bool first, T* sums) {
  constexpr int R = V == 1 ? kChunk : V == 4 ? 4 : 8, L = kLanes<T>;
  for (std::int64_t chunk = 0; chunk < chunks; ++chunk)
    for (std::int64_t block = 0; block < blocks; ++block)
      for (std::int64_t r = 0; r < kChunk; r += R, sums += R * V * L) {
        Vec<T> sum[R][V];
#pragma GCC unroll 32
        for (int i = 0; i < R; ++i)
#pragma GCC unroll 32
          for (int v = 0; v < V; ++v) sum[i][v] = first ? Vec<T>{} : load(sums + (i * V + v) * L);
        outer_products(x + chunk * kPoints * kPointPitch<kChunk> + r, kChunk, z + block * V * kPoints * kPointPitch<L>, L, count, sum,
                       [](const T* row, int v) { return load(row + v * kPoints * kPointPitch<L>); });
#pragma GCC unroll 32
        for (int i = 0; i < R; ++i)
#pragma GCC unroll 32
          for (int v = 0; v < V; ++v) store(sums + (i * V + v) * L, sum[i][v]);
      }
}

/// dw of input chunk `chunk` and register k of output channels, from sums (xi, chunk, block, kChunk, registers of a block).
template <int M, class T>
void winograd_weights_gradient(const T* sums, std::int64_t chunk, std::int64_t k, const ChannelBlocks& out, View4<T> dw) {
  using F = Winograd<M>;
  constexpr int A = F::kIn, L = kLanes<T>;
  const std::int64_t width = out.vectors * L, point_step = chunks_for(dw.c) * kChunk * out.padded, c0 = chunk * kChunk,
                     channels = dw.c - c0;
  const T* from = sums + c0 * out.padded + k / width * kChunk * width + k % width;
  alignas(64) T taps[9 * kChunk * L];  // (tap, kChunk, kLanes)
  for (std::int64_t i = 0; i < kChunk; ++i)
    both_axes<A, 3, Vec<T>>([&](int r, int s) { return load(from + i * width + (r * A + s) * point_step); },
                            [](auto& u, auto& w) { F::weights_gradient(u, w); },
                            [&](int r, int s, Vec<T> v) { store(taps + ((r * 3 + s) * kChunk + i) * L, v); });
  for (int tap = 0; tap < 9; ++tap)
    for (int part = 0; part < kChunk && part < channels; part += L) {
      Vec<T> rows[L];
#pragma GCC unroll 16
      for (int i = 0; i < L; ++i) rows[i] = load(taps + (tap * kChunk + part + i) * L);
      transpose<T>(rows);
#pragma GCC unroll 16
      for (int i = 0; i < L; ++i)
        if (k + i < dw.n) store_part(dw.pixel(k + i, 0, tap) + c0 + part, rows[i], channels - part);
    }
}

template <int M, class T>
void conv2d_backward_weights_winograd(Cpu& cpu, View4<const T> x, View4<const T> dy, View4<T> dw, const Conv2dParams& p) {
  using Plan = WinogradPlan<M, T>;
  const Plan plan(WinogradTiles<M>(dy.n, dy.h, dy.w, p.dilation), x.c, dy.c);
  const auto transform = [&](std::int64_t block, std::int64_t t, T* xs, T* zs) {
    winograd_input(x, -p.padding.top, -p.padding.left, plan.tiles, block * kBlock + t, xs + t * kChunk);
    winograd_output_gradient(dy, plan.tiles, block * kBlock + t, zs + t * kLanes<T>);
  };
  const auto multiply = [&](std::int64_t block, std::int64_t xi, const T* xs, const T* zs, bool first, T* sums) {
    with_vectors(plan.out.vectors, [&]<int V>() {
      winograd_outer_products<V, Plan::kPoints>(xs + xi * kPointPitch<kChunk>, zs + xi * kPointPitch<kLanes<T>>, plan.count(block),
                                                plan.in_chunks, plan.out.blocks, first, sums + xi * plan.weights);
    });
  };
  const std::int64_t size = plan.in_size + plan.out_size, sums_size = Plan::kPoints * plan.weights;
  const std::int64_t parts = plan.grouped() ? 1 : partial_sums(sums_size, plan.blocks);
  if (plan.blocks == 0) {  // an empty batch
    __builtin_memset(dw.data, 0, static_cast<std::size_t>(dw.size()) * sizeof(T));
    return;
  }
  Workspace workspace;
  T* partials = workspace.take<T>(parts, sums_size);  // (part, xi, chunk, block, kChunk, registers of a block)
  if (!plan.grouped()) {
    T* scratch = workspace.take<T>(cpu.concurrency(), size);
    cpu.parallel(parts, [&](std::int64_t part, int worker) {
      T *xs = scratch + worker * size, *zs = xs + plan.in_size, *sums = partials + part * sums_size;
      for (std::int64_t block = plan.blocks * part / parts; block < plan.blocks * (part + 1) / parts; ++block) {
        for (std::int64_t t = 0; t < plan.count(block); ++t) transform(block, t, xs, zs);
        for (int xi = 0; xi < Plan::kPoints; ++xi) multiply(block, xi, xs, zs, block == plan.blocks * part / parts, sums);
      }
    });
    add_partial_sums(cpu, partials, parts, sums_size);
  } else {
    T* scratch = workspace.take<T>(plan.group(), size);
    for (std::int64_t begin = 0; begin < plan.blocks; begin += plan.group()) {
      const std::int64_t group = begin + plan.group() < plan.blocks ? plan.group() : plan.blocks - begin;
      Plan::for_each_tile(cpu, group, [&](std::int64_t i, std::int64_t t) {
        transform(begin + i, t, scratch + i * size, scratch + i * size + plan.in_size);
      });
      cpu.parallel(Plan::kPoints, [&](std::int64_t xi, int) {
        for (std::int64_t i = 0; i < group; ++i)
          multiply(begin + i, xi, scratch + i * size, scratch + i * size + plan.in_size, begin + i == 0, partials);
      });
    }
  }
  const std::int64_t registers = vectors_for<T>(dw.n);
  cpu.parallel(plan.in_chunks * registers, [&](std::int64_t task, int) {
    winograd_weights_gradient<M>(partials, task / registers, task % registers * kLanes<T>, plan.out, dw);
  });
}

}  // namespace lamina::kernels::LAMINA_ISA
