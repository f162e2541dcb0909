// What the normalisations share: moments of columns.
#pragma once
#include "detail/reduce.cuh"

namespace lamina::kernels::cuda {

/// Sums of x - origin and of its square, the first pixel being the origin. Each thread's moments are Welford's, so that neither a large
/// mean nor an outlier costs digits; they are brought together in double.
template <class T, int N>
struct MomentSums {
  View2<const T> x;

  __device__ void operator()(const ColumnWalk& walk, double (&sums)[2][N]) const {
    float mean[N] = {}, squares[N] = {}, n = 0;
    for (std::int64_t r = walk.begin; r < walk.end; r += walk.step) {
      const auto v = load<N>(x.row(r) + walk.c);
      const float share = 1 / ++n;
#pragma unroll
      for (int i = 0; i < N; ++i) {
        const float d = v.v[i] - mean[i];
        mean[i] += d * share;
        squares[i] += d * (v.v[i] - mean[i]);
      }
    }
#pragma unroll
    for (int i = 0; i < N; ++i) {
      const double count = static_cast<double>(n), m = static_cast<double>(mean[i]) - static_cast<double>(widen(x.data[walk.c + i]));
      sums[0][i] = count * m;
      sums[1][i] = static_cast<double>(squares[i]) + count * m * m;
    }
  }
};

/// Mean and biased variance of n values from the sums of their differences from `origin`.
struct Moments {
  double mean, variance;

  __device__ Moments(const double (&sums)[2], double n, double origin) {
    const double shift = sums[0] / n, v = sums[1] / n - shift * shift;
    mean = origin + shift;
    variance = v < 0 ? 0 : v;  // rounding; NaN stays
  }
};

__device__ inline float inverse_deviation(double variance, double epsilon) {
  return static_cast<float>(1 / __builtin_sqrt(variance + epsilon));
}

}  // namespace lamina::kernels::cuda
