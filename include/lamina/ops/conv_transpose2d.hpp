#pragma once
#include "lamina/kernels/conv_transpose2d.hpp"
#include "lamina/ops/conv2d.hpp"

namespace lamina {

/// Shape of conv_transpose2d(x, w). Throws ShapeError.
inline Shape conv_transpose2d_shape(const Shape& x, const Shape& w, const ConvTranspose2dParams& p) {
  detail::require_conv_attributes("conv_transpose2d", p.stride, p.dilation, p.groups, p.padding);
  detail::require_conv_operands("conv_transpose2d", x, w, p.dilation);
  require(w[0] == x[3] && x[3] % p.groups == 0, "conv_transpose2d: weights ", w, " (Cin, Kh, Kw, Cout/groups) do not fit x ", x,
          " (N, H, W, Cin) with groups = ", p.groups);
  require(p.output_padding >= 0 && p.output_padding < std::max(p.stride, p.dilation),
          "conv_transpose2d: output_padding must be in [0, max(stride, dilation)), got ", p.output_padding);
  require(!p.padding.same || p.output_padding == 0,
          "conv_transpose2d: SAME padding decides the output size; output_padding must be 0, got ", p.output_padding);
  const std::int64_t ho = kernels::conv_transpose2d_extent(x[1], w[1], p, std::int64_t{p.padding.top} + p.padding.bottom);
  const std::int64_t wo = kernels::conv_transpose2d_extent(x[2], w[2], p, std::int64_t{p.padding.left} + p.padding.right);
  require(ho <= detail::kConvLimit && wo <= detail::kConvLimit, "conv_transpose2d: x ", x, " with weights ", w, " makes an output of ", ho,
          " x ", wo, " pixels; the most is ", detail::kConvLimit, " a side");
  require(ho >= 1 && wo >= 1, "conv_transpose2d: the padding leaves nothing of the output of x ", x, " and weights ", w);
  return result_shape("conv_transpose2d", {x[0], ho, wo, w[3] * p.groups});
}

/// Transposed convolution (the data gradient of a convolution, Zeiler et al. 2010), bias and activation.
/// x (N, H, W, Cin), w (Cin, Kh, Kw, Cout/groups), b (Cout) or none -> (N, Ho, Wo, Cout), written to `into` when given;
/// Ho = (H-1)*stride - top - bottom + dilation*(Kh-1) + output_padding + 1, or H*stride with SAME padding.
/// Gradients: x, w, b. Throws ShapeError, DeviceError. Kernels: kernels/conv_transpose2d.{cpp,cu}.
inline Tensor conv_transpose2d(const Tensor& x, const Tensor& w, const Tensor& b = {}, const ConvTranspose2dParams& params = {},
                               const Tensor& into = {}) {
  const char* op = "conv_transpose2d";
  require_computable(op, {{"x", x}, {"w", w}}, {{"b", b}});
  const Shape shape = conv_transpose2d_shape(x.shape(), w.shape(), params);
  detail::require_conv_bias(op, b, shape[3]);
  require_same_kind(op, x, w);
  require_precise(op, x, b);
  const Conv2dParams p = kernels::resolve_padding(params.transposed(), shape[1], shape[2], w.size(1), w.size(2));
  const Conv2dPlan plan = detail::conv2d_plan(op, x, shape, w.shape(), x.shape(), p);
  const Tensor weights = w.packed();
  Tensor y = output_for(op, shape, like(x), into, {x, w, b});
  dispatch(x, [&]<class T>(auto& device) {
    kernels::conv_transpose2d_forward<T>(device, x.view4<const T>(), weights.view4<const T>(), b ? b.data<const Precise<T>>() : nullptr,
                                         y.view4<T>(), p, params.activation, plan.backward_data);
  });
  const Activation act = params.activation;
  const Tensor saved = act.is_none() ? Tensor{} : y.detach();
  const Tensor for_dw = read_if(w.requires_grad(), x), for_dx = read_if(x.requires_grad(), weights);
  const std::int64_t padding[] = {params.padding.top, params.padding.bottom, params.padding.left, params.padding.right};
  return record({"conv_transpose2d",
                 {{"stride", params.stride},
                  {"padding", padding},
                  {"same", params.padding.same},
                  {"output_padding", params.output_padding},
                  {"dilation", params.dilation},
                  {"groups", params.groups},
                  {"activation", name_of(act.kind)},
                  {"slope", act.slope}}},
                {x, w, b}, y, {for_dw, for_dx, saved}, [x, weights, saved, p, act, plan](const Tensor& dy, NeedsGrad need) -> Grads {
                  const Tensor dz = detail::before_activation(dy, saved, act);
                  const Tensor dx = need[0] ? Tensor::empty(x.shape(), like(x)) : Tensor{};
                  const Tensor dw = need[1] ? Tensor::empty(weights.shape(), precise_like(x)) : Tensor{};
                  const Tensor db = need[2] ? Tensor::empty({dz.size(3)}, precise_like(x)) : Tensor{};
                  dispatch(x, [&]<class T>(auto& device) {
                    if (dx)
                      kernels::conv2d_forward<T>(device, dz.view4<const T>(), weights.view4<const T>(),
                                                 static_cast<const Precise<T>*>(nullptr), dx.view4<T>(), nullptr, p, plan.forward);
                    if (dw)
                      kernels::conv2d_backward_weights<T>(device, dz.view4<const T>(), x.view4<const T>(), dw.view4<Precise<T>>(),
                                                          static_cast<Precise<T>*>(nullptr), p, plan.backward_weights);
                    if (db) kernels::conv_transpose2d_backward_bias<T>(device, dz.view4<const T>(), db.data<Precise<T>>());
                  });
                  return {dx, dw, db};
                });
}

}  // namespace lamina
