// CPU twin of kernels/pad.hpp.
#include "lamina/kernels/pad.hpp"

#include "detail/cpu/isa.hpp"

namespace lamina::kernels::LAMINA_ISA {
namespace {

/// Calls f(pixel, channels) for `pixels` pixels, or once for all of them when their memory has no gaps.
template <class F>
void for_runs(std::int64_t pixels, std::int64_t c, bool packed, F f) {
  if (packed) return f(std::int64_t{0}, pixels * c);
  for (std::int64_t i = 0; i < pixels; ++i) f(i, c);
}

}  // namespace

template <class T>
void pad(Cpu& cpu, View4<const T> x, std::int64_t top, std::int64_t left, double value, View4<T> y) {
  const T fill = static_cast<T>(value);
  const auto clamp = [&](std::int64_t w) { return w < 0 ? std::int64_t{0} : w > y.w ? y.w : w; };
  const std::int64_t begin = clamp(left), end = clamp(left + x.w);  // columns of y that x covers
  const bool gapless = y.ld == y.c, both_gapless = gapless && x.ld == x.c;
  const auto blank = [&](T* to, std::int64_t pixels) {
    for_runs(pixels, y.c, gapless, [&](std::int64_t i, std::int64_t count) {
      for (std::int64_t k = 0; k < count; ++k) to[i * y.ld + k] = fill;
    });
  };
  for_row_chunks(cpu, y.n * y.h, y.w * y.c, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t row = first; row < last; ++row) {
      T* to = y.pixel(0, row, 0);
      const std::int64_t h = row % y.h - top;
      if (h < 0 || h >= x.h || begin >= end) {
        blank(to, y.w);
        continue;
      }
      const T* from = x.pixel(row / y.h, h, begin - left);
      blank(to, begin);
      for_runs(end - begin, y.c, both_gapless, [&](std::int64_t i, std::int64_t count) {
        for (std::int64_t k = 0; k < count; ++k) to[(begin + i) * y.ld + k] = from[i * x.ld + k];
      });
      blank(to + end * y.ld, y.w - end);
    }
  });
}

LAMINA_INSTANTIATE(&pad<float>, &pad<double>)

}  // namespace lamina::kernels::LAMINA_ISA
