// The oracle: each pass of the convolution as its defining sum, one output element at a time.
#pragma once
#include "detail/cpu/isa.hpp"
#include "detail/shared/conv2d_sums.hpp"

namespace lamina::kernels::LAMINA_ISA {

template <class T>
void conv2d_forward_naive(Cpu& cpu, View4<const T> x, View4<const T> w, const T* b, View4<T> y, const Conv2dParams& p) {
  cpu.parallel(y.n * y.h, [&](std::int64_t row, int) {
    const std::int64_t n = row / y.h, i = row % y.h;
    for (std::int64_t j = 0; j < y.w; ++j)
      for (std::int64_t k = 0; k < y.c; ++k) y.pixel(n, i, j)[k] = (b ? b[k] : T(0)) + forward_sum(x, w, n, i, j, k, p);
  });
  if (!p.activation.is_none()) activation_forward<T>(cpu, y.flat(), p.activation, y.flat());
}

template <class T>
void conv2d_backward_data_naive(Cpu& cpu, View4<const T> dy, View4<const T> w, View4<T> dx, const Conv2dParams& p) {
  cpu.parallel(dx.n * dx.h, [&](std::int64_t row, int) {
    const std::int64_t n = row / dx.h, h = row % dx.h;
    for (std::int64_t v = 0; v < dx.w; ++v)
      for (std::int64_t c = 0; c < dx.c; ++c) dx.pixel(n, h, v)[c] = backward_data_sum(dy, w, n, h, v, c, p);
  });
}

template <class T>
void conv2d_backward_weights_naive(Cpu& cpu, View4<const T> x, View4<const T> dy, View4<T> dw, const Conv2dParams& p) {
  cpu.parallel(dw.n * dw.h * dw.w, [&](std::int64_t tap, int) {
    const std::int64_t k = tap / (dw.h * dw.w), r = tap / dw.w % dw.h, s = tap % dw.w;
    for (std::int64_t c = 0; c < dw.c; ++c) dw.pixel(k, r, s)[c] = backward_weights_sum(x, dy, dw, k, r, s, c, p);
  });
}

}  // namespace lamina::kernels::LAMINA_ISA
