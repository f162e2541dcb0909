// The defining sums of the three passes of a convolution, one result at a time: what the naive algorithms of every device compute.
#pragma once
#include "lamina/kernels/conv2d.hpp"

namespace lamina::kernels::LAMINA_ISA {

/// Before bias and activation: y[n,i,j,k].
template <class T>
LAMINA_HD Precise<T> forward_sum(View4<const T> x, View4<const T> w, std::int64_t n, std::int64_t i, std::int64_t j, std::int64_t k,
                                 const Conv2dParams& p) {
  const std::int64_t c0 = k / (w.n / p.groups) * w.c;  // first channel of the group
  Precise<T> sum = 0;
  for (std::int64_t r = 0; r < w.h; ++r)
    for (std::int64_t s = 0; s < w.w; ++s) {
      const std::int64_t h = i * p.stride - p.padding.top + r * p.dilation, v = j * p.stride - p.padding.left + s * p.dilation;
      if (h < 0 || h >= x.h || v < 0 || v >= x.w) continue;
      const T *pixel = x.pixel(n, h, v) + c0, *weight = w.pixel(k, r, s);
      for (std::int64_t c = 0; c < w.c; ++c) sum += static_cast<Precise<T>>(pixel[c]) * static_cast<Precise<T>>(weight[c]);
    }
  return sum;
}

/// dx[n,h,v,c].
template <class T>
LAMINA_HD Precise<T> backward_data_sum(View4<const T> dy, View4<const T> w, std::int64_t n, std::int64_t h, std::int64_t v, std::int64_t c,
                                       const Conv2dParams& p) {
  const std::int64_t k_per_group = w.n / p.groups, k0 = c / w.c * k_per_group;
  Precise<T> sum = 0;
  for (std::int64_t r = 0; r < w.h; ++r)
    for (std::int64_t s = 0; s < w.w; ++s) {
      const std::int64_t i = h + p.padding.top - r * p.dilation, j = v + p.padding.left - s * p.dilation;  // stride * output pixel
      if (i < 0 || j < 0 || i % p.stride || j % p.stride || i / p.stride >= dy.h || j / p.stride >= dy.w) continue;
      const T* pixel = dy.pixel(n, i / p.stride, j / p.stride) + k0;
      for (std::int64_t k = 0; k < k_per_group; ++k)
        sum += static_cast<Precise<T>>(pixel[k]) * static_cast<Precise<T>>(w.pixel(k0 + k, r, s)[c % w.c]);
    }
  return sum;
}

/// dw[k,r,s,c]; `dw` gives the shape.
template <class T>
LAMINA_HD Precise<T> backward_weights_sum(View4<const T> x, View4<const T> dy, View4<Precise<T>> dw, std::int64_t k, std::int64_t r,
                                          std::int64_t s, std::int64_t c, const Conv2dParams& p) {
  const std::int64_t channel = k / (dw.n / p.groups) * dw.c + c;
  Precise<T> sum = 0;
  for (std::int64_t n = 0; n < dy.n; ++n)
    for (std::int64_t i = 0; i < dy.h; ++i) {
      const std::int64_t h = i * p.stride - p.padding.top + r * p.dilation;
      if (h < 0 || h >= x.h) continue;
      Precise<T> row = 0;  // row by row, which keeps the rounding of long sums small
      for (std::int64_t j = 0; j < dy.w; ++j) {
        const std::int64_t v = j * p.stride - p.padding.left + s * p.dilation;
        if (v < 0 || v >= x.w) continue;
        row += static_cast<Precise<T>>(x.pixel(n, h, v)[channel]) * static_cast<Precise<T>>(dy.pixel(n, i, j)[k]);
      }
      sum += row;
    }
  return sum;
}

}  // namespace lamina::kernels::LAMINA_ISA
