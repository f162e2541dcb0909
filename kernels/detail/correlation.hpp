// The one geometry all passes of a convolution share: forward reads the image, dgrad reads dy, wgrad pairs the two.
#pragma once
#include "detail/isa.hpp"
#include "lamina/kernels/conv2d.hpp"

namespace lamina::kernels::LAMINA_ISA {

/// The channels of an image are worked on in chunks of this many.
inline constexpr int kChunk = 16;
inline constexpr std::int64_t chunks_for(std::int64_t channels) { return (channels + kChunk - 1) / kChunk; }

/// One axis of a correlation: output i < count reads input origin + i * stride + t * step for tap t < taps. In the images, output i is
/// pixel out_first + i * out_step, and tap t is weight tap_first + t * tap_step.
struct CorrelationAxis {
  std::int64_t count, taps, origin, stride, step;
  std::int64_t out_first = 0, out_step = 1;
  std::int64_t tap_first = 0, tap_step = 1;

  /// Input extent that `outputs` neighbouring outputs span.
  std::int64_t span(std::int64_t outputs) const { return (outputs - 1) * stride + (taps - 1) * step + 1; }
  /// Is input i, and nothing else, what output i reads of an axis of `extent`?
  bool is_identity(std::int64_t extent) const { return taps == 1 && stride == 1 && origin == 0 && count == extent; }
};

inline CorrelationAxis forward_axis(std::int64_t out, std::int64_t k, std::int64_t pad, const Conv2dParams& p) {
  return {.count = out, .taps = k, .origin = -pad, .stride = p.stride, .step = p.dilation};
}

/// The inputs of a convolution whose index is `first` modulo the stride, as outputs of a correlation of dy: those need the taps r with
/// (first + pad - r * dilation) % stride == 0, which repeat every stride / gcd(stride, dilation). Taps run backwards, so that dy runs
/// forwards. taps == 0 where no output reads such an input.
inline CorrelationAxis gradient_axis(std::int64_t first, std::int64_t extent, std::int64_t k, std::int64_t pad, const Conv2dParams& p) {
  std::int64_t gcd = p.dilation;
  for (std::int64_t a = p.stride; a;) {
    const std::int64_t rest = gcd % a;
    gcd = a;
    a = rest;
  }
  const std::int64_t period = p.stride / gcd;
  std::int64_t tap = 0;
  while (tap < period && tap < k && (first + pad - tap * p.dilation) % p.stride != 0) ++tap;
  const std::int64_t taps = tap < period && tap < k ? (k - tap + period - 1) / period : 0, last = tap + (taps - 1) * period;
  return {.count = first < extent ? (extent - first + p.stride - 1) / p.stride : 0,
          .taps = taps,
          .origin = taps ? (first + pad - last * p.dilation) / p.stride : 0,
          .stride = 1,
          .step = p.dilation / gcd,
          .out_first = first,
          .out_step = p.stride,
          .tap_first = last,
          .tap_step = -period};
}

/// Copies rows [row, row + rows) and columns [col, col + cols) of image n, channels [c0, c0 + c), to `tile` (rows, cols, ld), ld >= c;
/// what lies outside the image or beyond c is zero.
template <class T>
void copy_window(View4<const T> x, std::int64_t n, std::int64_t row, std::int64_t rows, std::int64_t col, std::int64_t cols,
                 std::int64_t c0, std::int64_t c, std::int64_t ld, T* tile) {
  const auto clamp = [](std::int64_t v, std::int64_t hi) { return v < 0 ? 0 : v > hi ? hi : v; };
  const auto zero = [](T* p, std::int64_t count) {
    if (count > 0) __builtin_memset(p, 0, static_cast<std::size_t>(count) * sizeof(T));
  };
  const std::int64_t begin = clamp(-col, cols), end = clamp(x.w - col, cols);  // columns inside the image
  for (std::int64_t r = 0; r < rows; ++r, tile += cols * ld) {
    if (row + r < 0 || row + r >= x.h || begin >= end) {
      zero(tile, cols * ld);
      continue;
    }
    zero(tile, begin * ld);
    zero(tile + end * ld, (cols - end) * ld);
    const T* from = x.pixel(n, row + r, col + begin) + c0;
    T* to = tile + begin * ld;
    if (x.ld == c && ld == c) {
      __builtin_memcpy(to, from, static_cast<std::size_t>((end - begin) * c) * sizeof(T));
      continue;
    }
    if (c == kChunk && ld == kChunk) {
      for (std::int64_t i = begin; i < end; ++i, from += x.ld, to += kChunk) __builtin_memcpy(to, from, kChunk * sizeof(T));
      continue;
    }
    for (std::int64_t i = begin; i < end; ++i, from += x.ld, to += ld) {
      for (std::int64_t k = 0; k < c; ++k) to[k] = from[k];
      for (std::int64_t k = c; k < ld; ++k) to[k] = 0;
    }
  }
}

}  // namespace lamina::kernels::LAMINA_ISA
