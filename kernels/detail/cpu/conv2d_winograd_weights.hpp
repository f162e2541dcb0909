// Winograd wgrad: dw = G^T [ sum over tiles of (B^T x B) (A dy A^T) point by point ] G, each point a product (Cin, tiles) x (tiles, Cout).
#pragma once
#include "detail/cpu/conv2d_winograd.hpp"
#include "detail/cpu/reduce.hpp"

namespace lamina::kernels::LAMINA_ISA {

/// points (register, xi, kBlock, kLanes) = A dy A^T of one tile; dy is zero outside the image.
template <class F, class T>
void winograd_output_gradient(View4<const T> dy, const WinogradTiles<F>& tiles, std::int64_t t, T* points) {
  constexpr int M = F::kOut, A = F::kPoints, L = kLanes<T>;
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

/// sums (block, kChunk, V registers) = (unless `first`, +=) x (xi, kBlock, kChunk)^T z (register, xi, kBlock, kLanes) over `count` tiles of
/// one xi, for one chunk of inputs; `step` elements from one block of tiles to the next.
template <int V, int kPoints, class T>
[[gnu::noinline]] void winograd_outer_products(const T* x, const T* z, std::int64_t step, std::int64_t count, std::int64_t blocks,
                                               bool first, T* sums) {
  constexpr int R = V == 1 ? kChunk : V == 4 ? 4 : 8, L = kLanes<T>;
  for (std::int64_t block = 0; block < blocks; ++block, z += V * kPoints * kPointPitch<L>)
    for (std::int64_t r = 0; r < kChunk; r += R, sums += R * V * L) {
      Vec<T> sum[R][V];
#pragma GCC unroll 32
      for (int i = 0; i < R; ++i)
#pragma GCC unroll 32
        for (int v = 0; v < V; ++v) sum[i][v] = first ? Vec<T>{} : load(sums + (i * V + v) * L);
      for (std::int64_t t = 0; t < count; t += kBlock)
        outer_products(x + t / kBlock * step + r, kChunk, z + t / kBlock * step, L, count - t < kBlock ? count - t : kBlock, sum,
                       [](const T* row, int v) { return load(row + v * kPoints * kPointPitch<L>); });
#pragma GCC unroll 32
      for (int i = 0; i < R; ++i)
#pragma GCC unroll 32
        for (int v = 0; v < V; ++v) store(sums + (i * V + v) * L, sum[i][v]);
    }
}

/// dw of input chunk `chunk` and register k of output channels, from sums (xi, chunk, block, kChunk, registers of a block).
template <class F, class T>
void winograd_weights_gradient(const T* sums, std::int64_t chunk, std::int64_t k, const ChannelBlocks& out, View4<T> dw) {
  constexpr int R = F::kTaps, A = F::kPoints, L = kLanes<T>;
  const std::int64_t width = out.vectors * L, point_step = chunks_for(dw.c) * kChunk * out.padded, c0 = chunk * kChunk,
                     channels = dw.c - c0;
  const T* from = sums + c0 * out.padded + k / width * kChunk * width + k % width;
  alignas(64) T taps[R * R * kChunk * L];  // (tap, kChunk, kLanes)
  for (std::int64_t i = 0; i < kChunk; ++i)
    both_axes<A, R, Vec<T>>([&](int r, int s) { return load(from + i * width + (r * A + s) * point_step); },
                            [](auto& u, auto& w) { F::weights_gradient(u, w); },
                            [&](int r, int s, Vec<T> v) { store(taps + ((r * R + s) * kChunk + i) * L, v); });
  for (int tap = 0; tap < R * R; ++tap)
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

template <class F, class T>
void winograd_backward_weights(Cpu& cpu, View4<const T> x, View4<const T> dy, View4<T> dw, const Conv2dParams& p) {
  using Plan = WinogradPlan<F, T>;
  const Plan plan(WinogradTiles<F>(dy.n, dy.h, dy.w, p.dilation), x.c, dy.c);
  const std::int64_t size = plan.in_size + plan.out_size, sums_size = Plan::kPoints * plan.weights;
  const auto transform = [&](View4<const T> from, std::int64_t block, std::int64_t t, T* points) {
    winograd_input(from, -p.padding.top, -p.padding.left, plan.tiles, block * kBlock + t, points + t * kChunk);
    winograd_output_gradient(dy, plan.tiles, block * kBlock + t, points + plan.in_size + t * kLanes<T>);
  };
  // Chunk c, the i-th in `points`, of the blocks from `block` on.
  const auto multiply = [&](std::int64_t block, std::int64_t group, std::int64_t xi, std::int64_t c, std::int64_t i, const T* points,
                            bool first, T* sums) {
    with_vectors(plan.out.vectors, [&]<int V>() {
      winograd_outer_products<V, Plan::kPoints>(points + (i * Plan::kPoints + xi) * kPointPitch<kChunk>,
                                                points + plan.in_size + xi * kPointPitch<kLanes<T>>, size, plan.count(block, group),
                                                plan.out.blocks, first, sums + xi * plan.weights + c * kChunk * plan.out.padded);
    });
  };
  const std::int64_t parts = plan.grouped ? 1 : partial_sums(sums_size, plan.blocks);
  if (plan.blocks == 0) {  // an empty batch
    __builtin_memset(dw.data, 0, static_cast<std::size_t>(dw.size()) * sizeof(T));
    return;
  }
  Workspace workspace;
  T* partials = workspace.take<T>(parts, sums_size);  // (part, xi, chunk, block, kChunk, registers of a block)
  if (!plan.grouped) {
    T* scratch = workspace.take<T>(cpu.workers(parts), size);
    cpu.parallel(parts, [&](std::int64_t part, int worker) {
      T *points = scratch + worker * size, *sums = partials + part * sums_size;
      for (std::int64_t block = plan.blocks * part / parts; block < plan.blocks * (part + 1) / parts; ++block) {
        for (std::int64_t t = 0; t < plan.count(block, 1); ++t) transform(x, block, t, points);
        for (int xi = 0; xi < Plan::kPoints; ++xi)
          for (std::int64_t c = 0; c < plan.in_chunks; ++c) multiply(block, 1, xi, c, c, points, block == plan.blocks * part / parts, sums);
      }
    });
    add_partial_sums(cpu, partials, parts, sums_size);
  } else {
    T* scratch = workspace.take<T>(plan.group, size);
    plan.for_each_panel([&](std::int64_t c0, std::int64_t chunks) {
      const View4<const T> from = Plan::channels(x, c0, chunks);
      plan.for_each_group([&](std::int64_t begin, std::int64_t group) {
        Plan::for_each_tile(cpu, group, [&](std::int64_t i, std::int64_t t) { transform(from, begin + i, t, scratch + i * size); });
        cpu.parallel(Plan::kPoints * chunks, [&](std::int64_t task, int) {
          multiply(begin, group, task / chunks, c0 + task % chunks, task % chunks, scratch, begin == 0, partials);
        });
      });
    });
  }
  const std::int64_t registers = vectors_for<T>(dw.n);
  cpu.parallel(plan.in_chunks * registers, [&](std::int64_t task, int) {
    winograd_weights_gradient<F>(partials, task / registers, task % registers * kLanes<T>, plan.out, dw);
  });
}

template <int M, class T>
void conv2d_backward_weights_winograd(Cpu& cpu, View4<const T> x, View4<const T> dy, View4<T> dw, const Conv2dParams& p) {
  with_winograd<M, T>(x, dy, dw.h, -p.padding.top, -p.padding.left, p.dilation,
                      [&]<class F>() { winograd_backward_weights<F>(cpu, x, dy, dw, p); });
}

}  // namespace lamina::kernels::LAMINA_ISA
