// CPU twins of kernels/conv2d.hpp: which algorithm computes which shape.
#include "lamina/kernels/conv2d.hpp"

#include "detail/conv2d_depthwise.hpp"
#include "detail/conv2d_direct.hpp"
#include "detail/conv2d_direct_weights.hpp"
#include "detail/conv2d_implicit_gemm.hpp"
#include "detail/conv2d_naive.hpp"
#include "detail/conv2d_winograd.hpp"
#include "detail/conv2d_winograd_weights.hpp"

namespace lamina::kernels::LAMINA_ISA {
namespace {

using Algorithm = Conv2dAlgorithm;

/// The algorithm for weights w and output (or its gradient) `out`: a function of the shapes alone.
template <class T>
Algorithm algorithm(View4<const T> w, View4<const T> out, const Conv2dParams& p) {
  if (p.algorithm != Algorithm::automatic) return p.algorithm;
  const auto applies = [&](Algorithm a) { return conv2d_supports(a, w.n, w.h, w.w, w.c, p); };
  const std::int64_t fewest = w.n < w.c ? w.n : w.c;
  if (applies(Algorithm::depthwise)) return Algorithm::depthwise;
  if (applies(Algorithm::winograd4) && fewest >= 12 && out.h >= 3 && out.w >= 3) return Algorithm::winograd4;
  if (applies(Algorithm::direct) && fewest <= 64) return Algorithm::direct;
  return Algorithm::implicit_gemm;
}

}  // namespace

template <class T>
void conv2d_forward(Cpu& cpu, View4<const T> x, View4<const T> w, const T* b, View4<T> y, const Conv2dParams& p) {
  switch (algorithm<T>(w, y, p)) {
    case Algorithm::naive: return conv2d_forward_naive(cpu, x, w, b, y, p);
    case Algorithm::direct: return conv2d_forward_direct(cpu, x, w, b, y, p);
    case Algorithm::winograd2: return conv2d_forward_winograd<2>(cpu, x, w, b, y, p);
    case Algorithm::winograd4: return conv2d_forward_winograd<4>(cpu, x, w, b, y, p);
    case Algorithm::depthwise: return conv2d_forward_depthwise(cpu, x, w, b, y, p);
    default: return conv2d_forward_implicit_gemm(cpu, x, w, b, y, p);
  }
}

template <class T>
void conv2d_backward_data(Cpu& cpu, View4<const T> dy, View4<const T> w, View4<T> dx, const Conv2dParams& p) {
  switch (algorithm<T>(w, dy, p)) {
    case Algorithm::naive: return conv2d_backward_data_naive(cpu, dy, w, dx, p);
    case Algorithm::direct: return conv2d_backward_data_direct(cpu, dy, w, dx, p);
    case Algorithm::winograd2: return conv2d_backward_data_winograd<2>(cpu, dy, w, dx, p);
    case Algorithm::winograd4: return conv2d_backward_data_winograd<4>(cpu, dy, w, dx, p);
    case Algorithm::depthwise: return conv2d_backward_data_depthwise(cpu, dy, w, dx, p);
    default: return conv2d_backward_data_implicit_gemm(cpu, dy, w, dx, p);
  }
}

template <class T>
void conv2d_backward_weights(Cpu& cpu, View4<const T> x, View4<const T> dy, View4<T> dw, T* db, const Conv2dParams& p) {
  if (db) column_sums(cpu, dy.flat(), db);
  if (!dw.data) return;
  switch (algorithm<T>(dw, dy, p)) {
    case Algorithm::naive: return conv2d_backward_weights_naive(cpu, x, dy, dw, p);
    case Algorithm::direct: return conv2d_backward_weights_direct(cpu, x, dy, dw, p);
    case Algorithm::winograd2: return conv2d_backward_weights_winograd<2>(cpu, x, dy, dw, p);
    case Algorithm::winograd4: return conv2d_backward_weights_winograd<4>(cpu, x, dy, dw, p);
    case Algorithm::depthwise: return conv2d_backward_weights_depthwise(cpu, x, dy, dw, p);
    default: return conv2d_backward_weights_implicit_gemm(cpu, x, dy, dw, p);
  }
}

LAMINA_INSTANTIATE(&conv2d_forward<float>, &conv2d_forward<double>, &conv2d_backward_data<float>, &conv2d_backward_data<double>,
                   &conv2d_backward_weights<float>, &conv2d_backward_weights<double>)

}  // namespace lamina::kernels::LAMINA_ISA
