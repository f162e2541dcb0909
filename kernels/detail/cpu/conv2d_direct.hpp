// Direct convolution: blocks of output pixels x registers of output channels stay in registers while every tap and input channel is
// broadcast against packed weights, from a tile: a zero-padded window of the image in scratch, or the image itself where the kernel is
// 1x1. Any kernel, stride and dilation; one group.
#pragma once
#include "detail/cpu/microkernel.hpp"
#include "detail/cpu/weights.hpp"
#include "lamina/kernels/activation.hpp"

namespace lamina::kernels::LAMINA_ISA {

/// The windows of an image x that blocks of output rows read: x itself where every output reads one pixel of it, otherwise zero-padded
/// copies. Images of few channels are copied as they are, so that the taps of a row touch; others in chunks, a fixed distance apart.
template <class T>
struct DirectTiles {
  View4<const T> x;
  CorrelationAxis h, w;
  bool in_place;
  std::int64_t chunk, pixel_step, row_step;   // channels of a chunk; elements between pixels and between rows of a tile
  std::int64_t out_pixel_step, out_row_step;  // elements between what neighbouring outputs read
  std::int64_t rows_per_tile, tiles_per_image;

  /// Tiles of about `budget` elements, of equal height.
  DirectTiles(View4<const T> x_, const CorrelationAxis& h_, const CorrelationAxis& w_, std::int64_t budget)
      : x(x_), h(h_), w(w_), in_place(h.is_pointwise(x.h) && w.is_pointwise(x.w)) {
    chunk = in_place || x.c < kChunk ? x.c : kChunk;
    pixel_step = in_place ? x.ld : chunk;
    row_step = (in_place ? x.w : w.span(w.count)) * pixel_step;
    out_pixel_step = w.stride * pixel_step, out_row_step = h.stride * row_step;
    const std::int64_t fit = (budget / (chunks() * row_step) - h.span(1)) / h.stride + 1;
    const std::int64_t rows = fit < 1 ? 1 : fit > h.count ? h.count : fit;
    tiles_per_image = (h.count + rows - 1) / rows;
    rows_per_tile = (h.count + tiles_per_image - 1) / tiles_per_image;
  }
  std::int64_t chunks() const { return (x.c + chunk - 1) / chunk; }
  std::int64_t chunk_step() const { return h.span(rows_per_tile) * row_step; }
  std::int64_t scratch_size() const { return in_place ? 0 : chunks() * chunk_step(); }
  std::int64_t first_row(std::int64_t tile) const { return tile * rows_per_tile < h.count ? tile * rows_per_tile : h.count; }

  /// The runs of one output pixel in a tile. Where the taps of a row touch, they are one run.
  Runs runs() const {
    const std::int64_t rest = (x.c - 1) % chunk + 1;
    Runs r{.chunks = chunks(),
           .rows = h.taps,
           .cols = w.taps,
           .length = chunk,
           .last_length = rest,
           .chunk_step = chunk_step(),
           .row_step = h.step * row_step,
           .col_step = w.step * pixel_step};
    if (w.step == 1 && rest == pixel_step) r.cols = 1, r.length = r.last_length = w.taps * pixel_step;
    return r;
  }
  /// What the output rows from `row` on read of image n; perhaps copied to `scratch`.
  const T* tile(std::int64_t n, std::int64_t row, T* scratch) const {
    if (in_place) return x.pixel(n, row * h.stride, 0);
    T* to = scratch;
    for (std::int64_t c = 0; c < x.c; c += chunk, to += chunk_step())
      copy_window(x, n, {h.input(row, 0), h.span(rows_per_tile)}, {w.origin, w.span(w.count)}, c, x.c - c < chunk ? x.c - c : chunk, chunk,
                  to);
    return scratch;
  }
};

/// Weights in the order a pixel's runs visit them: (block, chunk, tap row, tap col, channel, registers of a block).
template <class T>
void pack_weights(Cpu& cpu, const WeightReader<T>& weights, const CorrelationAxis& h, const CorrelationAxis& w, const ChannelBlocks& out,
                  std::int64_t chunk, T* packed) {
  const std::int64_t inputs = weights.inputs(), width = out.vectors * kLanes<T>;
  cpu.parallel(out.blocks, [&](std::int64_t block, int) {
    T* to = packed + block * h.taps * w.taps * inputs * width;
    for (std::int64_t c0 = 0; c0 < inputs; c0 += chunk)
      for (std::int64_t r = 0; r < h.taps; ++r)
        for (std::int64_t s = 0; s < w.taps; ++s)
          for (std::int64_t c = c0, end = c0 + chunk < inputs ? c0 + chunk : inputs; c < end; c += kLanes<T>) {
            const std::int64_t count = end - c < kLanes<T> ? end - c : kLanes<T>;
            for (std::int64_t v = 0; v < out.vectors; ++v) {
              Vec<T> rows[kLanes<T>];
              weights.load_inputs(h.tap_first + r * h.tap_step, w.tap_first + s * w.tap_step, block * width + v * kLanes<T>, c, rows);
              for (std::int64_t i = 0; i < count; ++i) store(to + i * width + v * kLanes<T>, rows[i]);
            }
            to += count * width;
          }
  });
}

/// A block of output rows of one image: what its inner loop needs.
template <class T>
struct DirectRow {
  Runs runs;
  const T* b;
  bool relu;
  std::int64_t channels, pixel_step, out_step;  // of y; elements between what neighbouring outputs read of the tile, and of y

  /// `count` pixels of registers [k, k + V * kLanes) from `tile`, in blocks of P; a rest that fills no block overlaps the one before.
  /// Step is pixel_step, or 0 where that is not known at compile time.
  template <int P, int V, int Step>
  [[gnu::noinline]] void compute(const T* tile, const T* weights, std::int64_t k, T* out, std::int64_t count) const {
    constexpr int L = kLanes<T>;
    const std::int64_t step = Step ? Step : pixel_step;
    Vec<T> start[V];
    for (int v = 0; v < V; ++v) start[v] = b && k + v * L < channels ? load_part(b + k + v * L, channels - k - v * L) : Vec<T>{};
    for (std::int64_t done = 0; done < count; done += P) {
      const std::int64_t j = done + P <= count ? done : count - P;
      Vec<T> sum[P][V];
#pragma GCC unroll 32
      for (int p = 0; p < P; ++p)
#pragma GCC unroll 32
        for (int v = 0; v < V; ++v) sum[p][v] = start[v];
      correlate(tile + j * step, step, runs, weights, sum);
      if (relu)
#pragma GCC unroll 32
        for (int p = 0; p < P; ++p)
#pragma GCC unroll 32
          for (int v = 0; v < V; ++v) sum[p][v] = sum[p][v] < 0 ? Vec<T>{} : sum[p][v];
      T* to = out + j * out_step + k;
      if (k + V * L <= channels) {
#pragma GCC unroll 32
        for (int p = 0; p < P; ++p)
#pragma GCC unroll 32
          for (int v = 0; v < V; ++v) store(to + p * out_step + v * L, sum[p][v]);
      } else {
#pragma GCC unroll 32
        for (int p = 0; p < P; ++p)
#pragma GCC unroll 32
          for (int v = 0; v < V; ++v)
            if (k + v * L < channels) store_part(to + p * out_step + v * L, sum[p][v], channels - k - v * L);
      }
    }
  }
  /// The widest block that the row fills.
  template <int V, int Step>
  void compute(const T* tile, const T* weights, std::int64_t k, T* out, std::int64_t count) const {
    constexpr int kMost = Step ? kSums * 2 / 3 : 8, kWide = V * kMost > kSums ? kSums / V : kMost;
    if (count >= kWide)
      compute<kWide, V, Step>(tile, weights, k, out, count);
    else if (count >= 4)
      compute<4, V, Step>(tile, weights, k, out, count);
    else
      compute<1, V, Step>(tile, weights, k, out, count);
  }
  template <int V>
  void compute(const T* tile, const T* weights, std::int64_t k, T* out, std::int64_t count) const {
    if (pixel_step == kChunk) return compute<V, kChunk>(tile, weights, k, out, count);
    if (pixel_step == 2 * kChunk) return compute<V, 2 * kChunk>(tile, weights, k, out, count);  // stride 2
    if (pixel_step == 3) return compute<V, 3>(tile, weights, k, out, count);                    // RGB
    compute<V, 0>(tile, weights, k, out, count);
  }
};

/// y at the outputs of (h, w) = act(b + correlation of x with the weights); other pixels of y are not touched.
template <class T>
void direct_correlation(Cpu& cpu, View4<const T> x, const CorrelationAxis& h, const CorrelationAxis& w, const WeightReader<T>& weights,
                        const T* b, bool relu, View4<T> y) {
  constexpr std::int64_t kTileBytes = 384 << 10;  // of a 1 MB L2 cache
  const DirectTiles<T> tiles(x, h, w, kTileBytes / static_cast<std::int64_t>(sizeof(T)));
  const ChannelBlocks out = channel_blocks<T>(y.c);
  const std::int64_t block_size = h.taps * w.taps * x.c * out.vectors * kLanes<T>;
  const DirectRow<T> row{
      .runs = tiles.runs(), .b = b, .relu = relu, .channels = y.c, .pixel_step = tiles.out_pixel_step, .out_step = w.out_step * y.ld};
  Workspace workspace;
  T* packed = workspace.take<T>(out.blocks, block_size);
  T* scratch = workspace.take<T>(cpu.workers(y.n * tiles.tiles_per_image), tiles.scratch_size());
  pack_weights(cpu, weights, h, w, out, tiles.chunk, packed);
  cpu.parallel(y.n * tiles.tiles_per_image, [&](std::int64_t task, int worker) {
    const std::int64_t n = task / tiles.tiles_per_image, first = tiles.first_row(task % tiles.tiles_per_image);
    const std::int64_t last = tiles.first_row(task % tiles.tiles_per_image + 1);
    const T* tile = tiles.tile(n, first, scratch + worker * tiles.scratch_size());
    with_vectors(out.vectors, [&]<int V>() {
      for (std::int64_t block = 0; block < out.blocks; ++block)
        for (std::int64_t i = first; i < last; ++i)
          row.template compute<V>(tile + (i - first) * tiles.out_row_step, packed + block * block_size, block * V * kLanes<T>,
                                  y.pixel(n, h.out_first + i * h.out_step, w.out_first), w.count);
    });
  });
}

template <class T>
void conv2d_forward_direct(Cpu& cpu, View4<const T> x, View4<const T> w, const T* b, View4<T> y, const Conv2dParams& p) {
  const bool relu = p.activation.kind == Activation::Kind::relu;
  direct_correlation(cpu, x, forward_axis(y.h, w.h, p.padding.top, p), forward_axis(y.w, w.w, p.padding.left, p), WeightReader<T>{w, false},
                     b, relu, y);
  if (!relu && !p.activation.is_none()) activation_forward<T>(cpu, y.flat(), p.activation, y.flat());
}

template <class T>
void conv2d_backward_data_direct(Cpu& cpu, View4<const T> dy, View4<const T> w, View4<T> dx, const Conv2dParams& p) {
  for_each_class(dx, w, p, [&](const CorrelationAxis& down, const CorrelationAxis& across) {
    if (down.taps > 0 && across.taps > 0)
      return direct_correlation(cpu, dy, down, across, WeightReader<T>{w, true}, static_cast<const T*>(nullptr), false, dx);
    cpu.parallel(dx.n * down.count, [&](std::int64_t row, int) {  // pixels that no output reads
      for (std::int64_t i = 0; i < across.count; ++i)
        __builtin_memset(
            dx.pixel(row / down.count, down.out_first + row % down.count * down.out_step, across.out_first + i * across.out_step), 0,
            static_cast<std::size_t>(dx.c) * sizeof(T));
    });
  });
}

}  // namespace lamina::kernels::LAMINA_ISA
