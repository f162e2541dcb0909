// CUDA twins of kernels/batch_norm2d.hpp. Memory passes over x-sized tensors: forward reads x for the statistics (unless they
// are given), then x and writes y; backward reads x and dy for the sums, then both again and writes dx: 3 or 2, and 5. With a residual
// and an activation, forward reads the residual too; backward reads x, y and dy for the sums and writes dresidual, the gradient before the
// activation, which it then reads with x to write dx: 7. The activation's slope cannot be had from x alone there: 6 would take a mask, a
// bit an element, in place of y. A thread keeps the constants of its channels in registers and walks down the rows.
#include "lamina/kernels/batch_norm2d.hpp"

#include "detail/cuda/normalize.cuh"
#include "detail/shared/activate.hpp"

namespace lamina::kernels::cuda {
namespace {

/// What each channel goes through: (x - mean) * gamma * rstd + beta. gamma and beta may be null.
struct ChannelParameters {
  const float *gamma, *beta, *mean, *rstd;
};

/// The same for a thread's channels.
template <int N>
struct Affine {
  float mean[N], scale[N], shift[N];

  __device__ Affine(const ChannelParameters& p, std::int64_t c) {
#pragma unroll
    for (int i = 0; i < N; ++i) {
      mean[i] = p.mean[c + i];
      scale[i] = p.gamma ? p.gamma[c + i] * p.rstd[c + i] : p.rstd[c + i];
      shift[i] = p.beta ? p.beta[c + i] : 0;
    }
  }
  __device__ float operator()(float x, int i) const { return (x - mean[i]) * scale[i] + shift[i]; }
};

/// Mean, rstd and running statistics (which may be null) of a channel from its moments.
struct BatchStatistics {
  double n, momentum, epsilon;
  float *running_mean, *running_var, *mean, *rstd;

  __device__ void operator()(std::int64_t c, double batch_mean, double variance) const {
    mean[c] = static_cast<float>(batch_mean);
    rstd[c] = inverse_deviation(variance, epsilon);
    const auto mix = [&](float& running, double batch) {
      running = static_cast<float>((1 - momentum) * static_cast<double>(running) + momentum * batch);
    };
    if (running_mean) mix(running_mean[c], batch_mean);
    if (running_var) mix(running_var[c], variance * n / (n - 1));
  }
};

/// `moments` (2, cols): means, then variances.
__global__ void batch_statistics_kernel(const double* moments, std::int64_t cols, BatchStatistics statistics) {
  for (std::int64_t c = global_thread(); c < cols; c += grid_threads()) statistics(c, moments[c], moments[cols + c]);
}

__global__ void running_statistics_kernel(const float* running_mean, const float* running_var, double epsilon, std::int64_t cols,
                                          float* mean, float* rstd) {
  for (std::int64_t c = global_thread(); c < cols; c += grid_threads()) {
    mean[c] = running_mean[c];
    rstd[c] = inverse_deviation(static_cast<double>(running_var[c]), epsilon);
  }
}

template <class T, int N, class Act>
struct Forward {
  View2<const T> x, residual;  // residual.data may be null
  View2<T> y;
  ChannelParameters channels;
  Act act;

  __device__ void operator()(const ColumnWalk& walk) const {
    const Affine<N> affine(channels, walk.c);
    for (std::int64_t r = walk.begin; r < walk.end; r += walk.step) {
      auto v = load<N>(x.row(r) + walk.c);
      Pack<float, N> add{};
      if (residual.data) add = load<N>(residual.row(r) + walk.c);
#pragma unroll
      for (int i = 0; i < N; ++i) v.v[i] = act(affine(v.v[i], i) + add.v[i]);
      store<N>(y.row(r) + walk.c, v);
    }
  }
};

/// d(loss)/d(before the activation), from the output y where it is kept, else recomputed from x.
template <class T, int N, class Act>
struct Gradient {
  View2<const T> x, y, dy;
  ChannelParameters channels;
  Act act;

  __device__ Pack<float, N> operator()(const Affine<N>& affine, const Pack<float, N>& v, std::int64_t r, std::int64_t c) const {
    Pack<float, N> g = load<N>(dy.row(r) + c), out;
    if (y.data) out = load<N>(y.row(r) + c);
#pragma unroll
    for (int i = 0; i < N; ++i) g.v[i] = act.pull(y.data ? out.v[i] : act(affine(v.v[i], i)), g.v[i]);
    return g;
  }
};

/// Sums of g and of g * (x - mean). Keep: g itself, the gradient of the residual, is written; without a store in the loop, loads run ahead.
template <class T, int N, class Act, bool Keep>
struct GradientSums {
  Gradient<T, N, Act> gradient;
  View2<T> dresidual;

  __device__ void operator()(const ColumnWalk& walk, double (&sums)[2][N]) const {
    const Affine<N> affine(gradient.channels, walk.c);
    float s0[N] = {}, s1[N] = {};
    for (std::int64_t r = walk.begin; r < walk.end; r += walk.step) {
      const auto v = load<N>(gradient.x.row(r) + walk.c), g = gradient(affine, v, r, walk.c);
      if constexpr (Keep) store<N>(dresidual.row(r) + walk.c, g);
#pragma unroll
      for (int i = 0; i < N; ++i) {
        s0[i] += g.v[i];
        s1[i] += g.v[i] * (v.v[i] - affine.mean[i]);
      }
    }
#pragma unroll
    for (int i = 0; i < N; ++i) {
      sums[0][i] = static_cast<double>(s0[i]);
      sums[1][i] = static_cast<double>(s1[i]);
    }
  }
};

/// dgamma and dbeta (which may be null), and the means that dx needs: mean(g) and mean(g * xhat) * rstd.
struct ChannelGradients {
  const float* rstd;
  double n;
  float *dgamma, *dbeta, *offset, *slope;

  __device__ void operator()(std::int64_t c, const double (&sums)[2]) const {
    const double r = static_cast<double>(rstd[c]);
    if (dbeta) dbeta[c] = static_cast<float>(sums[0]);
    if (dgamma) dgamma[c] = static_cast<float>(sums[1] * r);
    offset[c] = static_cast<float>(sums[0] / n);
    slope[c] = static_cast<float>(sums[1] * r * r / n);
  }
};

/// dx = scale * (g - mean(g) - xhat * mean(g * xhat)); with running statistics (null offset) the means are no function of x.
template <class T, int N, class Act>
struct Backward {
  Gradient<T, N, Act> gradient;
  const float *offset, *slope;
  View2<T> dx, dresidual;  // either may be null

  __device__ void operator()(const ColumnWalk& walk) const {
    const Affine<N> affine(gradient.channels, walk.c);
    float o[N], s[N];
#pragma unroll
    for (int i = 0; i < N; ++i) {
      o[i] = offset ? offset[walk.c + i] : 0;
      s[i] = slope ? slope[walk.c + i] : 0;
    }
    for (std::int64_t r = walk.begin; r < walk.end; r += walk.step) {
      const auto v = load<N>(gradient.x.row(r) + walk.c);
      auto g = gradient(affine, v, r, walk.c);
      if (dresidual.data) store<N>(dresidual.row(r) + walk.c, g);
      if (!dx.data) continue;
#pragma unroll
      for (int i = 0; i < N; ++i) g.v[i] = affine.scale[i] * (g.v[i] - o[i] - (v.v[i] - affine.mean[i]) * s[i]);
      store<N>(dx.row(r) + walk.c, g);
    }
  }
};

}  // namespace

template <class T>
void batch_norm2d_forward(Cuda& cuda, View2<const T> x, const double* moments, const Precise<T>* gamma, const Precise<T>* beta,
                          View2<const T> residual, Precise<T>* running_mean, Precise<T>* running_var, Precise<T>* mean, Precise<T>* rstd,
                          View2<T> y, const BatchNorm2dParams& p) {
  if (x.rows == 0) return;
  const BatchStatistics statistics{static_cast<double>(x.rows), p.momentum, p.epsilon, running_mean, running_var, mean, rstd};
  const unsigned channel_blocks = blocks_for(x.cols, 256);
  with_pack_width<T>(
      [&](auto n) {
        constexpr int N = decltype(n)::value;
        if (!p.training)
          launch<running_statistics_kernel>(cuda, channel_blocks, 256, 0, running_mean, running_var, p.epsilon, x.cols, mean, rstd);
        else if (moments)
          launch<batch_statistics_kernel>(cuda, channel_blocks, 256, 0, moments, x.cols, statistics);
        else
          column_moments<N>(cuda, 1, x.rows, x, statistics);
        with_activation(p.activation, [&](auto act) {
          for_columns<N>(cuda, 1, x.rows, x.cols, Forward<T, N, decltype(act)>{x, residual, y, {gamma, beta, mean, rstd}, act});
        });
      },
      x, residual, y);
}

template <class T>
void batch_norm2d_backward(Cuda& cuda, View2<const T> x, View2<const T> y, View2<const T> dy, const Precise<T>* gamma,
                           const Precise<T>* beta, const Precise<T>* mean, const Precise<T>* rstd, View2<T> dx, View2<T> dresidual,
                           Precise<T>* dgamma, Precise<T>* dbeta, const BatchNorm2dParams& p) {
  Workspace workspace(cuda);
  float *offset = workspace.take<float>(x.cols), *slope = workspace.take<float>(x.cols);
  with_pack_width<T>(
      [&](auto n) {
        constexpr int N = decltype(n)::value;
        with_activation(p.activation, [&](auto act) {
          using Act = decltype(act);
          const ChannelParameters channels{gamma, beta, mean, rstd};
          const Gradient<T, N, Act> gradient{x, y, dy, channels, act};
          const bool sums = dgamma || dbeta || (dx.data && p.training);
          const auto add_up = [&](auto keep) {
            reduce_columns<2, N>(cuda, 1, x.rows, x.cols, GradientSums<T, N, Act, decltype(keep)::value>{gradient, dresidual},
                                 ChannelGradients{rstd, static_cast<double>(x.rows), dgamma, dbeta, offset, slope});
          };
          const auto finish = [&]<class A>(const Gradient<T, N, A>& g, View2<T> residual) {
            if (dx.data || residual.data)
              for_columns<N>(cuda, 1, x.rows, x.cols,
                             Backward<T, N, A>{g, p.training ? offset : nullptr, p.training ? slope : nullptr, dx, residual});
          };
          if (sums && dresidual.data) {
            add_up(std::true_type{});
            finish(Gradient<T, N, Identity>{x, {}, dresidual, channels, {}}, {});
          } else {
            if (sums) add_up(std::false_type{});
            finish(gradient, dresidual);
          }
        });
      },
      x, y, dy, dx, dresidual);
}

LAMINA_INSTANTIATE(&batch_norm2d_forward<float>, &batch_norm2d_forward<BFloat16>, &batch_norm2d_backward<float>,
                   &batch_norm2d_backward<BFloat16>)

}  // namespace lamina::kernels::cuda
