// CUDA twins of kernels/regression_loss.hpp. Memory passes: forward reads x, target and weights, backward reads them and writes dx.
#include "detail/shared/regression_loss.hpp"

#include "detail/cuda/map.cuh"
#include "detail/cuda/reduce.cuh"

namespace lamina::kernels::cuda {
namespace {

constexpr int kThreads = 256;
constexpr std::size_t kSumBytes = kThreads / kWarpSize * sizeof(double);

template <int N, class T, class F>
__global__ void error_sums_kernel(View2<const T> x, View2<const T> target, View2<const T> weights, F f, double* partials) {
  LAMINA_SHARED(double, shared);
  double sum = 0;
  for (std::int64_t i = global_thread(); i < x.size() / N; i += grid_threads()) {
    const auto a = load<N>(detail::element<N>(x, i)), b = load<N>(detail::element<N>(target, i));
    Pack<float, N> w;
    for (float& one : w.v) one = 1;
    if (weights.data) w = load<N>(detail::element<N>(weights, i));
#pragma unroll
    for (int k = 0; k < N; ++k) sum += static_cast<double>(f(a.v[k] - b.v[k])) * static_cast<double>(w.v[k]);
  }
  const double total = block_sum(sum, shared);
  if (threadIdx.x == 0) partials[blockIdx.x] = total;
}

struct WriteLoss {
  double factor;
  float* loss;
  __device__ void operator()(double sum) const { *loss = static_cast<float>(factor * sum); }
};

/// The gradient as a functor of (x, target) and the weight.
template <class F>
struct Slope {
  F f;
  double factor;
  const float* dloss;
  __device__ float operator()(float x, float target, float weight = 1) const {
    return static_cast<float>(factor * static_cast<double>(*dloss)) * weight * f.slope(x - target);
  }
};

}  // namespace

template <class T>
void regression_loss_forward(Cuda& cuda, View2<const T> x, View2<const T> target, View2<const T> weights, RegressionLoss kind, double beta,
                             double factor, Precise<T>* loss) {
  constexpr std::int64_t kPerThread = 4, kMostBlocks = 1024;
  with_regression_loss<float>(kind, beta, [&](auto f) {
    with_pack_width<T>(
        [&](auto n) {
          constexpr int N = decltype(n)::value;
          const unsigned blocks = blocks_for(x.size() / N, kThreads * kPerThread, kMostBlocks);
          Workspace workspace(cuda);
          double* partials = workspace.take<double>(blocks);
          launch<error_sums_kernel<N, T, decltype(f)>>(cuda, blocks, kThreads, kSumBytes, x, target, weights, f, partials);
          finish_sum(cuda, partials, blocks, WriteLoss{factor, loss});
        },
        x, target, weights.data ? weights : x);
  });
}

template <class T>
void regression_loss_backward(Cuda& cuda, View2<const T> x, View2<const T> target, View2<const T> weights, RegressionLoss kind, double beta,
                              double factor, const Precise<T>* dloss, View2<T> dx) {
  with_regression_loss<float>(kind, beta, [&](auto f) {
    const Slope<decltype(f)> slope{f, factor, dloss};
    if (weights.data)
      map(cuda, dx, slope, x, target, weights);
    else
      map(cuda, dx, slope, x, target);
  });
}

LAMINA_INSTANTIATE(&regression_loss_forward<float>, &regression_loss_forward<BFloat16>, &regression_loss_backward<float>,
                   &regression_loss_backward<BFloat16>)

}  // namespace lamina::kernels::cuda
