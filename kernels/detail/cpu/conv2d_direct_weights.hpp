// Direct wgrad: a block of input channels x registers of output channels of dw stays in registers while the pixels of a row pass by.
#pragma once
#include "detail/cpu/conv2d_direct.hpp"
#include "detail/cpu/reduce.hpp"

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

/// Adds `count` pixels to sums (block of registers, element of the runs of a pixel, registers of a block): the runs of `tile`, whose pixels
/// are x_step apart, times z's channels.
template <class T>
void direct_gradient(const T* tile, const Runs& runs, std::int64_t x_step, View2<const T> z, const ChannelBlocks& blocks,
                     std::int64_t block_size, T* sums) {
  with_vectors(blocks.vectors, [&]<int V>() {
    constexpr std::int64_t width = V * kLanes<T>;
    for (std::int64_t block = 0; block < blocks.blocks; ++block)
      direct_row_gradient<V>(tile, runs, x_step, z.data + block * width, z.ld, z.cols - block * width, z.rows, sums + block * block_size);
  });
}

/// What a part of wgrad adds up: products, and the rows of dy where db is wanted.
template <class T>
class DirectPartials {
 public:
  DirectPartials(Workspace& workspace, std::int64_t size, std::int64_t units, std::int64_t cout, T* db)
      : size_(size), units_(units), parts_(partial_sums(size, units)), cout_(cout), db_(db) {
    products_ = workspace.take<T>(parts_, size);
    if (db) rows_ = workspace.take<double>(parts_, cout);
  }
  std::int64_t parts() const { return parts_; }
  /// Calls f(unit, worker, products, rows), which adds to both, for every unit of work; `rows` is null where db is not wanted. Returns the
  /// summed products; db is written.
  const T* sum(Cpu& cpu, auto&& f) {
    cpu.parallel(parts_, [&](std::int64_t part, int worker) {
      T* sums = products_ + part * size_;
      double* rows = db_ ? rows_ + part * cout_ : nullptr;
      __builtin_memset(sums, 0, static_cast<std::size_t>(size_) * sizeof(T));
      if (rows) __builtin_memset(rows, 0, static_cast<std::size_t>(cout_) * sizeof(double));
      for (std::int64_t u = units_ * part / parts_; u < units_ * (part + 1) / parts_; ++u) f(u, worker, sums, rows);
    });
    add_partial_sums(cpu, products_, parts_, size_);
    if (db_) sum_parts(rows_, parts_, cout_, db_);
    return products_;
  }

 private:
  std::int64_t size_, units_, parts_, cout_;
  T *db_, *products_;
  double* rows_ = nullptr;
};

constexpr std::int64_t kSegmentBytes = 16 << 10;  // of the L1 cache: the channels of a block of the pixels that are added at once

/// 1x1: dw is the product dy^T x over all pixels. Of the two, `left` is broadcast and `right` loaded in registers.
template <class T>
void conv2d_backward_weights_pointwise(Cpu& cpu, View2<const T> x, View2<const T> dy, View4<T> dw, T* db) {
  const bool transposed = dy.cols * vectors_for<T>(x.cols) < x.cols * vectors_for<T>(dy.cols);  // fewer multiply-adds
  const View2<const T> left = transposed ? dy : x, right = transposed ? x : dy;
  const ChannelBlocks blocks = channel_blocks<T>(right.cols);
  const std::int64_t width = blocks.vectors * kLanes<T>, block_size = left.cols * width;
  const std::int64_t segment = kSegmentBytes / static_cast<std::int64_t>(sizeof(T)) / width, units = (x.rows + segment - 1) / segment;
  const Runs runs{.chunks = 1, .rows = 1, .cols = 1, .length = left.cols, .last_length = left.cols, .chunk_step = 0};
  Workspace workspace;
  DirectPartials<T> partials(workspace, blocks.blocks * block_size, units, dy.cols, db);
  const T* sums = partials.sum(cpu, [&](std::int64_t unit, int, T* to, double* bias) {
    const std::int64_t begin = unit * segment, count = begin + segment < x.rows ? segment : x.rows - begin;
    direct_gradient<T>(left.row(begin), runs, left.ld, {right.row(begin), count, right.cols, right.ld}, blocks, block_size, to);
    if (bias) add_rows<T>({dy.row(begin), count, dy.cols, dy.ld}, bias);
  });
  cpu.parallel(dw.n, [&](std::int64_t k, int) {
    for (std::int64_t c = 0; c < dw.c; ++c) {
      const std::int64_t i = transposed ? k : c, j = transposed ? c : k;
      dw.pixel(k, 0, 0)[c] = sums[j / width * block_size + i * width + j % width];
    }
  });
}

template <class T>
void conv2d_backward_weights_direct(Cpu& cpu, View4<const T> x, View4<const T> dy, View4<T> dw, T* db, const Conv2dParams& p) {
  constexpr std::int64_t kTileBytes = 256 << 10;  // of the L2 cache
  constexpr std::int64_t L = kLanes<T>, kSize = static_cast<std::int64_t>(sizeof(T));
  const CorrelationAxis h = forward_axis(dy.h, dw.h, p.padding.top, p), w = forward_axis(dy.w, dw.w, p.padding.left, p);
  const DirectTiles<T> tiles(x, h, w, kTileBytes / kSize);
  if (h.is_identity(x.h) && w.is_identity(x.w)) return conv2d_backward_weights_pointwise(cpu, x.flat(), dy.flat(), dw, db);
  const Runs runs = tiles.runs();
  const ChannelBlocks out = channel_blocks<T>(dy.c);
  const std::int64_t fit = kSegmentBytes / kSize / out.padded, segment = fit < 32 ? 32 : fit;
  const std::int64_t taps = dw.h * dw.w, width = out.vectors * L, block_size = taps * dw.c * width;
  Workspace workspace;
  // Sums in the order (block, chunk, tap, channel of the chunk, registers of a block).
  DirectPartials<T> partials(workspace, out.blocks * block_size, dy.n * tiles.tiles_per_image, dy.c, db);
  T* scratch = workspace.take<T>(cpu.workers(partials.parts()), tiles.scratch_size());
  const T* sums = partials.sum(cpu, [&](std::int64_t t, int worker, T* to, double* bias) {
    const std::int64_t n = t / tiles.tiles_per_image, first = tiles.first_row(t % tiles.tiles_per_image);
    const T* tile = tiles.tile(n, first, scratch + worker * tiles.scratch_size());
    for (std::int64_t i = first; i < tiles.first_row(t % tiles.tiles_per_image + 1); ++i)
      for (std::int64_t j = 0; j < dy.w; j += segment) {
        const View2<const T> z{dy.pixel(n, i, j), j + segment < dy.w ? segment : dy.w - j, dy.c, dy.ld};
        direct_gradient<T>(tile + (i - first) * tiles.out_row_step + j * tiles.out_pixel_step, runs, tiles.out_pixel_step, z, out,
                           block_size, to);
        if (bias) add_rows(z, bias);
      }
  });
  cpu.parallel(dw.n, [&](std::int64_t k, int) {
    for (std::int64_t tap = 0; tap < taps; ++tap)
      for (std::int64_t c = 0; c < dw.c; ++c) {
        const std::int64_t c0 = c / tiles.chunk * tiles.chunk, length = dw.c - c0 < tiles.chunk ? dw.c - c0 : tiles.chunk;
        dw.pixel(k, 0, tap)[c] = sums[k / width * block_size + (c0 * taps + tap * length + c - c0) * width + k % width];
      }
  });
}

}  // namespace lamina::kernels::LAMINA_ISA
