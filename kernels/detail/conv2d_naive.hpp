// The oracle: each pass of the convolution as its defining sum, one output element at a time.
#pragma once
#include "detail/isa.hpp"
#include "lamina/kernels/conv2d.hpp"

namespace lamina::kernels::LAMINA_ISA {

template <class T>
void conv2d_forward_naive(Cpu& cpu, View4<const T> x, View4<const T> w, const T* b, View4<T> y, const Conv2dParams& p) {
  const std::int64_t k_per_group = y.c / p.groups;
  cpu.parallel(y.n * y.h, [&](std::int64_t row, int) {
    const std::int64_t n = row / y.h, i = row % y.h;
    for (std::int64_t j = 0; j < y.w; ++j)
      for (std::int64_t k = 0; k < y.c; ++k) {
        const std::int64_t c0 = k / k_per_group * w.c;  // first channel of the group
        T sum = b ? b[k] : T(0);
        for (std::int64_t r = 0; r < w.h; ++r)
          for (std::int64_t s = 0; s < w.w; ++s) {
            const std::int64_t h = i * p.stride - p.padding.top + r * p.dilation, v = j * p.stride - p.padding.left + s * p.dilation;
            if (h < 0 || h >= x.h || v < 0 || v >= x.w) continue;
            for (std::int64_t c = 0; c < w.c; ++c) sum += x.pixel(n, h, v)[c0 + c] * w.pixel(k, r, s)[c];
          }
        y.pixel(n, i, j)[k] = sum;
      }
  });
  if (!p.activation.is_none()) activation_forward<T>(cpu, y.flat(), p.activation, y.flat());
}

template <class T>
void conv2d_backward_data_naive(Cpu& cpu, View4<const T> dy, View4<const T> w, View4<T> dx, const Conv2dParams& p) {
  const std::int64_t k_per_group = dy.c / p.groups;
  cpu.parallel(dx.n * dx.h, [&](std::int64_t row, int) {
    const std::int64_t n = row / dx.h, h = row % dx.h;
    for (std::int64_t v = 0; v < dx.w; ++v)
      for (std::int64_t c = 0; c < dx.c; ++c) {
        const std::int64_t k0 = c / w.c * k_per_group;
        T sum = 0;
        for (std::int64_t r = 0; r < w.h; ++r)
          for (std::int64_t s = 0; s < w.w; ++s) {
            const std::int64_t i = h + p.padding.top - r * p.dilation, j = v + p.padding.left - s * p.dilation;  // stride * output pixel
            if (i < 0 || j < 0 || i % p.stride || j % p.stride || i / p.stride >= dy.h || j / p.stride >= dy.w) continue;
            for (std::int64_t k = 0; k < k_per_group; ++k)
              sum += dy.pixel(n, i / p.stride, j / p.stride)[k0 + k] * w.pixel(k0 + k, r, s)[c % w.c];
          }
        dx.pixel(n, h, v)[c] = sum;
      }
  });
}

template <class T>
void conv2d_backward_weights_naive(Cpu& cpu, View4<const T> x, View4<const T> dy, View4<T> dw, const Conv2dParams& p) {
  const std::int64_t k_per_group = dy.c / p.groups;
  cpu.parallel(dw.n * dw.h * dw.w, [&](std::int64_t tap, int) {
    const std::int64_t k = tap / (dw.h * dw.w), r = tap / dw.w % dw.h, s = tap % dw.w;
    for (std::int64_t c = 0; c < dw.c; ++c) {
      T sum = 0;
      for (std::int64_t n = 0; n < dy.n; ++n)
        for (std::int64_t i = 0; i < dy.h; ++i)
          for (std::int64_t j = 0; j < dy.w; ++j) {
            const std::int64_t h = i * p.stride - p.padding.top + r * p.dilation, v = j * p.stride - p.padding.left + s * p.dilation;
            if (h < 0 || h >= x.h || v < 0 || v >= x.w) continue;
            sum += x.pixel(n, h, v)[k / k_per_group * dw.c + c] * dy.pixel(n, i, j)[k];
          }
      dw.pixel(k, r, s)[c] = sum;
    }
  });
}

}  // namespace lamina::kernels::LAMINA_ISA
