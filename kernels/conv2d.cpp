// CPU twins of kernels/conv2d.hpp: which algorithm computes which shape.
#include "lamina/kernels/conv2d.hpp"

#include "detail/cpu/conv2d_depthwise.hpp"
#include "detail/cpu/conv2d_direct.hpp"
#include "detail/cpu/conv2d_direct_weights.hpp"
#include "detail/cpu/conv2d_implicit_gemm.hpp"
#include "detail/cpu/conv2d_naive.hpp"
#include "detail/cpu/conv2d_winograd.hpp"
#include "detail/cpu/conv2d_winograd_weights.hpp"
#include "detail/cpu/normalize.hpp"

namespace lamina::kernels::LAMINA_ISA {
namespace {

using Algorithm = Conv2dAlgorithm;

/// The taps with which some output reads the image. Others see padding alone, as most do where the dilation exceeds the image.
template <class X, class W, class Y>
Region taps_reached(View4<X> x, View4<W> w, View4<Y> y, const Conv2dParams& p) {
  const Region all{{0, w.h}, {0, w.w}};
  const Region reached{taps_inside(forward_axis(y.h, w.h, p.padding.top, p), 0, y.h - 1, x.h),
                       taps_inside(forward_axis(y.w, w.w, p.padding.left, p), 0, y.w - 1, x.w)};
  return reached.rows.size() > 0 && reached.cols.size() > 0 ? reached : all;
}

/// A convolution with the taps that are reached alone.
template <class T>
struct Trimmed {
  Region taps;
  View4<T> w;
  Conv2dParams p;

  /// `own`: memory for its weights, in which they are undefined.
  Trimmed(const Region& reached, View4<const T> all, const Conv2dParams& params, Workspace& own) : taps(reached), p(params) {
    const std::int64_t rows = taps.rows.size(), cols = taps.cols.size();
    w = {own.take<T>(all.n * rows * cols, all.c), all.n, rows, cols, all.c, all.c};
    p.padding.top -= static_cast<int>(taps.rows.begin * p.dilation), p.padding.left -= static_cast<int>(taps.cols.begin * p.dilation);
  }
  /// f(its weights at a tap, the same in `all`) for each output channel and tap.
  template <class W>
  void each(Cpu& cpu, View4<W> all, auto&& f) const {
    cpu.parallel(w.n, [&](std::int64_t k, int) {
      for (std::int64_t r = 0; r < w.h; ++r)
        for (std::int64_t s = 0; s < w.w; ++s) f(w.pixel(k, r, s), all.pixel(k, taps.rows.begin + r, taps.cols.begin + s));
    });
  }
};

/// Calls f(weights, params): those given, or trimmed where that leaves taps out and the algorithm takes any kernel.
template <class T, class F>
void with_taps_reached(Cpu& cpu, View4<const T> x, View4<const T> w, View4<const T> y, const Conv2dParams& p, Conv2dAlgorithm a, F&& f) {
  const Region taps = taps_reached(x, w, y, p);
  if (taps.size() == w.h * w.w || (a != Conv2dAlgorithm::direct && a != Conv2dAlgorithm::implicit_gemm)) return f(w, p);
  Workspace workspace;
  const Trimmed<T> t(taps, w, p, workspace);
  t.each(cpu, w, [&](T* to, const T* from) { __builtin_memcpy(to, from, static_cast<std::size_t>(w.c) * sizeof(T)); });
  f(View4<const T>(t.w), t.p);
}

/// The algorithm for weights w and output (or its gradient) `out`: a function of the shapes alone. Measured on one AVX-512 core with an FMA
/// peak of 150 GFLOP/s, batch 4, forward / dgrad / wgrad in GFLOP/s of the defining sum (benchmarks/conv2d_bench.cpp):
///                       implicit GEMM     direct          Winograd F(4x4, 3x3)
///   256x256   3 ->  16   5 /  4 /  6     59 / 18 / 54     18 /  21 /  18
///   256x256  16 ->  16  24 / 18 / 27     93 / 91 / 83    142 / 141 / 132
///    64x64   12 ->  12  10 /  9 / 14     61 / 59 / 44     61 /  61 /  46
///    64x64    8 ->   8   7 /  6 /  8     44 / 44 / 42     27 /  27 /  14
///    32x32  256 -> 256  55 / 61 / 73     94 / 94 / 72    213 / 222 / 207
///    16x16  512 -> 512  54 / 48 / 51     58 / 57 / 47    122 / 121 / 138
///     4x4    64 ->  64  45 / 37 / 41     57 / 58 /  8     27 /  28 /  56
///    32x32  256 ->  64  62 / 25 / 52    115 / 92 / 78     (1x1)
///   256x256  16 ->  12   - /  - /  -     25 / 30 / 26     (1x1: bound by memory)
/// and on two cores, batch 2, with dilation (the Winograd with the fewest multiplications; atrous tiles are ragged) or stride:
///    33x33  256 -> 256 108 / 102 /107     143 / 142 / 81   212 / 238 / 209  dilation 6, F(3x3, 3x3)
///    33x33  256 -> 256 119 / 119 / 93      98 / 106 / 63   163 / 168 / 168  dilation 18, F(2x2, 3x3)
///    64x64   64 -> 128 101 /  81 / 69     125 / 108 / 81   (3x3, stride 2)
/// and the same with batch 1:
///    16x16   64 ->  64  72 /  65 / 58      74 /  72 / 40    93 / 106 /  91  F(2x2, 3x3)
///     8x8   512 -> 512  59 /  51 / 23      22 /  19 / 10    38 /  34 /  28  F(2x2, 3x3)
template <class T>
Algorithm algorithm(View4<const T> x, View4<const T> w, View4<const T> out, const Conv2dParams& p) {
  constexpr std::int64_t kPixels = 512, kWinogradPixels = 128;  // below: preparing the weights takes longer than using them
  constexpr std::int64_t kWinogradChannels = 12;                // below: transforms cost more than the multiplications they save
  const auto applies = [&](Algorithm a) { return conv2d_supports(Device::Type::cpu, a, w.n, w.h, w.w, w.c, p); };
  if (applies(Algorithm::depthwise)) return Algorithm::depthwise;
  if (applies(Algorithm::winograd3) && w.n >= kWinogradChannels && w.c >= kWinogradChannels && out.pixels() >= kWinogradPixels) {
    Algorithm best = Algorithm::direct;
    std::int64_t least = 0, multiplications = 0;
    const auto offer = [&](Algorithm a, const auto& tiles) {
      if (!applies(a)) return;
      if (best == Algorithm::direct || tiles.cost() < least) best = a, least = tiles.cost(), multiplications = tiles.multiplications();
    };
    offer(Algorithm::winograd4, WinogradTiles<Winograd<4>>(out.n, out.h, out.w, p.dilation));
    with_winograd<3, T>(x, out, w.h, -p.padding.top, -p.padding.left, p.dilation,
                        [&]<class F>() { offer(Algorithm::winograd3, WinogradTiles<F>(out.n, out.h, out.w, p.dilation)); });
    with_winograd<2, T>(x, out, w.h, -p.padding.top, -p.padding.left, p.dilation,
                        [&]<class F>() { offer(Algorithm::winograd2, WinogradTiles<F>(out.n, out.h, out.w, p.dilation)); });
    if (multiplications < out.pixels() * w.h * w.w) return best;  // not with a large dilation: tiles are mostly outside the image
  }
  return out.pixels() < kPixels || !applies(Algorithm::direct) ? Algorithm::implicit_gemm : Algorithm::direct;
}

template <class T>
void forward(Cpu& cpu, View4<const T> x, View4<const T> w, const T* b, View4<T> y, const Conv2dParams& p, Algorithm a) {
  switch (a) {
    case Algorithm::naive: return conv2d_forward_naive(cpu, x, w, b, y, p);
    case Algorithm::direct: return conv2d_forward_direct(cpu, x, w, b, y, p);
    case Algorithm::winograd2: return conv2d_forward_winograd<2>(cpu, x, w, b, y, p);
    case Algorithm::winograd3: return conv2d_forward_winograd<3>(cpu, x, w, b, y, p);
    case Algorithm::winograd4: return conv2d_forward_winograd<4>(cpu, x, w, b, y, p);
    case Algorithm::depthwise: return conv2d_forward_depthwise(cpu, x, w, b, y, p);
    default: return conv2d_forward_implicit_gemm(cpu, x, w, b, y, p);
  }
}

template <class T>
void backward_data(Cpu& cpu, View4<const T> dy, View4<const T> w, View4<T> dx, const Conv2dParams& p, Algorithm a) {
  switch (a) {
    case Algorithm::naive: return conv2d_backward_data_naive(cpu, dy, w, dx, p);
    case Algorithm::direct: return conv2d_backward_data_direct(cpu, dy, w, dx, p);
    case Algorithm::winograd2: return conv2d_backward_data_winograd<2>(cpu, dy, w, dx, p);
    case Algorithm::winograd3: return conv2d_backward_data_winograd<3>(cpu, dy, w, dx, p);
    case Algorithm::winograd4: return conv2d_backward_data_winograd<4>(cpu, dy, w, dx, p);
    case Algorithm::depthwise: return conv2d_backward_data_depthwise(cpu, dy, w, dx, p);
    default: return conv2d_backward_data_implicit_gemm(cpu, dy, w, dx, p);
  }
}

template <class T>
void backward_weights(Cpu& cpu, View4<const T> x, View4<const T> dy, View4<T> dw, T* db, const Conv2dParams& p, Algorithm a) {
  if (dw.data && a == Algorithm::direct) return conv2d_backward_weights_direct(cpu, x, dy, dw, db, p);  // reads dy once for both
  if (db) column_sums(cpu, dy.flat(), db);
  if (!dw.data) return;
  switch (a) {
    case Algorithm::naive: return conv2d_backward_weights_naive(cpu, x, dy, dw, p);
    case Algorithm::winograd2: return conv2d_backward_weights_winograd<2>(cpu, x, dy, dw, p);
    case Algorithm::winograd3: return conv2d_backward_weights_winograd<3>(cpu, x, dy, dw, p);
    case Algorithm::winograd4: return conv2d_backward_weights_winograd<4>(cpu, x, dy, dw, p);
    case Algorithm::depthwise: return conv2d_backward_weights_depthwise(cpu, x, dy, dw, p);
    default: return conv2d_backward_weights_implicit_gemm(cpu, x, dy, dw, p);
  }
}

}  // namespace

template <class T>
void conv2d_plan(Cpu&, View4<const T> x, View4<const T> w, View4<const T> y, const Conv2dParams& p, Conv2dPlan* plan) {
  const Region taps = taps_reached(x, w, y, p);
  w.h = taps.rows.size(), w.w = taps.cols.size();
  for (Conv2dMethod* how : {&plan->forward, &plan->backward_data, &plan->backward_weights})
    if (how->algorithm == Algorithm::automatic) how->algorithm = algorithm<T>(x, w, y, p);
}

template <class T>
void conv2d_forward(Cpu& cpu, View4<const T> x, View4<const T> w, const Precise<T>* b, View4<T> y, double* moments, const Conv2dParams& p,
                    Conv2dMethod how) {
  with_taps_reached<T>(cpu, x, w, View4<const T>(y), p, how.algorithm,
                       [&](View4<const T> taps, const Conv2dParams& params) { forward<T>(cpu, x, taps, b, y, params, how.algorithm); });
  if (moments && y.pixels() > 0) column_moments<T>(cpu, y.flat(), moments, moments + y.c);
}

template <class T>
void conv2d_backward_data(Cpu& cpu, View4<const T> dy, View4<const T> w, View4<T> dx, const Conv2dParams& p, Conv2dMethod how) {
  with_taps_reached<T>(cpu, View4<const T>(dx), w, dy, p, how.algorithm, [&](View4<const T> taps, const Conv2dParams& params) {
    backward_data<T>(cpu, dy, taps, dx, params, how.algorithm);
  });
}

template <class T>
void conv2d_backward_weights(Cpu& cpu, View4<const T> x, View4<const T> dy, View4<Precise<T>> dw, Precise<T>* db, const Conv2dParams& p,
                             Conv2dMethod how) {
  const Region taps = taps_reached(x, dw, dy, p);
  const bool all = taps.size() == dw.h * dw.w || (how.algorithm != Algorithm::direct && how.algorithm != Algorithm::implicit_gemm);
  if (!dw.data || all) return backward_weights<T>(cpu, x, dy, dw, db, p, how.algorithm);
  Workspace workspace;
  const Trimmed<T> t(taps, dw, p, workspace);
  backward_weights<T>(cpu, x, dy, t.w, db, t.p, how.algorithm);
  const std::size_t row = static_cast<std::size_t>(dw.c) * sizeof(T);
  __builtin_memset(dw.data, 0, static_cast<std::size_t>(dw.n * dw.h * dw.w) * row);  // packed
  t.each(cpu, dw, [&](const T* from, T* to) { __builtin_memcpy(to, from, row); });
}

LAMINA_INSTANTIATE(&conv2d_forward<float>, &conv2d_forward<double>, &conv2d_backward_data<float>, &conv2d_backward_data<double>,
                   &conv2d_backward_weights<float>, &conv2d_backward_weights<double>, &conv2d_plan<float>, &conv2d_plan<double>)

}  // namespace lamina::kernels::LAMINA_ISA
