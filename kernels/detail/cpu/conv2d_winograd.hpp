// Winograd convolution, stride 1: F(M x M, 3 x 3) does (M + 2)^2 / (9 M^2) of the multiplications (M = 4: a quarter), F(3 x 3, 4 x 4) a
// quarter. Blocks of tiles are transformed, multiplied with the transformed weights point by point, and transformed back while they are in
// the L2 cache. Of an atrous convolution the outputs whose coordinates share their remainders modulo the dilation are an ordinary
// convolution: its tiles take every dilation-th pixel. Where those are at most two, what is padding in every tile is not multiplied
// (WinogradInside). Forward and dgrad here; conv2d_winograd_weights.hpp has wgrad.
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

/// The tiles of an image batch: each writes outputs (kOut, kOut), `step` pixels apart, from its row and column on, and reads inputs
/// (kIn, kIn), as far apart, from there plus the origin plus kFirst * step. Outputs beyond the image are not written.
template <class F>
struct WinogradTiles {
  static constexpr int M = F::kOut;
  static constexpr std::int64_t kWeightTiles = 64;  // transforming the weights takes as long as using them for so many tiles
  std::int64_t n, step;                             // output images; the dilation
  std::int64_t down, across;                        // tiles of an image

  struct Tile {
    std::int64_t image, row, col;
  };

  WinogradTiles(std::int64_t n_, std::int64_t h, std::int64_t w, std::int64_t dilation)
      : n(n_), step(dilation), down(along(h, dilation)), across(along(w, dilation)) {}
  /// Tiles of an axis: in every M * step pixels one for each phase (remainder modulo the dilation); none that begins beyond the image.
  static std::int64_t along(std::int64_t extent, std::int64_t step) {
    const std::int64_t rest = extent % (M * step);
    return extent / (M * step) * step + (rest < step ? rest : step);
  }
  std::int64_t first(std::int64_t tile) const { return step == 1 ? tile * M : tile / step * (M * step) + tile % step; }
  std::int64_t count() const { return n * down * across; }
  /// Of a pair of channels; and with those that transforming its weights is worth.
  std::int64_t multiplications() const { return count() * F::kPoints * F::kPoints; }
  std::int64_t cost() const { return (count() + kWeightTiles) * F::kPoints * F::kPoints; }
  Tile operator[](std::int64_t t) const {
    const std::int64_t line = t / across;
    return {line / down, first(line % down), first(t % across)};
  }
};

/// Is the first and the last input of every tile F(2 x 2) of `out` padding of `in`, on an axis of these extents?
inline bool winograd_inside(std::int64_t in, std::int64_t out, std::int64_t origin, std::int64_t step) {
  return out <= 2 * step && origin + (step < out ? step : out) <= 0 && origin + 3 * step >= in;
}

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
template <class F, class T>
void winograd_input(View4<const T> x, std::int64_t origin_h, std::int64_t origin_w, const WinogradTiles<F>& tiles, std::int64_t t,
                    T* points) {
  constexpr int A = F::kPoints;
  constexpr std::int64_t pitch = kPointPitch<kChunk>;
  const auto [image, row, col] = tiles[t];
  const std::int64_t first = F::kFirst * tiles.step;
  const Window<T> window(x, image, row + origin_h + first, col + origin_w + first, F::kIn, tiles.step);
  for (std::int64_t c = 0; c < chunks_for(x.c) * kChunk; c += kLanes<T>) {
    T* to = points + c / kChunk * A * A * pitch + c % kChunk;
    window.registers(c, [&](auto read) {
      both_axes<F::kIn, A, Vec<T>>(
          read, [](auto& d, auto& u) { F::input(d, u); }, [&](int i, int j, Vec<T> v) { store(to + (i * A + j) * pitch, v); });
    });
  }
}

/// y = act(b + inverse transform of products (register, xi, kBlock, kLanes)) for one tile.
template <class F, class T>
void winograd_output(const T* products, const WinogradTiles<F>& tiles, std::int64_t t, const T* b, Activation act, View4<T> y) {
  constexpr int A = F::kPoints, M = F::kOut;
  constexpr std::int64_t pitch = kPointPitch<kLanes<T>>;
  const bool relu = act.kind == Activation::Kind::relu;
  const auto [image, row, col] = tiles[t];
  const std::int64_t rows = Strip{row, M, tiles.step}.inside(y.h).size(), cols = Strip{col, M, tiles.step}.inside(y.w).size();
  if (image >= y.n) return;
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
template <int R, class T>
void winograd_taps(const WeightReader<T>& weights, std::int64_t k, std::int64_t chunk, T* taps) {
  constexpr int L = kLanes<T>;
  for (int tap = 0; tap < R * R; ++tap, taps += kChunk * L) {
    T* to = weights.gradient ? taps + (R * R - 1 - 2 * tap) * kChunk * L : taps;  // dgrad turns the kernel around
    for (int i = 0; i < kChunk; i += L) {
      Vec<T> rows[L];
      weights.load_inputs(tap / R, tap % R, k, chunk * kChunk + i, rows);
#pragma GCC unroll 16
      for (int l = 0; l < L; ++l) store(to + (i + l) * L, rows[l]);
    }
  }
}

/// Transformed weights (xi, block, chunk, kChunk, registers of a block), of one block of output channels and one chunk of inputs.
template <class F, class T>
void winograd_weights(const WeightReader<T>& weights, const ChannelBlocks& out, std::int64_t block, std::int64_t chunk, T* points) {
  constexpr int R = F::kTaps, A = F::kPoints, L = kLanes<T>;
  const std::int64_t width = out.vectors * L, inputs = chunks_for(weights.inputs()) * kChunk, point_step = out.blocks * inputs * width;
  alignas(64) T taps[R * R * kChunk * L];
  for (std::int64_t v = 0; v < out.vectors; ++v) {
    winograd_taps<R>(weights, (block * out.vectors + v) * L, chunk, taps);
    for (std::int64_t i = 0; i < kChunk; ++i) {
      T* to = points + (block * inputs + chunk * kChunk + i) * width + v * L;
      both_axes<R, A, Vec<T>>([&](int r, int s) { return load(taps + ((r * R + s) * kChunk + i) * L); },
                              [](auto& w, auto& u) { F::weights(w, u); },
                              [&](int r, int s, Vec<T> u) { store(to + (r * A + s) * point_step, u); });
    }
  }
}

/// products (V registers, xi, kBlock, kLanes) = (unless `first`, +=) points (chunk, xi, kBlock, kChunk) x weights (chunk, kChunk, V
/// registers) of one of `kPoints` xi.
template <int V, int kPoints, class T>
[[gnu::noinline]] void winograd_multiply(const T* points, const T* weights, std::int64_t chunks, bool first, T* products) {
  constexpr int P = kSums / V, L = kLanes<T>;
  const Runs runs{
      .chunks = chunks, .rows = 1, .cols = 1, .length = kChunk, .last_length = kChunk, .chunk_step = kPoints * kPointPitch<kChunk>};
  for (std::int64_t t = 0; t < kBlock; t += P) {
    Vec<T> sum[P][V];
#pragma GCC unroll 32
    for (int p = 0; p < P; ++p)
#pragma GCC unroll 32
      for (int v = 0; v < V; ++v) sum[p][v] = first ? Vec<T>{} : load(products + v * kPoints * kPointPitch<L> + (t + p) * L);
    correlate(points + t * kChunk, kChunk, runs, weights, sum);
#pragma GCC unroll 32
    for (int p = 0; p < P; ++p)
#pragma GCC unroll 32
      for (int v = 0; v < V; ++v) store(products + v * kPoints * kPointPitch<L> + (t + p) * L, sum[p][v]);
  }
}

/// Where the transformed tiles of a convolution are kept, and in which order the work is done. Weights that stay in the L2 cache: each task
/// takes a block of tiles through all its steps. Larger ones: a group of blocks is transformed, multiplied and transformed back together,
/// a panel of input channels at a time, so that what a point reads of the weights (or adds to their sums) is in the cache for all of them.
template <class F, class T>
struct WinogradPlan {
  static constexpr int kPoints = F::kPoints * F::kPoints;
  static constexpr std::int64_t kLargeWeights = std::int64_t{1} << 18, kGroupElements = std::int64_t{1} << 22, kPanelChunks = 32;

  WinogradTiles<F> tiles;
  ChannelBlocks out;
  std::int64_t in_chunks, blocks;
  std::int64_t weights;  // elements of one point's matrix
  bool grouped;
  std::int64_t panel;              // chunks of a panel
  std::int64_t in_size, out_size;  // elements of a block's points on either side: of a panel, of all outputs
  std::int64_t group;              // blocks of a group

  WinogradPlan(const WinogradTiles<F>& t, std::int64_t in, std::int64_t channels)
      : tiles(t),
        out(channel_blocks<T>(channels)),
        in_chunks(chunks_for(in)),
        blocks((t.count() + kBlock - 1) / kBlock),
        weights(in_chunks * kChunk * out.padded),
        grouped(kPoints * weights >= kLargeWeights),
        panel(grouped && in_chunks > kPanelChunks ? kPanelChunks : in_chunks),
        in_size(panel * kPoints * kPointPitch<kChunk>),
        out_size(out.padded / kLanes<T> * kPoints * kPointPitch<kLanes<T>>) {
    const std::int64_t fit = kGroupElements / (in_size + out_size) + 1, groups = (blocks + fit - 1) / fit;
    group = groups < 1 ? 1 : (blocks + groups - 1) / groups;
  }

  /// Calls f(begin, blocks) for the groups of blocks, and f(begin, chunks) for the panels of chunks.
  template <class Body>
  void for_each_group(Body&& f) const {
    for (std::int64_t begin = 0; begin < blocks; begin += group) f(begin, begin + group < blocks ? group : blocks - begin);
  }
  template <class Body>
  void for_each_panel(Body&& f) const {
    for (std::int64_t begin = 0; begin < in_chunks; begin += panel) f(begin, begin + panel < in_chunks ? panel : in_chunks - begin);
  }
  /// The channels of an image from a chunk on.
  static View4<const T> channels(View4<const T> x, std::int64_t chunk, std::int64_t chunks) {
    const std::int64_t rest = x.c - chunk * kChunk;
    return {x.data + chunk * kChunk, x.n, x.h, x.w, chunks * kChunk < rest ? chunks * kChunk : rest, x.ld};
  }
  /// Calls f(i, t) for tiles t of the blocks i < group, a few neighbours in one task.
  template <class Body>
  static void for_each_tile(Cpu& cpu, std::int64_t group, Body&& f) {
    constexpr std::int64_t kTiles = 6, kTasks = kBlock / kTiles;
    cpu.parallel(group * kTasks, [&](std::int64_t task, int) {
      for (std::int64_t t = 0; t < kTiles; ++t) f(task / kTasks, task % kTasks * kTiles + t);
    });
  }
  /// Tiles of the blocks from `block` on.
  std::int64_t count(std::int64_t block, std::int64_t group) const {
    const std::int64_t rest = tiles.count() - block * kBlock;
    return rest < group * kBlock ? rest : group * kBlock;
  }
};

/// y = act(b + correlation of x with the weights), taps `dilation` apart, starting at (origin_h, origin_w) of output pixel (0, 0).
template <class F, class T>
void winograd_correlation(Cpu& cpu, View4<const T> x, std::int64_t origin_h, std::int64_t origin_w, std::int64_t dilation,
                          const WeightReader<T>& weights, const T* b, Activation act, View4<T> y) {
  using Plan = WinogradPlan<F, T>;
  const Plan plan(WinogradTiles<F>(y.n, y.h, y.w, dilation), x.c, y.c);
  const bool fused = act.is_none() || act.kind == Activation::Kind::relu;
  Workspace workspace;
  T* u = workspace.take<T>(Plan::kPoints, plan.weights);  // (xi, block, chunk, kChunk, registers of a block)
  cpu.parallel(plan.out.blocks * plan.in_chunks,
               [&](std::int64_t task, int) { winograd_weights<F>(weights, plan.out, task / plan.in_chunks, task % plan.in_chunks, u); });
  const auto transform = [&](View4<const T> from, std::int64_t block, std::int64_t t, T* points) {
    winograd_input(from, origin_h, origin_w, plan.tiles, block * kBlock + t, points + t * kChunk);
  };
  // Of chunks [c0, c0 + chunks), for one block of output channels.
  const auto multiply = [&](std::int64_t xi, std::int64_t block, std::int64_t c0, std::int64_t chunks, const T* points, T* products) {
    with_vectors(plan.out.vectors, [&]<int V>() {
      winograd_multiply<V, Plan::kPoints>(points + xi * kPointPitch<kChunk>,
                                          u + xi * plan.weights + (block * plan.in_chunks + c0) * kChunk * V * kLanes<T>, chunks, c0 == 0,
                                          products + (block * V * Plan::kPoints + xi) * kPointPitch<kLanes<T>>);
    });
  };
  const auto transform_back = [&](std::int64_t block, std::int64_t t, const T* products) {
    winograd_output(products + t * kLanes<T>, plan.tiles, block * kBlock + t, b, fused ? act : Activation::none(), y);
  };
  const std::int64_t size = plan.in_size + plan.out_size;
  if (!plan.grouped) {
    T* scratch = workspace.take<T>(cpu.workers(plan.blocks), size);
    cpu.parallel(plan.blocks, [&](std::int64_t block, int worker) {
      T *points = scratch + worker * size, *products = points + plan.in_size;
      for (std::int64_t t = 0; t < kBlock; ++t) transform(x, block, t, points);
      for (int xi = 0; xi < Plan::kPoints; ++xi)
        for (std::int64_t k = 0; k < plan.out.blocks; ++k) multiply(xi, k, 0, plan.in_chunks, points, products);
      for (std::int64_t t = 0; t < kBlock; ++t) transform_back(block, t, products);
    });
  } else {
    T* scratch = workspace.take<T>(plan.group, size);
    plan.for_each_group([&](std::int64_t begin, std::int64_t group) {
      plan.for_each_panel([&](std::int64_t c0, std::int64_t chunks) {
        const View4<const T> from = Plan::channels(x, c0, chunks);
        Plan::for_each_tile(cpu, group, [&](std::int64_t i, std::int64_t t) { transform(from, begin + i, t, scratch + i * size); });
        cpu.parallel(Plan::kPoints * plan.out.blocks, [&](std::int64_t task, int) {
          for (std::int64_t i = 0; i < group; ++i)
            multiply(task / plan.out.blocks, task % plan.out.blocks, c0, chunks, scratch + i * size, scratch + i * size + plan.in_size);
        });
      });
      Plan::for_each_tile(cpu, group,
                          [&](std::int64_t i, std::int64_t t) { transform_back(begin + i, t, scratch + i * size + plan.in_size); });
    });
  }
  if (!fused) activation_forward<T>(cpu, y.flat(), act, y.flat());
}

/// Calls f.operator()<F>() for the transforms of F(M x M, taps x taps): those of WinogradInside where they apply to a correlation of `in`
/// to `out`.
template <int M, class T, class Body>
void with_winograd(View4<const T> in, View4<const T> out, std::int64_t taps, std::int64_t origin_h, std::int64_t origin_w,
                   std::int64_t dilation, Body&& f) {
  if constexpr (M == 3)
    if (taps == 4) return f.template operator()<Winograd<3, 4>>();
  if constexpr (M == 2)
    if (winograd_inside(in.h, out.h, origin_h, dilation) && winograd_inside(in.w, out.w, origin_w, dilation))
      return f.template operator()<WinogradInside>();
  f.template operator()<Winograd<M>>();
}

template <int M, class T>
void conv2d_forward_winograd(Cpu& cpu, View4<const T> x, View4<const T> w, const T* b, View4<T> y, const Conv2dParams& p) {
  const std::int64_t top = -p.padding.top, left = -p.padding.left;
  with_winograd<M, T>(x, y, w.h, top, left, p.dilation, [&]<class F>() {
    winograd_correlation<F>(cpu, x, top, left, p.dilation, WeightReader<T>{w, false}, b, p.activation, y);
  });
}

template <int M, class T>
void conv2d_backward_data_winograd(Cpu& cpu, View4<const T> dy, View4<const T> w, View4<T> dx, const Conv2dParams& p) {
  const std::int64_t top = p.padding.top - (w.h - 1) * p.dilation, left = p.padding.left - (w.w - 1) * p.dilation;
  with_winograd<M, T>(dy, dx, w.h, top, left, p.dilation, [&]<class F>() {
    winograd_correlation<F>(cpu, dy, top, left, p.dilation, WeightReader<T>{w, true}, static_cast<const T*>(nullptr), Activation::none(),
                            dx);
  });
}

}  // namespace lamina::kernels::LAMINA_ISA
