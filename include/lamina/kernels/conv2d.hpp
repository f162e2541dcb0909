#pragma once
#include "lamina/core/device.hpp"
#include "lamina/kernels/activation.hpp"

namespace lamina {

/// Zero padding of the two image axes, in pixels. `same` pads as TensorFlow's SAME: total = max((ceil(H/stride) - 1) * stride +
/// dilation * (Kh - 1) + 1 - H, 0), the odd pixel at the bottom and right.
struct Padding {
  int top = 0, bottom = 0, left = 0, right = 0;
  bool same = false;

  static constexpr Padding symmetric(int p) { return {p, p, p, p, false}; }
  static constexpr Padding symmetric(int vertical, int horizontal) { return {vertical, vertical, horizontal, horizontal, false}; }
  static constexpr Padding tf_same() { return {0, 0, 0, 0, true}; }
};

/// Attributes of a 2-d convolution. Plain data.
struct Conv2dParams {
  int stride = 1;
  Padding padding = {};
  int dilation = 1;
  int groups = 1;
  Activation activation = {};
};

namespace kernels {

/// CPU algorithms of conv2d. `automatic` is a pure function of shape and instruction set; `naive` is the oracle.
enum class Conv2dAlgorithm : std::uint8_t { automatic, naive, implicit_gemm, direct, winograd2, winograd4, depthwise };

/// y[n,p,q,k] = act(b[k] + sum_{r,s,c} x[n, p*stride - top + r*dilation, q*stride - left + s*dilation, c] * w[k,r,s,c]); overwrites y.
/// `padding` is resolved (never `same`); b may be null. Shapes as in ops/conv2d.hpp.
LAMINA_KERNEL(conv2d_forward, View4<const T> x, View4<const T> w, const T* b, View4<T> y, const Conv2dParams& p, Conv2dAlgorithm algorithm)
/// dx = d(sum(dy * conv(x)))/dx (dgrad); overwrites dx. `dy` is the gradient before the activation; p.activation is ignored.
LAMINA_KERNEL(conv2d_backward_data, View4<const T> dy, View4<const T> w, View4<T> dx, const Conv2dParams& p, Conv2dAlgorithm algorithm)
/// dw (packed) and, unless null, db (wgrad); overwrites both. p.activation is ignored.
LAMINA_KERNEL(conv2d_backward_weights, View4<const T> x, View4<const T> dy, View4<T> dw, T* db, const Conv2dParams& p, Conv2dAlgorithm algorithm)

}  // namespace kernels
}  // namespace lamina
