// Winograd convolution, 3x3 with stride 1: F(M x M, 3 x 3) does (M + 2)^2 / (9 M^2) of the multiplications (M = 4: a quarter). Blocks of
// tiles are transformed, multiplied with the transformed weights point by point, and transformed back while they are in the L2 cache.
// Of an atrous convolution the outputs whose coordinates share their remainders modulo the dilation are an ordinary convolution: its tiles
// take every dilation-th pixel.
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

/// The tiles of an image batch: tile t writes outputs (M, M), `step` pixels apart, from (row(t), col(t)), and reads inputs (M + 2, M + 2),
/// as far apart, from there plus the origin. Outputs beyond the image are not written; a tile may have none.
template <int M>
struct WinogradTiles {
  std::int64_t n, h, w, step;               // output images; the dilation
  std::int64_t phases_down, phases_across;  // remainders modulo the dilation
  std::int64_t down, across;                // tiles of one phase

  WinogradTiles(std::int64_t n_, std::int64_t h_, std::int64_t w_, std::int64_t dilation)
      : n(n_),
        h(h_),
        w(w_),
        step(dilation),
        phases_down(step < h ? step : h),
        phases_across(step < w ? step : w),
        down((h - 1) / (step * M) + 1),
        across((w - 1) / (step * M) + 1) {}
  std::int64_t count() const { return n * phases_down * phases_across * down * across; }
  std::int64_t multiplications() const { return count() * (M + 2) * (M + 2); }  // a pair of channels
  std::int64_t image(std::int64_t t) const { return t / (down * across) / (phases_down * phases_across); }
  std::int64_t row(std::int64_t t) const { return t / (down * across) / phases_across % phases_down + t / across % down * M * step; }
  std::int64_t col(std::int64_t t) const { return t / (down * across) % phases_across + t % across * M * step; }
  /// Of M outputs from `first` on, those before `end`.
  std::int64_t inside(std::int64_t first, std::int64_t end) const {
    const std::int64_t count = (end - first + step - 1) / step;
    return count < 0 ? 0 : count < M ? count : M;
  }
};

/// A window of (extent, extent) pixels, `step` apart, of image n, channels [c0, c0 + kChunk), as pointers: into x, or into `buffer` filled
/// up with zeros.
template <class T>
struct Window {
  const T* data;
  std::int64_t row_step, pixel_step;

  Window(View4<const T> x, std::int64_t n, std::int64_t row, std::int64_t col, std::int64_t extent, std::int64_t step, std::int64_t c0,
         T* buffer)
      : data(x.data + ((n * x.h + row) * x.w + col) * x.ld + c0), row_step(step * x.w * x.ld), pixel_step(step * x.ld) {
    const std::int64_t c = x.c - c0 < kChunk ? x.c - c0 : kChunk, last = (extent - 1) * step;
    if (row >= 0 && row + last < x.h && col >= 0 && col + last < x.w && c == kChunk) return;
    copy_window(x, n, {row, extent, step}, {col, extent, step}, c0, c, kChunk, buffer);
    data = buffer, row_step = extent * kChunk, pixel_step = kChunk;
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
      const Window<T> window(x, n, row, col, A, tiles.step, c * kChunk, buffer);
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
    const std::int64_t rows = tiles.inside(row, y.h), cols = tiles.inside(col, y.w);
    if (rows == 0 || cols == 0) continue;
    T* out = y.pixel(tiles.image(tile), row, col);
    for (std::int64_t k = 0; k < y.c; k += kLanes<T>) {
      const T* from = products + k / kLanes<T> * A * A * pitch + t * kLanes<T>;
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

/// Channels [chunk * kChunk, + kChunk) of an image.
template <class T>
View4<T> chunk_of(View4<T> x, std::int64_t chunk) {
  const std::int64_t c = x.c - chunk * kChunk;
  return {x.data + chunk * kChunk, x.n, x.h, x.w, c < kChunk ? c : kChunk, x.ld};
}

/// Where the transformed tiles of a convolution are kept, and in which order the work is done. Weights that stay in the L2 cache: each task
/// takes a block of tiles through all its steps. Larger ones: a group of blocks is transformed, multiplied and transformed back together,
/// so that the weights (or their sums) of a point are read once a group.
template <int M, class T>
struct WinogradPlan {
  static constexpr int kPoints = Winograd<M>::kIn * Winograd<M>::kIn, kRegistersPerChunk = kChunk / kLanes<T>;
  static constexpr std::int64_t kLargeWeights = std::int64_t{1} << 18, kGroupElements = std::int64_t{1} << 22;

  WinogradTiles<M> tiles;
  ChannelBlocks out;
  std::int64_t in_chunks, out_chunks, blocks;
  std::int64_t in_size, out_size;  // elements of a block's points on either side
  std::int64_t weights;            // elements of one point's matrix

  WinogradPlan(const WinogradTiles<M>& t, std::int64_t in, std::int64_t channels)
      : tiles(t),
        out(channel_blocks<T>(channels)),
        in_chunks(chunks_for(in)),
        out_chunks(chunks_for(channels)),
        blocks((t.count() + kBlock - 1) / kBlock),
        in_size(in_chunks * kPoints * kPointPitch<kChunk>),
        out_size((out.padded / kLanes<T> + kRegistersPerChunk) * kPoints * kPointPitch<kLanes<T>>),
        weights(in_chunks * kChunk * out.padded) {}

  bool grouped() const { return kPoints * weights >= kLargeWeights; }
  /// Blocks of a group.
  std::int64_t group() const {
    const std::int64_t fit = kGroupElements / (in_size + out_size);
    return fit < 1 ? 1 : fit < blocks ? fit : blocks;
  }
  std::int64_t first(std::int64_t block) const { return block * kBlock; }
  std::int64_t count(std::int64_t block) const { return tiles.count() - first(block) < kBlock ? tiles.count() - first(block) : kBlock; }
  static constexpr std::int64_t kInChunk = kPoints * kPointPitch<kChunk>;  // elements of a chunk's points
  static constexpr std::int64_t kOutChunk = kRegistersPerChunk * kPoints * kPointPitch<kLanes<T>>;
};

/// y = act(b + correlation of x with the 3x3 weights), taps `dilation` apart, starting at (origin_h, origin_w) of output pixel (0, 0).
template <int M, class T>
void winograd_correlation(Cpu& cpu, View4<const T> x, std::int64_t origin_h, std::int64_t origin_w, std::int64_t dilation,
                          const WeightReader<T>& weights, const T* b, Activation act, View4<T> y) {
  using Plan = WinogradPlan<M, T>;
  const Plan plan(WinogradTiles<M>(y.n, y.h, y.w, dilation), x.c, y.c);
  const bool fused = act.is_none() || act.kind == Activation::Kind::relu;
  Workspace workspace;
  T* u = workspace.take<T>(Plan::kPoints * plan.weights);  // (xi, block, chunk, kChunk, registers of a block)
  cpu.parallel(plan.out.blocks * plan.in_chunks,
               [&](std::int64_t task, int) { winograd_weights<M>(weights, plan.out, task / plan.in_chunks, task % plan.in_chunks, u); });
  const auto transform = [&](std::int64_t block, std::int64_t chunk, T* points) {
    T* to = points + chunk * Plan::kInChunk;
    if (plan.count(block) < kBlock)  // no NaN or denormal numbers in rows that are multiplied but not used
      __builtin_memset(to, 0, Plan::kInChunk * sizeof(T));
    winograd_input(chunk_of(x, chunk), origin_h, origin_w, plan.tiles, plan.first(block), plan.count(block), to);
  };
  const auto multiply = [&](std::int64_t xi, const T* points, T* products) {
    with_vectors(plan.out.vectors, [&]<int V>() {
      winograd_multiply<V, Plan::kPoints>(points + xi * kPointPitch<kChunk>, u + xi * plan.weights, plan.in_chunks, plan.out.blocks,
                                          products + xi * kPointPitch<kLanes<T>>);
    });
  };
  const auto transform_back = [&](std::int64_t block, std::int64_t chunk, const T* products) {
    winograd_output(products + chunk * Plan::kOutChunk, plan.tiles, plan.first(block), plan.count(block), b ? b + chunk * kChunk : nullptr,
                    fused ? act : Activation::none(), chunk_of(y, chunk));
  };
  const std::int64_t size = plan.in_size + plan.out_size;
  if (!plan.grouped()) {
    T* scratch = workspace.take<T>(cpu.concurrency() * size);
    cpu.parallel(plan.blocks, [&](std::int64_t block, int worker) {
      T *points = scratch + worker * size, *products = points + plan.in_size;
      for (std::int64_t chunk = 0; chunk < plan.in_chunks; ++chunk) transform(block, chunk, points);
      for (int xi = 0; xi < Plan::kPoints; ++xi) multiply(xi, points, products);
      for (std::int64_t chunk = 0; chunk < plan.out_chunks; ++chunk) transform_back(block, chunk, products);
    });
  } else {
    T* scratch = workspace.take<T>(plan.group() * size);
    for (std::int64_t begin = 0; begin < plan.blocks; begin += plan.group()) {
      const std::int64_t group = begin + plan.group() < plan.blocks ? plan.group() : plan.blocks - begin;
      cpu.parallel(group * plan.in_chunks, [&](std::int64_t task, int) {
        transform(begin + task / plan.in_chunks, task % plan.in_chunks, scratch + task / plan.in_chunks * size);
      });
      cpu.parallel(Plan::kPoints, [&](std::int64_t xi, int) {
        for (std::int64_t i = 0; i < group; ++i) multiply(xi, scratch + i * size, scratch + i * size + plan.in_size);
      });
      cpu.parallel(group * plan.out_chunks, [&](std::int64_t task, int) {
        transform_back(begin + task / plan.out_chunks, task % plan.out_chunks, scratch + task / plan.out_chunks * size + plan.in_size);
      });
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
