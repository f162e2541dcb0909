// Which pixels a pooling window holds, and which windows hold a pixel, along one axis: shared by the devices.
#pragma once
#include "lamina/kernels/pool2d.hpp"

namespace lamina::kernels::LAMINA_ISA {

/// The windows whose row (or column) range holds `i`: [first, last].
struct Windows {
  std::int64_t first, last;
  LAMINA_HD Windows(std::int64_t i, int pad, int kernel, int stride, std::int64_t count) {
    const std::int64_t shifted = i + pad;
    first = shifted < kernel ? 0 : (shifted - kernel) / stride + 1;
    last = shifted / stride < count ? shifted / stride : count - 1;
  }
};

/// The pixels of an axis that window `i` holds: [begin, end).
struct Span {
  std::int64_t begin, end;
  LAMINA_HD Span(std::int64_t i, int pad, int kernel, int stride, std::int64_t extent) : begin(i * stride - pad), end(begin + kernel) {
    if (begin < 0) begin = 0;
    if (end > extent) end = extent;
  }
};

template <class T>
LAMINA_HD T average_weight(Span h, Span w, const Pool2dParams& p) {
  return T(1) / static_cast<T>(p.count_include_pad ? std::int64_t{p.kernel} * p.kernel : (h.end - h.begin) * (w.end - w.begin));
}

}  // namespace lamina::kernels::LAMINA_ISA
