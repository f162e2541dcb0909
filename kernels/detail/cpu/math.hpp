// Elementary functions on registers. Float versions are branch-free polynomials, double versions call the C library a lane at a time.
// The errors stated are the largest found by tests/ops/activation_test.cpp over the ranges given there.
#pragma once
#include "detail/cpu/lanes.hpp"

namespace lamina::kernels::LAMINA_ISA {

typedef std::int32_t VecInt __attribute__((vector_size(kVectorBytes)));

template <class T>
LAMINA_HD Vec<T> select_max(Vec<T> a, Vec<T> b) {
  return a > b ? a : b;
}

/// x = k ln 2 + r with |r| <= ln(2)/2, as k and expm1(r). Beyond the range of finite, nonzero exp(x) x is clamped; NaN stays NaN.
struct ExpParts {
  VecInt k;
  Vec<float> expm1_r;
};
LAMINA_HD ExpParts exp_parts(Vec<float> x) {
  x = x < broadcast(-104.f) ? broadcast(-104.f) : x;
  x = x > broadcast(89.f) ? broadcast(89.f) : x;
  // Adding 1.5 * 2^23 leaves round(x / ln 2) in the low mantissa bits.
  const Vec<float> magic = broadcast(12582912.f), shifted = x * broadcast(1.44269504f) + magic, n = shifted - magic;
  const Vec<float> r = (x - n * broadcast(0.693359375f)) - n * broadcast(-2.12194440e-4f);  // ln 2 as a sum whose first part has few bits
  // Taylor to degree 7: the first term left out is r^8 / 8! < 5.2e-9.
  Vec<float> p = broadcast(1.f / 5040);
  p = p * r + broadcast(1.f / 720);
  p = p * r + broadcast(1.f / 120);
  p = p * r + broadcast(1.f / 24);
  p = p * r + broadcast(1.f / 6);
  p = p * r + broadcast(1.f / 2);
  return {(VecInt)shifted - (VecInt)magic, p * r * r + r};
}
/// 2^k for -126 <= k <= 127.
LAMINA_HD Vec<float> power_of_two(VecInt k) { return (Vec<float>)((k + 127) << 23); }

/// e^x, relative error <= 1.2e-7; overflows to infinity and underflows gradually.
LAMINA_HD Vec<float> exp(Vec<float> x) {
  const ExpParts e = exp_parts(x);
  const VecInt half = e.k >> 1;  // in two steps, as 2^k itself may not be a normal float
  return (e.expm1_r + 1.f) * power_of_two(half) * power_of_two(e.k - half);
}
LAMINA_HD Vec<double> exp(Vec<double> x) {
  for (int i = 0; i < kLanes<double>; ++i) x[i] = __builtin_exp(x[i]);
  return x;
}

/// log((1 + s) / (1 - s)) = 2 (s + s^3/3 + s^5/5 + ...) up to s^(2 Terms - 1).
template <int Terms>
LAMINA_HD Vec<float> log_ratio(Vec<float> s) {
  const Vec<float> q = s * s;
  Vec<float> p = broadcast(2.f / (2 * Terms - 1));
#pragma GCC unroll 16
  for (int k = Terms - 1; k > 0; --k) p = p * q + broadcast(2.f / static_cast<float>(2 * k - 1));
  return p * s;
}

/// Natural logarithm of a positive normal number, error <= 1.5e-7 max(1, |log x|); NaN stays NaN.
LAMINA_HD Vec<float> log(Vec<float> x) {
  const VecInt bits = (VecInt)x, k = (bits - 0x3f3504f3) >> 23;  // x = 2^k m with m in [sqrt(1/2), sqrt(2))
  const Vec<float> m = (Vec<float>)(bits - (k << 23)), n = __builtin_convertvector(k, Vec<float>);
  const Vec<float> log = n * broadcast(0.69314718f) + log_ratio<5>((m - 1.f) / (m + 1.f));  // |s| < 0.172: the rest is below 4e-10
  return x == x ? log : x;
}
LAMINA_HD Vec<double> log(Vec<double> x) {
  for (int i = 0; i < kLanes<double>; ++i) x[i] = __builtin_log(x[i]);
  return x;
}

/// log(1 + x) for x in [0, 1], relative error <= 3e-7.
LAMINA_HD Vec<float> log1p_unit(Vec<float> x) { return log_ratio<8>(x / (x + 2.f)); }  // |s| <= 1/3: the rest is below 3e-9
LAMINA_HD Vec<double> log1p_unit(Vec<double> x) {
  for (int i = 0; i < kLanes<double>; ++i) x[i] = __builtin_log1p(x[i]);
  return x;
}

/// 1 / (1 + e^-x).
LAMINA_HD Vec<float> sigmoid(Vec<float> x) { return 1.f / (1.f + exp(-x)); }
LAMINA_HD Vec<double> sigmoid(Vec<double> x) { return 1. / (1. + exp(-x)); }

/// Hyperbolic tangent through expm1(2x), so that small x keep their relative accuracy: error <= 3e-7.
LAMINA_HD Vec<float> tanh(Vec<float> x) {
  x = x > broadcast(20.f) ? broadcast(20.f) : x;
  x = x < broadcast(-20.f) ? broadcast(-20.f) : x;
  const ExpParts e = exp_parts(x + x);
  const Vec<float> scale = power_of_two(e.k), expm1 = e.expm1_r * scale + (scale - 1.f);
  return expm1 / (expm1 + 2.f);
}
LAMINA_HD Vec<double> tanh(Vec<double> x) {
  for (int i = 0; i < kLanes<double>; ++i) x[i] = __builtin_tanh(x[i]);
  return x;
}

}  // namespace lamina::kernels::LAMINA_ISA
