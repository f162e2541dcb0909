// Weights as a correlation sees them: output channels innermost, in whole registers.
#pragma once
#include "detail/cpu/correlation.hpp"
#include "detail/cpu/simd.hpp"

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

  /// rows[i] = the weights of outputs [k, k + lanes) for input c + i at a tap; inputs and outputs that do not exist have zeros.
  [[gnu::always_inline]] void load_inputs(std::int64_t r, std::int64_t s, std::int64_t k, std::int64_t c, Vec<T> (&rows)[kLanes<T>]) const {
    constexpr std::int64_t L = kLanes<T>;
    const std::int64_t ins = inputs() - c, outs = outputs() - k, loaded = gradient ? ins : outs, lanes = gradient ? outs : ins;
    const std::int64_t step = gradient ? input_step() : output_step();
    const T* from = tap(r, s) + k * output_step() + c * input_step();
    if (loaded >= L && lanes >= L)
#pragma GCC unroll 16
      for (int i = 0; i < L; ++i) rows[i] = load(from + i * step);
    else
      for (int i = 0; i < L; ++i) rows[i] = i < loaded && lanes > 0 ? load_part(from + i * step, lanes) : Vec<T>{};
    if (!gradient) transpose<T>(rows);
  }
};

}  // namespace lamina::kernels::LAMINA_ISA
