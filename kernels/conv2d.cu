// CUDA twins of kernels/conv2d.hpp: which algorithm computes which shape.
#include "lamina/kernels/conv2d.hpp"

#include "detail/cuda/conv2d_depthwise.cuh"
#include "detail/cuda/conv2d_direct.cuh"
#include "detail/cuda/conv2d_gradient.cuh"
#include "detail/cuda/conv2d_implicit_gemm.cuh"
#include "detail/cuda/conv2d_implicit_gemm_weights.cuh"
#include "detail/cuda/conv2d_naive.cuh"
#include "detail/cuda/normalize.cuh"

namespace lamina::kernels::cuda {

namespace {

using Algorithm = Conv2dAlgorithm;

/// The algorithm for weights w: a function of the shapes alone.
template <class T>
Algorithm algorithm(View4<const T> w, const Conv2dParams& p) {
  for (Algorithm a : {Algorithm::depthwise, Algorithm::direct})
    if (conv2d_supports(Device::Type::cuda, a, w.n, w.h, w.w, w.c, p)) return a;
  return Algorithm::implicit_gemm;
}

}  // namespace

template <class T>
void conv2d_plan(Cuda&, View4<const T>, View4<const T> w, View4<const T>, const Conv2dParams& p, Conv2dPlan* plan) {
  for (Conv2dMethod* how : {&plan->forward, &plan->backward_data, &plan->backward_weights})
    if (how->algorithm == Algorithm::automatic) how->algorithm = algorithm(w, p);
}

template <class T>
void conv2d_forward(Cuda& cuda, View4<const T> x, View4<const T> w, const Precise<T>* b, View4<T> y, double* moments, const Conv2dParams& p,
                    Conv2dMethod how) {
  if (y.pixels() == 0) return;
  const Epilogue epilogue{b, p.activation};
  switch (how.algorithm) {
    case Algorithm::direct: return conv2d_forward_direct(cuda, x, w, epilogue, y, moments, p);
    case Algorithm::naive: conv2d_forward_naive(cuda, x, w, epilogue, y, p); break;
    case Algorithm::depthwise: conv2d_forward_depthwise(cuda, x, w, epilogue, y, p); break;
    default: return conv2d_forward_implicit_gemm(cuda, x, w, epilogue, y, moments, p, how.tile);
  }
  // Bound by memory or by its sums: the moments are a pass of their own.
  if (moments)
    with_pack_width<T>(
        [&](auto n) {
          column_moments<decltype(n)::value, T>(cuda, 1, y.pixels(), y.flat(), WriteMoments{moments, moments + y.c});
        },
        y.flat());
}

template <class T>
void conv2d_gradient(Cuda& cuda, View4<const T> dy, View4<const T> w, Epilogue epilogue, View4<T> dx, const Conv2dParams& p,
                     Conv2dMethod how) {
  switch (how.algorithm) {
    case Algorithm::naive: return conv2d_backward_data_naive(cuda, dy, w, epilogue, dx, p);
    case Algorithm::depthwise: return conv2d_backward_data_depthwise(cuda, dy, w, epilogue, dx, p);
    default: return conv2d_backward_data_implicit_gemm(cuda, dy, w, epilogue, dx, p, how.tile);
  }
}

template <class T>
void conv2d_backward_data(Cuda& cuda, View4<const T> dy, View4<const T> w, View4<T> dx, const Conv2dParams& p, Conv2dMethod how) {
  conv2d_gradient(cuda, dy, w, {}, dx, p, how);
}

template <class T>
void conv2d_backward_weights(Cuda& cuda, View4<const T> x, View4<const T> dy, View4<Precise<T>> dw, Precise<T>* db, const Conv2dParams& p,
                             Conv2dMethod how) {
  if (db) column_sums(cuda, dy.flat(), db);
  if (!dw.data) return;
  switch (how.algorithm) {
    case Algorithm::naive: return conv2d_backward_weights_naive(cuda, x, dy, dw, p);
    case Algorithm::depthwise: return conv2d_backward_weights_depthwise(cuda, x, dy, dw, p);
    default: return conv2d_backward_weights_implicit_gemm(cuda, x, dy, dw, p, how.tile);
  }
}

LAMINA_INSTANTIATE(&conv2d_forward<float>, &conv2d_forward<BFloat16>, &conv2d_backward_data<float>, &conv2d_backward_data<BFloat16>,
                   &conv2d_backward_weights<float>, &conv2d_backward_weights<BFloat16>, &conv2d_gradient<float>, &conv2d_gradient<BFloat16>,
                   &conv2d_plan<float>, &conv2d_plan<BFloat16>)

}  // namespace lamina::kernels::cuda
