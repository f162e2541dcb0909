#pragma once
#include "lamina/autograd/node.hpp"
#include "lamina/core/dispatch.hpp"
#include "lamina/kernels/batch_norm2d.hpp"
#include "lamina/ops/activation.hpp"

namespace lamina {

/// A tensor x and, perhaps, the moments of its channels: what conv2d_measured takes on the way and batch_norm2d need not read x for. The
/// two stay together so that no one's moments are given for another's.
struct Measured {
  Tensor x;
  Tensor moments = {};  ///< f64 (2, C): means, then biased variances; or none

  Measured(Tensor x, Tensor moments = {}) : x(std::move(x)), moments(std::move(moments)) {}
};

namespace detail {
template <class T>
T* data_or_null(const Tensor& t) {
  return t ? t.data<T>() : nullptr;
}
/// A view of t, or a view of nothing.
template <class T>
View2<T> view2_or_null(const Tensor& t) {
  return t ? t.view2<T>() : View2<T>{nullptr, 0, 0, 0};
}
inline void require_channels(const char* op, const char* name, const Tensor& t, const Shape& x) {
  if (t) require(t.shape() == Shape{x[-1]}, op, ": ", name, " must have shape ", Shape{x[-1]}, " (C), got ", t.shape(), " with x ", x);
}
}  // namespace detail

/// act(bn(x) + residual), bn(x) = (x - mean) / sqrt(var + epsilon) * gamma + beta per channel (Ioffe & Szegedy 2015).
/// x (N, H, W, C), or any (..., C); gamma, beta (C) or none; running_mean, running_var (C), or both none in training; residual like x or
/// none; -> like x, written to `into` when given. In training the statistics are the batch's (biased variance; x's moments where it comes
/// with them) and the running ones are updated in place (unbiased variance); an empty batch leaves them alone. Gradients: x, gamma, beta,
/// residual; that of x accounts for the statistics, given or not. Throws ShapeError (also for one value per channel in training),
/// DeviceError, OptionError. Kernels: kernels/batch_norm2d.{cpp,cu}.
inline Tensor batch_norm2d(const Measured& measured, const Tensor& gamma, const Tensor& beta, const Tensor& running_mean,
                           const Tensor& running_var, const BatchNorm2dParams& p = {}, const Tensor& residual = {},
                           const Tensor& into = {}) {
  const char* op = "batch_norm2d";
  const Tensor &x = measured.x, &moments = measured.moments;
  require_computable(
      op, {{"x", x}},
      {{"gamma", gamma}, {"beta", beta}, {"running_mean", running_mean}, {"running_var", running_var}, {"residual", residual}});
  require(x.rank() >= 1, op, ": x must have a channel axis, got shape ", x.shape());
  detail::require_channels(op, "gamma", gamma, x.shape());
  detail::require_channels(op, "beta", beta, x.shape());
  detail::require_channels(op, "running_mean", running_mean, x.shape());
  detail::require_channels(op, "running_var", running_var, x.shape());
  if (moments) {
    require(moments.shape() == Shape{2, x.size(-1)}, op, ": moments must have shape ", Shape{2, x.size(-1)}, " (2, C), got ",
            moments.shape(), " with x ", x.shape());
    detail::require_kind(op, x, moments, DType::f64);
  }
  if (residual) require(residual.shape() == x.shape(), op, ": the residual has shape ", residual.shape(), ", x has ", x.shape());
  require_same_kind(op, x, residual);
  require_precise(op, x, gamma, beta, running_mean, running_var);
  detail::require_activation(op, p.activation);
  require<OptionError>(p.epsilon > 0, op, ": epsilon must be positive, got ", p.epsilon);
  require<OptionError>(p.momentum >= 0 && p.momentum <= 1, op, ": momentum must be in [0, 1], got ", p.momentum);
  require(static_cast<bool>(running_mean) == static_cast<bool>(running_var), op, ": running_mean and running_var come together");
  require(p.training || running_mean, op, ": evaluation needs running_mean and running_var");
  require(!p.training || x.numel() != x.size(-1), op, ": training needs more than one value per channel, got shape ", x.shape());

  const Tensor mean = Tensor::empty({x.size(-1)}, precise_like(x)), rstd = Tensor::empty({x.size(-1)}, precise_like(x));
  if (x.numel() == 0)
    for (const Tensor& t : {mean, rstd}) t.fill(0);
  Tensor y = output_for(op, x.shape(), like(x), into, {x, moments, gamma, beta, running_mean, running_var, residual});
  dispatch(x, [&]<class T>(auto& device) {
    using P = Precise<T>;
    kernels::batch_norm2d_forward<T>(device, x.view2<const T>(), detail::data_or_null<const double>(moments),
                                     detail::data_or_null<const P>(gamma), detail::data_or_null<const P>(beta),
                                     detail::view2_or_null<const T>(residual), detail::data_or_null<P>(running_mean),
                                     detail::data_or_null<P>(running_var), mean.data<P>(), rstd.data<P>(), y.view2<T>(), p);
  });
  if (p.training)
    for (const Tensor& running : {running_mean, running_var})
      if (running) running.mark_written();
  const Tensor saved = residual && !p.activation.is_none() ? y.detach() : Tensor{}, shifted = read_if(!p.activation.is_none(), beta);
  return record({op,
                 {{"training", p.training},
                  {"momentum", p.momentum},
                  {"epsilon", p.epsilon},
                  {"activation", name_of(p.activation.kind)},
                  {"slope", p.activation.slope},
                  {"running_mean", &running_mean},
                  {"running_var", &running_var}}},
                {x, gamma, beta, residual}, y, {x, gamma, shifted, saved}, [=](const Tensor& dy, NeedsGrad need) -> Grads {
                  const auto want = [&](std::size_t i, const Tensor& t) { return need[i] ? Tensor::empty(t.shape(), like(t)) : Tensor{}; };
                  const Tensor dx = want(0, x), dgamma = want(1, mean), dbeta = want(2, mean);
                  // Without an activation the residual's gradient is dy itself.
                  const Tensor dresidual = p.activation.is_none() ? Tensor{} : want(3, x);
                  dispatch(x, [&]<class T>(auto& device) {
                    using P = Precise<T>;
                    kernels::batch_norm2d_backward<T>(device, x.view2<const T>(), detail::view2_or_null<const T>(saved),
                                                      dy.view2<const T>(), detail::data_or_null<const P>(gamma),
                                                      detail::data_or_null<const P>(beta), mean.data<const P>(), rstd.data<const P>(),
                                                      detail::view2_or_null<T>(dx), detail::view2_or_null<T>(dresidual),
                                                      detail::data_or_null<P>(dgamma), detail::data_or_null<P>(dbeta), p);
                  });
                  return {dx, dgamma, dbeta, p.activation.is_none() ? dy : dresidual};
                });
}

}  // namespace lamina
