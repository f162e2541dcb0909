// CUDA twins of kernels/group_norm.hpp: sums per image and channel, folded to groups. Memory passes over x-sized tensors: forward reads x
// for the statistics, then x again and writes y; backward reads x and dy for the sums, then both again and writes dx.
#include "lamina/kernels/group_norm.hpp"

#include "detail/cuda/normalize.cuh"

namespace lamina::kernels::cuda {
namespace {

constexpr int kThreads = 256;

/// What maps an image's channel to its group: index n * C + c to n * groups + g.
struct Groups {
  std::int64_t channels, width;  // of all groups, of one
  std::int64_t count;            // groups of all images

  Groups(std::int64_t n, std::int64_t channels, int groups) : channels(channels), width(channels / groups), count(n * groups) {}
  __device__ std::int64_t of(std::int64_t image, std::int64_t c) const { return image * (channels / width) + c / width; }
};

/// Calls f(group, first of its channels as n * C + c, lane) by a warp for each group.
template <class F>
__global__ void groups_kernel(Groups groups, F f) {
  const std::int64_t group = global_thread() / kWarpSize;
  if (group < groups.count) f(group, group * groups.width, static_cast<int>(threadIdx.x) % kWarpSize);
}
template <class F>
void for_groups(const Cuda& cuda, const Groups& groups, F f) {
  launch<groups_kernel<F>>(cuda, blocks_for(groups.count * kWarpSize, kThreads), kThreads, 0, groups, f);
}

struct GroupStatistics {
  const double *means, *variances;  // (N, C)
  std::int64_t width;
  double epsilon;
  float *mean, *rstd;

  __device__ void operator()(std::int64_t group, std::int64_t first, int lane) const {
    const double share = 1 / static_cast<double>(width);
    double m = 0, variance = 0;
    for (std::int64_t i = first + lane; i < first + width; i += kWarpSize) m += means[i];
    m = warp_sum(m) * share;
    for (std::int64_t i = first + lane; i < first + width; i += kWarpSize) variance += variances[i] + (means[i] - m) * (means[i] - m);
    variance = warp_sum(variance) * share;
    if (lane > 0) return;
    mean[group] = static_cast<float>(m);
    rstd[group] = inverse_deviation(variance, epsilon);
  }
};

template <class T, int N>
struct Forward {
  View2<const T> x;
  View2<T> y;
  Groups groups;
  const float *gamma, *beta, *mean, *rstd;

  __device__ void operator()(const ColumnWalk& walk) const {
    float center[N], scale[N], shift[N];
#pragma unroll
    for (int i = 0; i < N; ++i) {
      const std::int64_t c = walk.c + i, g = groups.of(walk.batch, c);
      center[i] = mean[g];
      scale[i] = gamma[c] * rstd[g];
      shift[i] = beta[c];
    }
    for (std::int64_t r = walk.begin; r < walk.end; r += walk.step) {
      auto v = load<N>(x.row(r) + walk.c);
#pragma unroll
      for (int i = 0; i < N; ++i) v.v[i] = (v.v[i] - center[i]) * scale[i] + shift[i];
      store<N>(y.row(r) + walk.c, v);
    }
  }
};

/// Sums of dy and of dy * (x - mean).
template <class T, int N>
struct GradientSums {
  View2<const T> x, dy;
  Groups groups;
  const float* mean;

  __device__ void operator()(const ColumnWalk& walk, double (&sums)[2][N]) const {
    float center[N], s0[N] = {}, s1[N] = {};
#pragma unroll
    for (int i = 0; i < N; ++i) center[i] = mean[groups.of(walk.batch, walk.c + i)];
    for (std::int64_t r = walk.begin; r < walk.end; r += walk.step) {
      const auto v = load<N>(x.row(r) + walk.c), g = load<N>(dy.row(r) + walk.c);
#pragma unroll
      for (int i = 0; i < N; ++i) {
        s0[i] += g.v[i];
        s1[i] += g.v[i] * (v.v[i] - center[i]);
      }
    }
#pragma unroll
    for (int i = 0; i < N; ++i) {
      sums[0][i] = static_cast<double>(s0[i]);
      sums[1][i] = static_cast<double>(s1[i]);
    }
  }
};

/// Each image's part of dbeta and dgamma: sums (N, 2, C).
struct ImageGradients {
  Groups groups;
  const float* rstd;
  double* sums;

  __device__ void operator()(std::int64_t i, const double (&s)[2]) const {
    const std::int64_t n = i / groups.channels, c = i % groups.channels;
    sums[2 * n * groups.channels + c] = s[0];
    sums[(2 * n + 1) * groups.channels + c] = s[1] * static_cast<double>(rstd[groups.of(n, c)]);
  }
};
struct ParameterGradients {
  float *dgamma, *dbeta;

  __device__ void operator()(std::int64_t c, const double (&sums)[2]) const {
    dbeta[c] = static_cast<float>(sums[0]);
    dgamma[c] = static_cast<float>(sums[1]);
  }
};

/// What dx subtracts, for each group: offset + slope * (x - mean).
struct GroupGradients {
  Groups groups;
  const double* sums;  // of ImageGradients
  const float *gamma, *rstd;
  double count;  // elements of a group
  float *offset, *slope;

  __device__ void operator()(std::int64_t group, std::int64_t first, int lane) const {
    const double* image = sums + first / groups.channels * 2 * groups.channels;
    const std::int64_t channel = first % groups.channels;
    double sum = 0, product = 0;  // of gamma * dy and of gamma * dy * xhat
    for (std::int64_t c = channel + lane; c < channel + groups.width; c += kWarpSize) {
      sum += static_cast<double>(gamma[c]) * image[c];
      product += static_cast<double>(gamma[c]) * image[groups.channels + c];
    }
    sum = warp_sum(sum);
    product = warp_sum(product);
    if (lane > 0) return;
    const double r = static_cast<double>(rstd[group]);
    offset[group] = static_cast<float>(r * sum / count);
    slope[group] = static_cast<float>(r * r * product / count);
  }
};

template <class T, int N>
struct Backward {
  View2<const T> x, dy;
  View2<T> dx;
  Groups groups;
  const float *gamma, *mean, *rstd, *offset, *slope;

  __device__ void operator()(const ColumnWalk& walk) const {
    float center[N], scale[N], o[N], s[N];
#pragma unroll
    for (int i = 0; i < N; ++i) {
      const std::int64_t g = groups.of(walk.batch, walk.c + i);
      center[i] = mean[g];
      scale[i] = gamma[walk.c + i] * rstd[g];
      o[i] = offset[g];
      s[i] = slope[g];
    }
    for (std::int64_t r = walk.begin; r < walk.end; r += walk.step) {
      const auto v = load<N>(x.row(r) + walk.c);
      auto g = load<N>(dy.row(r) + walk.c);
#pragma unroll
      for (int i = 0; i < N; ++i) g.v[i] = scale[i] * g.v[i] - o[i] - s[i] * (v.v[i] - center[i]);
      store<N>(dx.row(r) + walk.c, g);
    }
  }
};

}  // namespace

template <class T>
void group_norm_forward(Cuda& cuda, View4<const T> x, const Precise<T>* gamma, const Precise<T>* beta, int groups, double epsilon,
                        View4<T> y, Precise<T>* mean, Precise<T>* rstd) {
  const Groups by(x.n, x.c, groups);
  const std::int64_t pixels = x.h * x.w;
  Workspace workspace(cuda);
  double *means = workspace.take<double>(x.n, x.c), *variances = workspace.take<double>(x.n, x.c);
  with_pack_width<T>(
      [&](auto n) {
        constexpr int N = decltype(n)::value;
        column_moments<N>(cuda, x.n, pixels, x.flat(), WriteMoments{means, variances});
        for_groups(cuda, by, GroupStatistics{means, variances, by.width, epsilon, mean, rstd});
        for_columns<N>(cuda, x.n, pixels, x.c, Forward<T, N>{x.flat(), y.flat(), by, gamma, beta, mean, rstd});
      },
      x.flat(), y.flat());
}

template <class T>
void group_norm_backward(Cuda& cuda, View4<const T> x, const Precise<T>* gamma, const Precise<T>* mean, const Precise<T>* rstd, int groups,
                         View4<const T> dy, View4<T> dx, Precise<T>* dgamma, Precise<T>* dbeta) {
  const Groups by(x.n, x.c, groups);
  const std::int64_t pixels = x.h * x.w;
  Workspace workspace(cuda);
  double* sums = workspace.take<double>(2, x.n, x.c);
  float *offset = workspace.take<float>(by.count), *slope = workspace.take<float>(by.count);
  with_pack_width<T>(
      [&](auto n) {
        constexpr int N = decltype(n)::value;
        reduce_columns<2, N>(cuda, x.n, pixels, x.c, GradientSums<T, N>{x.flat(), dy.flat(), by, mean}, ImageGradients{by, rstd, sums});
        finish_columns<2>(cuda, sums, 1, x.n, x.c, ParameterGradients{dgamma, dbeta});
        if (!dx.data) return;
        for_groups(cuda, by, GroupGradients{by, sums, gamma, rstd, static_cast<double>(pixels * by.width), offset, slope});
        for_columns<N>(cuda, x.n, pixels, x.c, Backward<T, N>{x.flat(), dy.flat(), dx.flat(), by, gamma, mean, rstd, offset, slope});
      },
      x.flat(), dy.flat(), dx.flat());
}

LAMINA_INSTANTIATE(&group_norm_forward<float>, &group_norm_forward<BFloat16>, &group_norm_backward<float>, &group_norm_backward<BFloat16>)

}  // namespace lamina::kernels::cuda
