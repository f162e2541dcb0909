// What the normalisations share: moments of columns.
#pragma once
#include "detail/cuda/reduce.cuh"

namespace lamina::kernels::cuda {

/// Means of N columns, and sums of squared differences from them, taken value by value (Welford 1962): neither a large mean nor an outlier
/// costs digits.
template <int N>
struct RunningMoments {
  float n = 0, mean[N] = {}, squares[N] = {};

  __device__ __forceinline__ void add(const Pack<float, N>& v) {
    const float share = 1 / ++n;
#pragma unroll
    for (int i = 0; i < N; ++i) {
      const float d = v.v[i] - mean[i];
      mean[i] += d * share;
      squares[i] += d * (v.v[i] - mean[i]);
    }
  }
};

/// Adds n values to column i's sums of differences from an origin and of their squares: their mean, as a difference from the origin, and
/// the sum of their squared differences from that mean.
template <int N>
__device__ __forceinline__ void add_moments(double (&sums)[2][N], int i, double n, double shift, double squares) {
  sums[0][i] += n * shift;
  sums[1][i] += squares + n * shift * shift;
}

/// Sums of x - origin and of its square for reduce_columns, the first pixel being the origin.
template <class T, int N>
struct MomentSums {
  View2<const T> x;

  __device__ void operator()(const ColumnWalk& walk, double (&sums)[2][N]) const {
    RunningMoments<N> own;
    for (std::int64_t r = walk.begin; r < walk.end; r += walk.step) own.add(load<N>(x.row(r) + walk.c));
#pragma unroll
    for (int i = 0; i < N; ++i)
      add_moments(sums, i, static_cast<double>(own.n), static_cast<double>(own.mean[i]) - static_cast<double>(widen(x.data[walk.c + i])),
                  static_cast<double>(own.squares[i]));
  }
};

/// What such sums over `n` values end in: then(i, mean, biased variance) of column i, i % cols being its place in the row of origins.
template <class T, class Then>
struct FinishMoments {
  const T* origin;
  std::int64_t cols;
  double n;
  Then then;

  __device__ void operator()(std::int64_t i, const double (&sums)[2]) const {
    const double shift = sums[0] / n, v = sums[1] / n - shift * shift;
    then(i, static_cast<double>(widen(origin[i % cols])) + shift, v < 0 ? 0 : v);  // below 0: rounding; NaN stays
  }
};

/// then(b * cols + c, mean, biased variance) on the device for each column of each matrix (rows, cols) of a batch, rows > 0: one
/// read of x.
template <int N, class T, class Then>
void column_moments(const Cuda& cuda, std::int64_t batch, std::int64_t rows, View2<const T> x, Then then) {
  reduce_columns<2, N>(cuda, batch, rows, x.cols, MomentSums<T, N>{x},
                       FinishMoments<T, Then>{x.data, x.cols, static_cast<double>(rows), then});
}

/// The moments as arrays: what column_moments may do with them.
struct WriteMoments {
  double *means, *variances;
  __device__ void operator()(std::int64_t i, double mean, double variance) const {
    means[i] = mean;
    variances[i] = variance;
  }
};

__device__ inline float inverse_deviation(double variance, double epsilon) {
  return static_cast<float>(1 / __builtin_sqrt(variance + epsilon));
}

}  // namespace lamina::kernels::cuda
