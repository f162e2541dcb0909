#pragma once
#include "lamina/autograd/node.hpp"
#include "lamina/core/dispatch.hpp"
#include "lamina/kernels/group_norm.hpp"

namespace lamina {

/// Group normalisation (Wu and He 2018): each image's `groups` groups of C / groups channels to mean 0 and variance 1, then
/// gamma * . + beta. groups = 1 is layer normalisation of an image, groups = C instance normalisation.
/// x (N, H, W, C), gamma and beta (C) -> (N, H, W, C). Gradients: x, gamma, beta.
/// Throws ShapeError, DeviceError, OptionError. Kernels: kernels/group_norm.{cpp,cu}.
inline Tensor group_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, int groups, double epsilon = 1e-5,
                         const Tensor& into = {}) {
  require_computable("group_norm", {{"x", x}, {"gamma", gamma}, {"beta", beta}});
  require(x.rank() == 4 && x.size(1) >= 1 && x.size(2) >= 1 && x.size(3) >= 1,
          "group_norm: x must be (N, H, W, C) with non-empty images, got ", x.shape());
  const std::int64_t c = x.size(3);
  require(groups >= 1 && c % groups == 0, "group_norm: groups must be positive and divide the channels of x ", x.shape(), ", got ", groups);
  for (const Tensor& t : {gamma, beta})
    require(t.shape() == Shape{c}, "group_norm: gamma and beta must have shape ", Shape{c}, " (C of x ", x.shape(), "), got ", t.shape());
  require<OptionError>(epsilon > 0, "group_norm: epsilon must be positive, got ", epsilon);
  require_precise("group_norm", x, gamma, beta);
  Tensor y = output_for("group_norm", x.shape(), like(x), into, {x, gamma, beta});
  const Tensor mean = Tensor::empty({x.size(0), groups}, precise_like(x)), rstd = Tensor::empty({x.size(0), groups}, precise_like(x));
  dispatch(x, [&]<class T>(auto& device) {
    using P = Precise<T>;
    kernels::group_norm_forward<T>(device, x.view4<const T>(), gamma.data<const P>(), beta.data<const P>(), groups, epsilon, y.view4<T>(),
                                   mean.data<P>(), rstd.data<P>());
  });
  return record({"group_norm", {{"groups", groups}, {"epsilon", epsilon}}}, {x, gamma, beta}, y, {x, gamma},
                [x, gamma, mean, rstd, groups](const Tensor& dy, NeedsGrad need) -> Grads {
                  const Tensor dx = need[0] ? Tensor::empty(x.shape(), like(x)) : Tensor{};
                  const Tensor dgamma = Tensor::empty(gamma.shape(), like(gamma)), dbeta = Tensor::empty(gamma.shape(), like(gamma));
                  dispatch(x, [&]<class T>(auto& device) {
                    using P = Precise<T>;
                    kernels::group_norm_backward<T>(device, x.view4<const T>(), gamma.data<const P>(), mean.data<const P>(),
                                                    rstd.data<const P>(), groups, dy.view4<const T>(), dx ? dx.view4<T>() : View4<T>{},
                                                    dgamma.data<P>(), dbeta.data<P>());
                  });
                  return {dx, dgamma, dbeta};
                });
}

}  // namespace lamina
