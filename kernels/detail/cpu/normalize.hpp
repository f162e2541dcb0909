// The two halves of every normalisation over pixels x channels matrices: sums per channel, and an affine map per channel.
#pragma once
#include "detail/shared/activate.hpp"

namespace lamina::kernels::LAMINA_ISA {

/// Rows whose sums are taken in T before they go to double. A block stays in the L1 cache, and wide rows are few at a time, because a
/// register of channels is walked down the block and each row is one stream to the prefetcher.
LAMINA_HD std::int64_t block_rows(std::int64_t cols) {
  const std::int64_t rows = 8192 / (cols < 1 ? 1 : cols);
  return rows < 8 ? 8 : rows > 64 ? 64 : rows;
}

/// sums (K, cols), in double: for each register of channels c and block of rows, `block(begin, end, c, lanes, out)` adds its part to
/// out[k * cols + i] for the lanes i. Chunks of rows run in parallel and are added in order.
template <class T, int K, class F>
void reduce_columns(Cpu& cpu, std::int64_t rows, std::int64_t cols, double* sums, F&& block) {
  const std::int64_t wanted = rows * cols >> 15, chunks = wanted < 1 ? 1 : wanted > 64 ? 64 : wanted, step = block_rows(cols);
  Workspace workspace;
  double* partials = workspace.take<double>(chunks, K, cols);
  cpu.parallel(chunks, [&](std::int64_t chunk, int) {
    double* out = partials + chunk * K * cols;
    for (std::int64_t i = 0; i < K * cols; ++i) out[i] = 0;
    const std::int64_t last = rows * (chunk + 1) / chunks;
    for (std::int64_t r = rows * chunk / chunks; r < last; r += step)
      for_lanes<T>(cols, [&](std::int64_t c, auto lanes) { block(r, r + step < last ? r + step : last, c, lanes, out + c); });
  });
  for (std::int64_t i = 0; i < K * cols; ++i) {
    sums[i] = 0;
    for (std::int64_t chunk = 0; chunk < chunks; ++chunk) sums[i] += partials[chunk * K * cols + i];
  }
}

/// mean (cols) and biased variance (cols) of each channel, one read of memory. Each block sums deviations from its own mean, so float
/// inputs far from 0 lose nothing; blocks are brought together in double, as deviations from the first pixel.
template <class T>
void column_moments(Cpu& cpu, View2<const T> x, double* mean, double* variance) {
  const T* origin = x.data;
  Workspace workspace;
  double* sums = workspace.take<double>(2, x.cols);
  reduce_columns<T, 2>(cpu, x.rows, x.cols, sums, [&](std::int64_t begin, std::int64_t end, std::int64_t c, auto lanes, double* out) {
    Vec<T> sum{};
    for (std::int64_t r = begin; r < end; ++r) sum += load(x.row(r) + c, lanes);
    const double n = static_cast<double>(end - begin);
    const Vec<T> center = sum / static_cast<T>(n);
    Vec<T> d1{}, d2{};  // sums of x - center and of its square
    for (std::int64_t r = begin; r < end; ++r) {
      const Vec<T> d = load(x.row(r) + c, lanes) - center;
      d1 += d;
      d2 += d * d;
    }
    for (int i = 0; i < lane_count<T>(lanes); ++i) {
      const double m = static_cast<double>(center[i]) - static_cast<double>(origin[c + i]), s1 = static_cast<double>(d1[i]);
      out[i] += n * m + s1;
      out[x.cols + i] += static_cast<double>(d2[i]) + 2 * m * s1 + n * m * m;
    }
  });
  for (std::int64_t c = 0; c < x.cols; ++c) {
    const double n = static_cast<double>(x.rows), m = sums[c] / n, v = sums[x.cols + c] / n - m * m;
    mean[c] = static_cast<double>(origin[c]) + m;
    variance[c] = v < 0 ? 0 : v;  // rounding; NaN stays
  }
}

LAMINA_HD double inverse_deviation(double variance, double epsilon) { return 1 / __builtin_sqrt(variance + epsilon); }

/// sums (2, cols): of g and of g * (x - mean) a channel, g(v, r, c, lanes) being one register of gradients where x is v.
template <class T, class G>
void column_products(Cpu& cpu, View2<const T> x, const T* mean, double* sums, G&& gradient) {
  reduce_columns<T, 2>(cpu, x.rows, x.cols, sums, [&](std::int64_t begin, std::int64_t end, std::int64_t c, auto lanes, double* out) {
    const Vec<T> m = load(mean + c, lanes);
    Vec<T> s0{}, s1{};
    for (std::int64_t r = begin; r < end; ++r) {
      const Vec<T> v = load(x.row(r) + c, lanes), g = gradient(v, r, c, lanes);
      s0 += g;
      s1 += g * (v - m);
    }
    for (int i = 0; i < lane_count<T>(lanes); ++i) {
      out[i] += static_cast<double>(s0[i]);
      out[x.cols + i] += static_cast<double>(s1[i]);
    }
  });
}

/// y = (x - mean) * scale + shift for the channels of one register.
template <class T>
struct Affine {
  Vec<T> mean, scale, shift;

  template <class Lanes>
  LAMINA_HD Affine(const T* m, const T* s, const T* b, std::int64_t c, Lanes lanes)
      : mean(load(m + c, lanes)), scale(load(s + c, lanes)), shift(b ? load(b + c, lanes) : Vec<T>{}) {}
  LAMINA_HD Vec<T> operator()(Vec<T> x) const { return (x - mean) * scale + shift; }
};

/// Calls f(begin, end, c, lanes) for blocks of rows and registers of channels, in parallel.
template <class T, class F>
void for_blocks(Cpu& cpu, std::int64_t rows, std::int64_t cols, F&& f) {
  for_row_chunks(cpu, rows, cols, [&](std::int64_t begin, std::int64_t end) {
    const std::int64_t step = block_rows(cols);
    for (std::int64_t r = begin; r < end; r += step)
      for_lanes<T>(cols, [&](std::int64_t c, auto lanes) { f(r, r + step < end ? r + step : end, c, lanes); });
  });
}

}  // namespace lamina::kernels::LAMINA_ISA
