// Winograd convolution, 3x3 with stride 1: F(M x M, 3 x 3) does (M + 2)^2 / (9 M^2) of the multiplications (M = 4: a quarter). Blocks of
// tiles are transformed, multiplied with the transformed weights point by point, and transformed back while they are in the L2 cache.
// Of an atrous convolution the outputs whose coordinates share their remainders modulo the dilation are an ordinary convolution: its tiles
// take every dilation-th pixel.
// Forward and dgrad here; conv2d_winograd_weights.hpp has wgrad.
#pragma once
#include "detail/cpu/microkernel.hpp"
#include "detail/cpu/weights.hpp"
#include "detail/cpu/winograd.hpp"
#include "lamina/kernels/activation.hpp"

namespace lamina::kernels::LAMINA_ISA {

/// Tiles of a block: a multiple of kSums / V for every V, and few enough for the L2 cache.
inline constexpr std::int64_t kBlock = 24;
/// Elements from one point's (kBlock, width) matrix to the next point's: a line more than it holds, so that points do not share cache sets.
template <int Width>
inline constexpr std::int64_t kPointPitch = kBlock* Width + kChunk;

/// The tiles of an image batch: each writes outputs (M, M), `step` pixels apart, from its row and column on, and reads inputs
/// (M + 2, M + 2), as far apart, from there plus the origin. Outputs beyond the image are not written; a tile may have none.
template <int M>
struct WinogradTiles {
  static constexpr std::int64_t kWeightTiles = 64;  // transforming the weights takes as long as using them for so many tiles
  std::int64_t n, step;                             // output images; the dilation
  std::int64_t phases_down, phases_across;          // remainders modulo the dilation
  std::int64_t down, across;                        // tiles of one phase

  struct Tile {
    std::int64_t image, row, col;
  };

  WinogradTiles(std::int64_t n_, std::int64_t h, std::int64_t w, std::int64_t dilation)
      : n(n_),
        step(dilation),
        phases_down(step < h ? step : h),
        phases_across(step < w ? step : w),
        down((h - 1) / (step * M) + 1),
        across((w - 1) / (step * M) + 1) {}
  std::int64_t count() const { return n * phases_down * phases_across * down * across; }
  /// Of a pair of channels; and with those that transforming its weights is worth.
  std::int64_t multiplications() const { return count() * (M + 2) * (M + 2); }
  std::int64_t cost() const { return (count() + kWeightTiles) * (M + 2) * (M + 2); }
  Tile operator[](std::int64_t t) const {
    const std::int64_t line = t / across, phase = line / down;
    const std::int64_t row = line % down * M * step, col = t % across * M * step;
    if (step == 1) return {phase, row, col};  // without more divisions, which would take as long as a transform
    const std::int64_t phase_line = phase / phases_across;
    return {phase_line / phases_down, row + phase_line % phases_down, col + phase % phases_across};
  }
};

/// The pixels (extent, extent) of image n from (row, col) on, `step` apart. What is beyond the image, or in an image beyond the last, is
/// zero.
template <class T>
struct Window {
  const T* data;
  std::int64_t row_step, pixel_step, channels;
  IndexRange rows, cols;  // those in the image
  bool whole;

  Window(View4<const T> x, std::int64_t n, std::int64_t row, std::int64_t col, std::int64_t extent, std::int64_t step)
      : data(x.data + ((n * x.h + row) * x.w + col) * x.ld),
        row_step(step * x.w * x.ld),
        pixel_step(step * x.ld),
        channels(x.c),
        rows(Strip{row, n < x.n ? extent : 0, step}.inside(x.h)),
        cols(Strip{col, extent, step}.inside(x.w)),
        whole(rows.size() == extent && cols.size() == extent) {}

  /// Calls transform(read) where read(i, j) is a register of channels, c on, of pixel (i, j).
  template <class Transform>
  [[gnu::always_inline]] void registers(std::int64_t c, Transform&& transform) const {
    const auto pixel = [&](int i, int j) { return data + i * row_step + j * pixel_step + c; };
    const std::int64_t lanes = channels - c < 0 ? 0 : channels - c;
    if (whole && lanes >= kLanes<T>)
      transform([&](int i, int j) { return load(pixel(i, j)); });
    else
      transform([&](int i, int j) {
        return i >= rows.begin && i < rows.end && j >= cols.begin && j < cols.end ? load_part(pixel(i, j), lanes) : Vec<T>{};
      });
  }
};

/// points (chunk, xi, kBlock, kChunk) of one tile; zero for a tile beyond the last.
template <int M, class T>
void winograd_input(View4<const T> x, std::int64_t origin_h, std::int64_t origin_w, const WinogradTiles<M>& tiles, std::int64_t t,
                    T* points) {
  using F = Winograd<M>;
  constexpr int A = F::kIn;
  constexpr std::int64_t pitch = kPointPitch<kChunk>;
  const auto [image, row, col] = tiles[t];
  const Window<T> window(x, image, row + origin_h, col + origin_w, A, tiles.step);
  for (std::int64_t c = 0; c < chunks_for(x.c) * kChunk; c += kLanes<T>) {
    T* to = points + c / kChunk * A * A * pitch + c % kChunk;
    window.registers(c, [&](auto read) {
      both_axes<A, A, Vec<T>>(
          read, [](auto& d, auto& u) { F::input(d, u); }, [&](int i, int j, Vec<T> v) { store(to + (i * A + j) * pitch, v); });
    });
  }
}

/// y = act(b + inverse transform of products (register, xi, kBlock, kLanes)) for one tile.
template <int M, class T>
void winograd_output(const T* products, const WinogradTiles<M>& tiles, std::int64_t t, const T* b, Activation act, View4<T> y) {
  using F = Winograd<M>;
  constexpr int A = F::kIn;
  constexpr std::int64_t pitch = kPointPitch<kLanes<T>>;
  const bool relu = act.kind == Activation::Kind::relu;
  const auto [image, row, col] = tiles[t];
  const std::int64_t rows = Strip{row, M, tiles.step}.inside(y.h).size(), cols = Strip{col, M, tiles.step}.inside(y.w).size();
  if (image >= y.n || rows == 0 || cols == 0) return;
  T* out = y.pixel(image, row, col);
  for (std::int64_t k = 0; k < y.c; k += kLanes<T>) {
    const T* from = products + k / kLanes<T> * A * A * pitch;
    const Vec<T> bias = b ? load_part(b + k, y.c - k) : Vec<T>{};
    const bool whole = rows == M && cols == M && k + kLanes<T> <= y.c;
    both_axes<A, M, Vec<T>>([&](int i, int j) { return load(from + (i * A + j) * pitch); }, [](auto& d, auto& u) { F::output(d, u); },
                            [&](int i, int j, Vec<T> v) {
                              v += bias;
                              if (relu) v = v < 0 ? Vec<T>{} : v;
                              T* to = out + (i * y.w + j) * tiles.step * y.ld + k;
                              if (whole)
                                store(to, v);
                              else if (i < rows && j < cols)
                                store_part(to, v, y.c - k);
                            });
  }
}

/// taps (tap, kChunk, kLanes) of one register of output channels, k on, and one chunk of inputs; zero beyond either end.
template <class T>
void winograd_taps(const WeightReader<T>& weights, std::int64_t k, std::int64_t chunk, T* taps) {
  constexpr int L = kLanes<T>;
  const std::int64_t lanes = weights.outputs() - k, inputs = weights.inputs() - chunk * kChunk;
  for (int tap = 0; tap < 9; ++tap, taps += kChunk * L) {
    const T* from = weights.tap(tap / 3, tap % 3) + k * weights.output_step() + chunk * kChunk * weights.input_step();
    T* to = weights.gradient ? taps + (8 - 2 * tap) * kChunk * L : taps;  // dgrad turns the kernel around
    if (!weights.gradient && lanes >= L && inputs >= kChunk) {
      for (int part = 0; part < kChunk; part += L) {
        Vec<T> rows[L];
#pragma GCC unroll 16
        for (int i = 0; i < L; ++i) rows[i] = load(from + i * weights.output_step() + part);
        transpose<T>(rows);
#pragma GCC unroll 16
        for (int i = 0; i < L; ++i) store(to + (part + i) * L, rows[i]);
      }
      continue;
    }
    for (std::int64_t i = 0; i < kChunk; ++i) {
      const T* row = from + i * weights.input_step();
      store(to + i * L, lanes <= 0 || i >= inputs ? Vec<T>{}
                        : weights.gradient        ? load_part(row, lanes)
                                                  : gather(row, weights.output_step(), lanes));
    }
  }
}

/// Transformed weights (xi, block, chunk, kChunk, registers of a block), of one block of output channels and one chunk of inputs.
template <int M, class T>
void winograd_weights(const WeightReader<T>& weights, const ChannelBlocks& out, std::int64_t block, std::int64_t chunk, T* points) {
  using F = Winograd<M>;
  constexpr int A = F::kIn, L = kLanes<T>;
  const std::int64_t width = out.vectors * L, inputs = chunks_for(weights.inputs()) * kChunk, point_step = out.blocks * inputs * width;
  alignas(64) T taps[9 * kChunk * L];
  for (std::int64_t v = 0; v < out.vectors; ++v) {
    winograd_taps(weights, (block * out.vectors + v) * L, chunk, taps);
    for (std::int64_t i = 0; i < kChunk; ++i) {
      T* to = points + (block * inputs + chunk * kChunk + i) * width + v * L;
      both_axes<3, A, Vec<T>>([&](int r, int s) { return load(taps + ((r * 3 + s) * kChunk + i) * L); },
                              [](auto& w, auto& u) { F::weights(w, u); },
                              [&](int r, int s, Vec<T> u) { store(to + (r * A + s) * point_step, u); });
    }
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
      correlate(points + t * kChunk, kChunk, runs, weights, sum);
#pragma GCC unroll 32
      for (int p = 0; p < P; ++p)
#pragma GCC unroll 32
        for (int v = 0; v < V; ++v) store(products + (block * V + v) * kPoints * kPointPitch<L> + (t + p) * L, sum[p][v]);
    }
}

/// Where the transformed tiles of a convolution are kept, and in which order the work is done. Weights that stay in the L2 cache: each task
/// takes a block of tiles through all its steps. Larger ones: a group of blocks is transformed, multiplied and transformed back together,
/// so that the weights (or their sums) of a point are read once a group.
template <int M, class T>
struct WinogradPlan {
  static constexpr int kPoints = Winograd<M>::kIn * Winograd<M>::kIn;
  static constexpr std::int64_t kLargeWeights = std::int64_t{1} << 18, kGroupElements = std::int64_t{1} << 22;

  WinogradTiles<M> tiles;
  ChannelBlocks out;
  std::int64_t in_chunks, blocks;
  std::int64_t in_size, out_size;  // elements of a block's points on either side
  std::int64_t weights;            // elements of one point's matrix

  WinogradPlan(const WinogradTiles<M>& t, std::int64_t in, std::int64_t channels)
      : tiles(t),
        out(channel_blocks<T>(channels)),
        in_chunks(chunks_for(in)),
        blocks((t.count() + kBlock - 1) / kBlock),
        in_size(in_chunks * kPoints * kPointPitch<kChunk>),
        out_size(out.padded / kLanes<T> * kPoints * kPointPitch<kLanes<T>>),
        weights(in_chunks * kChunk * out.padded) {}

  bool grouped() const { return kPoints * weights >= kLargeWeights; }
  /// Blocks of a group.
  std::int64_t group() const {
    const std::int64_t fit = kGroupElements / (in_size + out_size);
    return fit < 1 ? 1 : fit < blocks ? fit : blocks;
  }
  /// Calls f(i, t) for tiles t of the blocks i < group, a few neighbours in one task.
  template <class F>
  static void for_each_tile(Cpu& cpu, std::int64_t group, F&& f) {
    constexpr std::int64_t kTiles = 6, kTasks = kBlock / kTiles;
    cpu.parallel(group * kTasks, [&](std::int64_t task, int) {
      for (std::int64_t t = 0; t < kTiles; ++t) f(task / kTasks, task % kTasks * kTiles + t);
    });
  }
  /// Tiles of a block.
  std::int64_t count(std::int64_t block) const { return tiles.count() - block * kBlock < kBlock ? tiles.count() - block * kBlock : kBlock; }
};

/// y = act(b + correlation of x with the 3x3 weights), taps `dilation` apart, starting at (origin_h, origin_w) of output pixel (0, 0).
template <int M, class T>
void winograd_correlation(Cpu& cpu, View4<const T> x, std::int64_t origin_h, std::int64_t origin_w, std::int64_t dilation,
                          const WeightReader<T>& weights, const T* b, Activation act, View4<T> y) {
  using Plan = WinogradPlan<M, T>;
  const Plan plan(WinogradTiles<M>(y.n, y.h, y.w, dilation), x.c, y.c);
  const bool fused = act.is_none() || act.kind == Activation::Kind::relu;
  Workspace workspace;
  T* u = workspace.take<T>(Plan::kPoints, plan.weights);  // (xi, block, chunk, kChunk, registers of a block)
  cpu.parallel(plan.out.blocks * plan.in_chunks,
               [&](std::int64_t task, int) { winograd_weights<M>(weights, plan.out, task / plan.in_chunks, task % plan.in_chunks, u); });
  const auto transform = [&](std::int64_t block, std::int64_t t, T* points) {
    winograd_input(x, origin_h, origin_w, plan.tiles, block * kBlock + t, points + t * kChunk);
  };
  const auto multiply = [&](std::int64_t xi, const T* points, T* products) {
    with_vectors(plan.out.vectors, [&]<int V>() {
      winograd_multiply<V, Plan::kPoints>(points + xi * kPointPitch<kChunk>, u + xi * plan.weights, plan.in_chunks, plan.out.blocks,
                                          products + xi * kPointPitch<kLanes<T>>);
    });
  };
  const auto transform_back = [&](std::int64_t block, std::int64_t t, const T* products) {
    winograd_output(products + t * kLanes<T>, plan.tiles, block * kBlock + t, b, fused ? act : Activation::none(), y);
  };
  const std::int64_t size = plan.in_size + plan.out_size;
  if (!plan.grouped()) {
    T* scratch = workspace.take<T>(cpu.concurrency(), size);
    cpu.parallel(plan.blocks, [&](std::int64_t block, int worker) {
      T *points = scratch + worker * size, *products = points + plan.in_size;
      for (std::int64_t t = 0; t < kBlock; ++t) transform(block, t, points);
      for (int xi = 0; xi < Plan::kPoints; ++xi) multiply(xi, points, products);
      for (std::int64_t t = 0; t < kBlock; ++t) transform_back(block, t, products);
    });
  } else {
    T* scratch = workspace.take<T>(plan.group(), size);
    for (std::int64_t begin = 0; begin < plan.blocks; begin += plan.group()) {
      const std::int64_t group = begin + plan.group() < plan.blocks ? plan.group() : plan.blocks - begin;
      Plan::for_each_tile(cpu, group, [&](std::int64_t i, std::int64_t t) { transform(begin + i, t, scratch + i * size); });
      cpu.parallel(Plan::kPoints, [&](std::int64_t xi, int) {
        for (std::int64_t i = 0; i < group; ++i) multiply(xi, scratch + i * size, scratch + i * size + plan.in_size);
      });
      Plan::for_each_tile(cpu, group,
                          [&](std::int64_t i, std::int64_t t) { transform_back(begin + i, t, scratch + i * size + plan.in_size); });
    }
  }
  if (!fused) activation_forward<T>(cpu, y.flat(), act, y.flat());
}

template <int M, class T>
void conv2d_forward_winograd(Cpu& cpu, View4<const T> x, View4<const T> w, const T* b, View4<T> y, const Conv2dParams& p) {
  winograd_correlation<M>(cpu, x, -p.padding.top, -p.padding.left, p.dilation, WeightReader<T>{w, false}, b, p.activation, y);
}

template <int M, class T>
void conv2d_backward_data_winograd(Cpu& cpu, View4<const T> dy, View4<const T> w, View4<T> dx, const Conv2dParams& p) {
  winograd_correlation<M>(cpu, dy, p.padding.top - std::int64_t{2} * p.dilation, p.padding.left - std::int64_t{2} * p.dilation, p.dilation,
                          WeightReader<T>{w, true}, static_cast<const T*>(nullptr), Activation::none(), dx);
}

}  // namespace lamina::kernels::LAMINA_ISA
