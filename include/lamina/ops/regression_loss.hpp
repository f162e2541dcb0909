#pragma once
#include "lamina/autograd/node.hpp"
#include "lamina/core/dispatch.hpp"
#include "lamina/kernels/regression_loss.hpp"

namespace lamina {

/// Attributes of a loss between images.
struct RegressionLossParams {
  enum class Reduction : std::uint8_t { mean, sum };
  Reduction reduction = Reduction::mean;  ///< over all elements
  Tensor weights{};                       ///< of a sum: what each element's loss is multiplied by, like x; none: 1
};

namespace detail {
inline Tensor regression_loss(const char* op, RegressionLoss kind, const Tensor& x, const Tensor& target, const RegressionLossParams& p,
                              double beta = 1) {
  require_computable(op, {{"x", x}, {"target", target}}, {{"weights", p.weights}});
  require(x.shape() == target.shape(), op, ": x and target must have one shape, got ", x.shape(), " and ", target.shape());
  require_same_kind(op, x, target);
  if (p.weights) {
    require(p.weights.shape() == x.shape(), op, ": weights must be like x ", x.shape(), ", got ", p.weights.shape());
    require_same_kind(op, x, p.weights);
    require<OptionError>(p.reduction == RegressionLossParams::Reduction::sum, op, ": weights go with a sum");
  }
  const bool mean = p.reduction == RegressionLossParams::Reduction::mean;
  require(x.numel() > 0 || !mean, op, ": x ", x.shape(), " has no elements to average");
  const double factor = mean ? 1 / static_cast<double>(x.numel()) : 1;
  Tensor loss = Tensor::empty({}, precise_like(x));
  const auto weights_of = []<class T>(const Tensor& w, T) { return w ? w.view2<const T>() : View2<const T>{}; };
  dispatch(x, [&]<class T>(auto& device) {
    kernels::regression_loss_forward<T>(device, x.view2<const T>(), target.view2<const T>(), weights_of(p.weights, T{}), kind, beta, factor,
                                        loss.data<Precise<T>>());
  });
  const Tensor weights = p.weights;
  return record({op, {{"mean", mean}, {"beta", beta}, {"weights", &weights}}}, {x, target}, loss, {x, target, weights},
                [=](const Tensor& dloss, NeedsGrad need) -> Grads {
                  const auto gradient = [&](bool wanted, double sign) {
                    if (!wanted) return Tensor{};
                    Tensor dx = Tensor::empty(x.shape(), like(x));
                    dispatch(x, [&]<class T>(auto& device) {
                      kernels::regression_loss_backward<T>(device, x.view2<const T>(), target.view2<const T>(), weights_of(weights, T{}),
                                                           kind, beta, sign * factor, dloss.data<const Precise<T>>(), dx.view2<T>());
                    });
                    return dx;
                  };
                  return {gradient(need[0], 1), gradient(need[1], -1)};
                });
}
}  // namespace detail

/// The mean (or sum) of |x - target|, a scalar: x, target of one shape. The slope where they are equal is 0.
/// Gradients: x, target. Throws ShapeError (also for the mean of nothing), DeviceError. Kernels: kernels/regression_loss.{cpp,cu}.
inline Tensor l1_loss(const Tensor& x, const Tensor& target, const RegressionLossParams& p = {}) {
  return detail::regression_loss("l1_loss", RegressionLoss::l1, x, target, p);
}

/// The mean (or sum) of (x - target)^2, a scalar: x, target of one shape.
/// Gradients: x, target. Throws ShapeError (also for the mean of nothing), DeviceError. Kernels: kernels/regression_loss.{cpp,cu}.
inline Tensor mse_loss(const Tensor& x, const Tensor& target, const RegressionLossParams& p = {}) {
  return detail::regression_loss("mse_loss", RegressionLoss::mse, x, target, p);
}

/// The mean (or sum) of (x - target)^2 / (2 beta) where |x - target| < beta, else of |x - target| - beta / 2, a scalar (Girshick 2015): x,
/// target of one shape. Gradients: x, target. Throws ShapeError (also for the mean of nothing), DeviceError, OptionError unless beta > 0.
/// Kernels: kernels/regression_loss.{cpp,cu}.
inline Tensor smooth_l1_loss(const Tensor& x, const Tensor& target, double beta = 1, const RegressionLossParams& p = {}) {
  require<OptionError>(beta > 0, "smooth_l1_loss: beta must be positive, got ", beta);
  return detail::regression_loss("smooth_l1_loss", RegressionLoss::smooth, x, target, p, beta);
}

}  // namespace lamina
