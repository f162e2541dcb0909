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
  if (applies(Algorithm::winograd4) && w.n >= kWinogradChannels && w.c >= kWinogradChannels && out.pixels() >= kWinogradPixels) {
    Algorithm best = Algorithm::direct;
    std::int64_t least = 0, multiplications = 0;
    const auto offer = [&](Algorithm a, const auto& tiles) {
      if (best == Algorithm::direct || tiles.cost() < least) best = a, least = tiles.cost(), multiplications = tiles.multiplications();
    };
    offer(Algorithm::winograd4, WinogradTiles<Winograd<4>>(out.n, out.h, out.w, p.dilation));
    offer(Algorithm::winograd3, WinogradTiles<Winograd<3>>(out.n, out.h, out.w, p.dilation));
    with_winograd<2, T>(x, out, -p.padding.top, -p.padding.left, p.dilation,
                        [&]<class F>() { offer(Algorithm::winograd2, WinogradTiles<F>(out.n, out.h, out.w, p.dilation)); });
    if (multiplications < out.pixels() * 9) return best;  // not with a large dilation: tiles are mostly outside the image
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

}  // namespace

template <class T>
void conv2d_plan(Cpu&, View4<const T> x, View4<const T> w, View4<const T> y, const Conv2dParams& p, Conv2dPlan* plan) {
  for (Conv2dMethod* how : {&plan->forward, &plan->backward_data, &plan->backward_weights})
    if (how->algorithm == Algorithm::automatic) how->algorithm = algorithm<T>(x, w, y, p);
}

template <class T>
void conv2d_forward(Cpu& cpu, View4<const T> x, View4<const T> w, const Precise<T>* b, View4<T> y, double* moments, const Conv2dParams& p,
                    Conv2dMethod how) {
  forward<T>(cpu, x, w, b, y, p, how.algorithm);
  if (moments && y.pixels() > 0) column_moments<T>(cpu, y.flat(), moments, moments + y.c);
}

template <class T>
void conv2d_backward_data(Cpu& cpu, View4<const T> dy, View4<const T> w, View4<T> dx, const Conv2dParams& p, Conv2dMethod how) {
  switch (how.algorithm) {
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
void conv2d_backward_weights(Cpu& cpu, View4<const T> x, View4<const T> dy, View4<Precise<T>> dw, Precise<T>* db, const Conv2dParams& p,
                             Conv2dMethod how) {
  if (dw.data && how.algorithm == Algorithm::direct)
    return conv2d_backward_weights_direct(cpu, x, dy, dw, db, p);  // reads dy once for both
  if (db) column_sums(cpu, dy.flat(), db);
  if (!dw.data) return;
  switch (how.algorithm) {
    case Algorithm::naive: return conv2d_backward_weights_naive(cpu, x, dy, dw, p);
    case Algorithm::winograd2: return conv2d_backward_weights_winograd<2>(cpu, x, dy, dw, p);
    case Algorithm::winograd3: return conv2d_backward_weights_winograd<3>(cpu, x, dy, dw, p);
    case Algorithm::winograd4: return conv2d_backward_weights_winograd<4>(cpu, x, dy, dw, p);
    case Algorithm::depthwise: return conv2d_backward_weights_depthwise(cpu, x, dy, dw, p);
    default: return conv2d_backward_weights_implicit_gemm(cpu, x, dy, dw, p);
  }
}

LAMINA_INSTANTIATE(&conv2d_forward<float>, &conv2d_forward<double>, &conv2d_backward_data<float>, &conv2d_backward_data<double>,
                   &conv2d_backward_weights<float>, &conv2d_backward_weights<double>, &conv2d_plan<float>, &conv2d_plan<double>)

}  // namespace lamina::kernels::LAMINA_ISA
