// Weights as a correlation sees them: output channels innermost, in whole registers.
#pragma once
#include "detail/cpu/correlation.hpp"

namespace lamina::kernels::LAMINA_ISA {

/// Weights of a forward pass, or those of dgrad: the same taps, in the order of its axes, with the two channel axes exchanged.
template <class T>
struct WeightReader {
  View4<const T> w;  // (Cout, Kh, Kw, Cin)
  bool gradient;

  std::int64_t outputs() const { return gradient ? w.c : w.n; }
  std::int64_t inputs() const { return gradient ? w.n : w.c; }
  /// First weight of output 0, input 0 at tap (r, s) of the weights; outputs and inputs are output_step() and input_step() elements apart.
  const T* tap(std::int64_t r, std::int64_t s) const { return w.pixel(0, r, s); }
  std::int64_t output_step() const { return gradient ? 1 : w.h * w.w * w.c; }
  std::int64_t input_step() const { return gradient ? w.h * w.w * w.c : 1; }
};

}  // namespace lamina::kernels::LAMINA_ISA
