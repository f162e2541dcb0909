// Loops over elements a register at a time, the last register perhaps partial; transposition of registers.
#pragma once
#include <immintrin.h>

#include "detail/cpu/simd.hpp"

namespace lamina::kernels::LAMINA_ISA {

/// Names the lanes that a load or store touches: all of them, or the first `count`. Loads put 0 into the others.
struct AllLanes {};
struct FirstLanes {
  int count;
};

template <class T>
LAMINA_HD int lane_count(AllLanes) {
  return kLanes<T>;
}
template <class T>
LAMINA_HD int lane_count(FirstLanes lanes) {
  return lanes.count;
}

template <class T>
LAMINA_HD Vec<T> load(const T* p, AllLanes) {
  return load(p);
}
template <class T>
LAMINA_HD void store(T* p, Vec<T> v, AllLanes) {
  store(p, v);
}
#ifdef __AVX512F__
LAMINA_HD Vec<float> load(const float* p, FirstLanes n) {
  return (Vec<float>)_mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << n.count) - 1), p);
}
LAMINA_HD Vec<double> load(const double* p, FirstLanes n) {
  return (Vec<double>)_mm512_maskz_loadu_pd(static_cast<__mmask8>((1u << n.count) - 1), p);
}
LAMINA_HD void store(float* p, Vec<float> v, FirstLanes n) {
  _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << n.count) - 1), (__m512)v);
}
LAMINA_HD void store(double* p, Vec<double> v, FirstLanes n) {
  _mm512_mask_storeu_pd(p, static_cast<__mmask8>((1u << n.count) - 1), (__m512d)v);
}
#else
LAMINA_HD __m256i first_lanes_32(int n) { return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)); }
LAMINA_HD __m256i first_lanes_64(int n) { return _mm256_cmpgt_epi64(_mm256_set1_epi64x(n), _mm256_setr_epi64x(0, 1, 2, 3)); }
LAMINA_HD Vec<float> load(const float* p, FirstLanes n) { return (Vec<float>)_mm256_maskload_ps(p, first_lanes_32(n.count)); }
LAMINA_HD Vec<double> load(const double* p, FirstLanes n) { return (Vec<double>)_mm256_maskload_pd(p, first_lanes_64(n.count)); }
LAMINA_HD void store(float* p, Vec<float> v, FirstLanes n) { _mm256_maskstore_ps(p, first_lanes_32(n.count), (__m256)v); }
LAMINA_HD void store(double* p, Vec<double> v, FirstLanes n) { _mm256_maskstore_pd(p, first_lanes_64(n.count), (__m256d)v); }
#endif

/// Calls f(i, lanes) over [0, count), a register at a time; the last call may have FirstLanes.
template <class T, class F>
LAMINA_HD void for_lanes(std::int64_t count, F&& f) {
  std::int64_t i = 0;
  for (; i + kLanes<T> <= count; i += kLanes<T>) f(i, AllLanes{});
  if (i < count) f(i, FirstLanes{static_cast<int>(count - i)});
}

/// The lanes added in order.
template <class T>
LAMINA_HD double sum_lanes(Vec<T> v) {
  double sum = 0;
  for (int i = 0; i < kLanes<T>; ++i) sum += static_cast<double>(v[i]);
  return sum;
}

/// y = f(x...), elementwise on registers, over (rows, cols) matrices of one shape; y may be one of the x.
template <class T, class F, class... X>
void map(Cpu& cpu, View2<T> y, F f, X... x) {
  const bool packed = (y.contiguous() && ... && x.contiguous());  // then one long row: no short inner loops
  for_row_chunks(cpu, packed ? y.size() : y.rows, packed ? 1 : y.cols, [&](std::int64_t begin, std::int64_t end) {
    const std::int64_t step = packed ? end - begin : 1, length = packed ? step : y.cols;
    for (std::int64_t r = begin; r < end; r += step)
      for_lanes<T>(length, [&](std::int64_t i, auto lanes) {
        const auto at = [&](auto v) { return v.data + (packed ? r : r * v.ld) + i; };
        store(at(y), f(load(at(x), lanes)...), lanes);
      });
  });
}

}  // namespace lamina::kernels::LAMINA_ISA
