// Elementary functions that kernels/unary.cpp alone needs, beside those of math.hpp.
#pragma once
#include "detail/cpu/math.hpp"

namespace lamina::kernels::LAMINA_ISA {

/// log of any number: -infinity at 0, NaN below, subnormal ones too.
LAMINA_HD Vec<float> log_of_any(Vec<float> x) {
  const Vec<float> infinity = broadcast(__builtin_inff()), least = broadcast(1.17549435e-38f);
  const Vec<float> near = x < least ? log(x * 16777216.f) - 16.635532f : log(x);  // 24 ln 2
  return x == 0.f ? -infinity : x < 0.f ? broadcast(__builtin_nanf("")) : x == infinity ? infinity : near;
}
LAMINA_HD Vec<double> log_of_any(Vec<double> x) { return log(x); }

// GCC 12 warns about the 512-bit intrinsics without a mask (bug 105593).
LAMINA_HD Vec<float> sqrt(Vec<float> x) {
#ifdef __AVX512F__
  return (Vec<float>)_mm512_maskz_sqrt_ps(0xffff, (__m512)x);
#else
  return (Vec<float>)_mm256_sqrt_ps((__m256)x);
#endif
}
LAMINA_HD Vec<double> sqrt(Vec<double> x) {
#ifdef __AVX512F__
  return (Vec<double>)_mm512_maskz_sqrt_pd(0xff, (__m512d)x);
#else
  return (Vec<double>)_mm256_sqrt_pd((__m256d)x);
#endif
}

/// x^p by the C library, a lane at a time.
LAMINA_HD Vec<float> pow(Vec<float> x, float p) {
  for (int i = 0; i < kLanes<float>; ++i) x[i] = __builtin_powf(x[i], p);
  return x;
}
LAMINA_HD Vec<double> pow(Vec<double> x, double p) {
  for (int i = 0; i < kLanes<double>; ++i) x[i] = __builtin_pow(x[i], p);
  return x;
}

}  // namespace lamina::kernels::LAMINA_ISA
