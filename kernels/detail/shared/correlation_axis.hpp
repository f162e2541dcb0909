// The one geometry all passes of a convolution share, on every device: forward reads the image, dgrad reads dy, wgrad pairs the two.
#pragma once
#include "lamina/kernels/conv2d.hpp"

namespace lamina::kernels::LAMINA_ISA {

/// One axis of a correlation: output i < count reads input origin + i * stride + t * step for tap t < taps. In the images, output i is
/// pixel out_first + i * out_step, and tap t is weight tap_first + t * tap_step.
struct CorrelationAxis {
  std::int64_t count, taps, origin, stride, step;
  std::int64_t out_first = 0, out_step = 1;
  std::int64_t tap_first = 0, tap_step = 1;

  /// The input that output i reads with tap t.
  LAMINA_HD constexpr std::int64_t input(std::int64_t i, std::int64_t t) const { return origin + i * stride + t * step; }
  /// Input extent that `outputs` neighbouring outputs span.
  LAMINA_HD constexpr std::int64_t span(std::int64_t outputs) const { return (outputs - 1) * stride + (taps - 1) * step + 1; }
  /// Does every output read one input, none of them padding, the first at 0?
  LAMINA_HD constexpr bool is_pointwise(std::int64_t extent) const { return taps == 1 && origin == 0 && input(count - 1, 0) < extent; }
  /// Is input i, and nothing else, what output i reads of an axis of `extent`?
  LAMINA_HD constexpr bool is_identity(std::int64_t extent) const { return is_pointwise(extent) && stride == 1 && count == extent; }
};

LAMINA_HD constexpr CorrelationAxis forward_axis(std::int64_t out, std::int64_t k, std::int64_t pad, const Conv2dParams& p) {
  return {.count = out, .taps = k, .origin = -pad, .stride = p.stride, .step = p.dilation};
}

/// The inputs of a convolution whose index is `first` modulo the stride, as outputs of a correlation of dy: those need the taps r with
/// (first + pad - r * dilation) % stride == 0, which repeat every stride / gcd(stride, dilation). Taps run backwards, so that dy runs
/// forwards. taps == 0 where no output reads such an input.
LAMINA_HD constexpr CorrelationAxis gradient_axis(std::int64_t first, std::int64_t extent, std::int64_t k, std::int64_t pad,
                                                  const Conv2dParams& p) {
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

/// Calls f(h, w) with the gradient axes of every class of pixels of dx that share their remainders modulo the stride.
template <class T, class F>
inline void for_each_class(View4<T> dx, View4<const T> weights, const Conv2dParams& p, F&& f) {
  for (std::int64_t u = 0; u < p.stride && u < dx.h; ++u)
    for (std::int64_t v = 0; v < p.stride && v < dx.w; ++v)
      f(gradient_axis(u, dx.h, weights.h, p.padding.top, p), gradient_axis(v, dx.w, weights.w, p.padding.left, p));
}

/// Indices [begin, end).
struct IndexRange {
  std::int64_t begin, end;
  LAMINA_HD constexpr std::int64_t size() const { return end - begin; }
};

namespace detail {
/// The i < count for which an interval that starts as [low, high] and moves on by `step` for each i meets [0, extent).
LAMINA_HD constexpr IndexRange meeting(std::int64_t low, std::int64_t high, std::int64_t step, std::int64_t count, std::int64_t extent) {
  const std::int64_t begin = high >= 0 ? 0 : (step - 1 - high) / step, room = extent - low;
  const std::int64_t fit = room <= 0 ? 0 : (room + step - 1) / step, end = fit < count ? fit : count;
  return {begin < end ? begin : end, end};
}
}  // namespace detail

/// The taps with which some output of [first, last] may read inside an image axis of `extent`; all the others read padding only.
LAMINA_HD constexpr IndexRange taps_inside(const CorrelationAxis& a, std::int64_t first, std::int64_t last, std::int64_t extent) {
  return detail::meeting(a.input(first, 0), a.input(last, 0), a.step, a.taps, extent);
}
/// The outputs that may read inside with some tap of [first, last].
LAMINA_HD constexpr IndexRange outputs_inside(const CorrelationAxis& a, std::int64_t first, std::int64_t last, std::int64_t extent) {
  return detail::meeting(a.input(0, first), a.input(0, last), a.stride, a.count, extent);
}

/// Rows and columns: of the taps that a tile of outputs needs, or of the outputs that a tile of taps needs.
struct Region {
  IndexRange rows, cols;
  LAMINA_HD constexpr std::int64_t size() const { return rows.size() * cols.size(); }
};

/// The taps that outputs [begin, end), counted over image, row and column, need of images (height, width). Empty tiles need none.
LAMINA_HD constexpr Region taps_of_tile(const CorrelationAxis& h, const CorrelationAxis& w, std::int64_t begin, std::int64_t end,
                                        std::int64_t height, std::int64_t width) {
  if (begin >= end) return {{0, 0}, {0, 0}};
  const std::int64_t first = begin / w.count, last = (end - 1) / w.count;  // rows, counted over the images
  const bool one_row = first == last, one_image = first / h.count == last / h.count;
  return {taps_inside(h, one_image ? first % h.count : 0, one_image ? last % h.count : h.count - 1, height),
          taps_inside(w, one_row ? begin % w.count : 0, one_row ? (end - 1) % w.count : w.count - 1, width)};
}

/// The outputs that taps [first, last], counted over kernel row and column, need.
LAMINA_HD constexpr Region outputs_of_taps(const CorrelationAxis& h, const CorrelationAxis& w, std::int64_t first, std::int64_t last,
                                           std::int64_t height, std::int64_t width) {
  const bool one_row = first / w.taps == last / w.taps;
  return {outputs_inside(h, first / w.taps, last / w.taps, height),
          outputs_inside(w, one_row ? first % w.taps : 0, one_row ? last % w.taps : w.taps - 1, width)};
}

}  // namespace lamina::kernels::LAMINA_ISA
