#pragma once
#include "lamina/autograd/node.hpp"
#include "lamina/core/dispatch.hpp"
#include "lamina/kernels/conv2d.hpp"
#include "lamina/ops/activation.hpp"
#include "lamina/ops/batch_norm2d.hpp"

namespace lamina {

namespace detail {
/// Extents and attributes beyond this are refused, so that no index or padding can overflow.
inline constexpr std::int64_t kConvLimit = std::int64_t{1} << 30;

/// What conv2d and conv_transpose2d ask of their attributes.
inline void require_conv_attributes(const char* op, int stride, int dilation, int groups, const Padding& p) {
  require(stride >= 1 && stride <= kConvLimit, op, ": stride must be in [1, ", kConvLimit, "], got ", stride);
  require(dilation >= 1 && dilation <= kConvLimit, op, ": dilation must be in [1, ", kConvLimit, "], got ", dilation);
  require(groups >= 1, op, ": groups must be positive, got ", groups);
  for (int side : {p.top, p.bottom, p.left, p.right})
    require(side >= 0 && side <= kConvLimit, op, ": padding must not be negative, got (top ", p.top, ", bottom ", p.bottom, ", left ",
            p.left, ", right ", p.right, "); crop the image instead");
  require(!p.same || p.top + p.bottom + p.left + p.right == 0, op, ": padding is either SAME or in pixels, not both");
}

/// What they ask of x and w: rank 4, kernel and channel extents within range, images not empty.
inline void require_conv_operands(const char* op, const Shape& x, const Shape& w, int dilation) {
  require(x.rank() == 4, op, ": x must be (N, H, W, Cin), got ", x, " with weights ", w);
  require(w.rank() == 4, op, ": the weights must have 4 axes, got ", w, " with x ", x);
  for (int axis = 1; axis < 4; ++axis)
    require(x[axis] >= 1 && x[axis] <= kConvLimit, op, ": axis ", axis, " of x ", x, " must be in [1, ", kConvLimit, "]; weights ", w);
  for (int axis = 0; axis < 4; ++axis)
    require(w[axis] >= 1 && w[axis] <= kConvLimit, op, ": axis ", axis, " of the weights ", w, " must be in [1, ", kConvLimit, "]; x ", x);
  for (int axis : {1, 2})
    require(w[axis] == 1 || dilation <= kConvLimit / (w[axis] - 1), op, ": dilation ", dilation, " overflows with weights ", w, " and x ",
            x);
}

inline void require_conv_bias(const char* op, const Tensor& b, std::int64_t cout) {
  if (b) require(b.shape() == Shape{cout}, op, ": the bias must have shape ", Shape{cout}, " (Cout), got ", b.shape());
}
}  // namespace detail

/// Makes the convolutions that this thread records use a plan, forward and backward, while it lives: for tests, benchmarks and tuners. One
/// that a method does not compute throws OptionError.
class Conv2dPlanScope {
 public:
  explicit Conv2dPlanScope(const Conv2dPlan& plan) : previous_(std::exchange(current(), plan)) {}
  ~Conv2dPlanScope() { current() = previous_; }
  Conv2dPlanScope(const Conv2dPlanScope&) = delete;
  Conv2dPlanScope& operator=(const Conv2dPlanScope&) = delete;
  static Conv2dPlan& current() {
    thread_local Conv2dPlan plan;
    return plan;
  }

 private:
  Conv2dPlan previous_;
};

/// Shape of conv2d(x, w). Throws ShapeError.
inline Shape conv2d_shape(const Shape& x, const Shape& w, const Conv2dParams& params) {
  detail::require_conv_attributes("conv2d", params.stride, params.dilation, params.groups, params.padding);
  detail::require_conv_operands("conv2d", x, w, params.dilation);
  require(x[3] % params.groups == 0 && w[0] % params.groups == 0 && w[3] == x[3] / params.groups, "conv2d: weights ", w,
          " (Cout, Kh, Kw, Cin/groups) do not fit x ", x, " (N, H, W, Cin) with groups = ", params.groups);
  const auto [top, bottom, left, right, same] = kernels::resolve_padding(params, x[1], x[2], w[1], w[2]).padding;
  const auto ho = kernels::conv2d_extent(x[1], w[1], params.stride, params.dilation, std::int64_t{top} + bottom);
  const auto wo = kernels::conv2d_extent(x[2], w[2], params.stride, params.dilation, std::int64_t{left} + right);
  require(ho >= 1 && wo >= 1, "conv2d: the kernel of weights ", w, ", dilated by ", params.dilation,
          ", is larger than the padded image of x ", x);
  require(ho <= detail::kConvLimit && wo <= detail::kConvLimit, "conv2d: the padding of x ", x, " with weights ", w, " makes an output of ",
          ho, " x ", wo, " pixels; the most is ", detail::kConvLimit, " a side");
  return result_shape("conv2d", {x[0], ho, wo, w[0]});
}

namespace detail {
/// The plan of the convolution x -> y with packed weights: what the thread's scope leaves open the device's context chooses.
inline Conv2dPlan conv2d_plan(const char* op, const Tensor& like, const Shape& x, const Shape& w, const Shape& y, const Conv2dParams& p) {
  Conv2dPlan plan = Conv2dPlanScope::current();
  for (const Conv2dMethod& how : {plan.forward, plan.backward_data, plan.backward_weights})
    require<OptionError>(kernels::conv2d_supports(like.device().type, how.algorithm, w[0], w[1], w[2], w[3], p), op, ": algorithm ",
                         name_of(how.algorithm), " does not compute weights ", w, " with stride ", p.stride, ", dilation ", p.dilation,
                         ", groups ", p.groups, " on ", like.device(),
                         "; use Conv2dAlgorithm::automatic, or implicit_gemm, which computes them all");
  dispatch(like, [&]<class T>(auto& device) {
    const auto extents = [](const Shape& s) { return View4<const T>{nullptr, s[0], s[1], s[2], s[3], s[3]}; };
    kernels::conv2d_plan<T>(device, extents(x), extents(w), extents(y), p, &plan);
  });
  return plan;
}

/// conv2d, or conv2d_measured.
inline Measured conv2d(const Tensor& x, const Tensor& w, const Tensor& b, const Conv2dParams& params, const Tensor& into, bool measure) {
  require_computable("conv2d", {{"x", x}, {"w", w}}, {{"b", b}});
  const Shape shape = conv2d_shape(x.shape(), w.shape(), params);
  require_conv_bias("conv2d", b, w.size(0));
  require_same_kind("conv2d", x, w);
  require_precise("conv2d", x, b);
  const Conv2dParams p = kernels::resolve_padding(params, x.size(1), x.size(2), w.size(1), w.size(2));
  const Conv2dPlan plan = conv2d_plan("conv2d", x, x.shape(), w.shape(), shape, p);
  const Tensor weights = w.packed();
  const Tensor y = output_for("conv2d", shape, like(x), into, {x, w, b});
  Tensor moments;
  if (measure) {
    moments = Tensor::empty({2, shape[3]}, {DType::f64, x.device()});
    if (y.numel() == 0) moments.fill(0);
  }
  dispatch(x, [&]<class T>(auto& device) {
    kernels::conv2d_forward<T>(device, x.view4<const T>(), weights.view4<const T>(), b ? b.data<const Precise<T>>() : nullptr, y.view4<T>(),
                               data_or_null<double>(moments), p, plan.forward);
  });
  const Tensor saved = p.activation.is_none() ? Tensor{} : y.detach();
  const Tensor for_dw = read_if(w.requires_grad(), x), for_dx = read_if(x.requires_grad(), weights);
  const std::int64_t padding[] = {p.padding.top, p.padding.bottom, p.padding.left, p.padding.right};
  record({"conv2d",
          {{"stride", p.stride},
           {"padding", padding},
           {"dilation", p.dilation},
           {"groups", p.groups},
           {"activation", name_of(p.activation.kind)},
           {"slope", p.activation.slope},
           {"algorithm", name_of(plan.forward.algorithm)}}},
         {x, w, b}, y, {for_dw, for_dx, saved}, [x, weights, saved, p, plan](const Tensor& dy, NeedsGrad need) -> Grads {
           const Tensor dz = before_activation(dy, saved, p.activation);
           const TensorOptions options = precise_like(x);
           Tensor dx, dw, db;
           if (need[0]) dx = Tensor::empty(x.shape(), like(x));
           if (need[1]) dw = Tensor::empty(weights.shape(), options);
           if (need[2]) db = Tensor::empty({weights.size(0)}, options);
           dispatch(x, [&]<class T>(auto& device) {
             if (dx)
               kernels::conv2d_backward_data<T>(device, dz.view4<const T>(), weights.view4<const T>(), dx.view4<T>(), p,
                                                plan.backward_data);
             View4<Precise<T>> dw_view{nullptr, weights.size(0), weights.size(1), weights.size(2), weights.size(3), weights.size(3)};
             if (dw) dw_view = dw.view4<Precise<T>>();
             if (dw || db)
               kernels::conv2d_backward_weights<T>(device, x.view4<const T>(), dz.view4<const T>(), dw_view,
                                                   db ? db.data<Precise<T>>() : nullptr, p, plan.backward_weights);
           });
           return {dx, dw, db};
         });
  return {y, moments};
}
}  // namespace detail

/// 2-d cross-correlation with zero padding, bias and activation; dilation > 1 is atrous convolution (Chen et al. 2017).
/// x (N, H, W, Cin), w (Cout, Kh, Kw, Cin/groups), b (Cout) or none -> (N, Ho, Wo, Cout), written to `into` when given;
/// Ho = (H + top + bottom - dilation*(Kh-1) - 1) / stride + 1, or ceil(H / stride) with SAME padding.
/// The bias, and the gradients of weights and bias, are f32 for bf16 images. Gradients: x, w, b. Throws ShapeError, DeviceError,
/// OptionError. Kernels: kernels/conv2d.{cpp,cu}.
inline Tensor conv2d(const Tensor& x, const Tensor& w, const Tensor& b = {}, const Conv2dParams& params = {}, const Tensor& into = {}) {
  return detail::conv2d(x, w, b, params, into, false).x;
}
/// conv2d with the moments of its result's channels, for batch_norm2d; on CUDA they are taken before the result leaves the registers. Of an
/// empty batch they are 0. Gradients: x, w, b.
inline Measured conv2d_measured(const Tensor& x, const Tensor& w, const Tensor& b = {}, const Conv2dParams& params = {},
                                const Tensor& into = {}) {
  return detail::conv2d(x, w, b, params, into, true);
}

}  // namespace lamina
