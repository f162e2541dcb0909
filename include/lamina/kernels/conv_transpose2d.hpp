#pragma once
#include "lamina/kernels/conv2d.hpp"

namespace lamina {

/// Attributes of a transposed 2-d convolution. `padding` is that of the convolution it transposes: it crops the output; `same`
/// makes Ho = H * stride. `output_padding` adds rows and columns at the bottom and right, where only the kernel's end reaches.
struct ConvTranspose2dParams {
  int stride = 1;
  Padding padding = {};
  int output_padding = 0;
  int dilation = 1;
  int groups = 1;
  Activation activation = {};

  /// The convolution (Ho, Wo, Cout) -> (H, W, Cin) whose data gradient this is.
  LAMINA_HD constexpr Conv2dParams transposed() const { return {stride, padding, dilation, groups, {}}; }
};

namespace kernels {

/// Output extent of one axis; `pad` is the sum of both sides.
LAMINA_HD constexpr std::int64_t conv_transpose2d_extent(std::int64_t in, std::int64_t k, const ConvTranspose2dParams& p,
                                                         std::int64_t pad) {
  return p.padding.same ? in * p.stride : (in - 1) * p.stride - pad + dilated_extent(k, p.dilation) + p.output_padding;
}

/// y[n, i*stride - top + r*dilation, j*stride - left + s*dilation, k] += sum_c x[n,i,j,c] * w[c,r,s,k], then act(b[k] + y); overwrites y.
/// w is packed (Cin, Kh, Kw, Cout/groups); `p` is that convolution with its padding resolved, `how` its dgrad; b may be null.
LAMINA_KERNEL(conv_transpose2d_forward, View4<const T> x, View4<const T> w, const Precise<T>* b, View4<T> y, const Conv2dParams& p,
              Activation act, Conv2dMethod how)
/// dx and dw are conv2d_forward and conv2d_backward_weights of dy; this is what remains: db[k] = sum of dy over its pixels.
LAMINA_KERNEL(conv_transpose2d_backward_bias, View4<const T> dy, Precise<T>* db)

}  // namespace kernels
}  // namespace lamina
