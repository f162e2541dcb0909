#pragma once
#include "lamina/core/device.hpp"
#include "lamina/core/dtype.hpp"
#include "lamina/kernels/activation.hpp"

namespace lamina {

/// Attributes of a batch normalisation. Plain data.
struct BatchNorm2dParams {
  bool training = true;   ///< normalise with the batch's statistics and update the running ones
  double momentum = 0.1;  ///< PyTorch's: running = (1 - momentum) * running + momentum * batch
  double epsilon = 1e-5;
  Activation activation = {};
};

namespace kernels {

/// y = act((x - mean) * rstd * gamma + beta + residual) over (pixels, channels) matrices; overwrites y.
/// Training: mean and the biased variance are the batch's, read from `moments` (2, channels) unless that is null; the running ones (unless
/// null) take the mean and the unbiased variance.
/// Otherwise they are the running ones. Writes mean and rstd = 1 / sqrt(variance + epsilon), which the backward needs.
/// gamma, beta, residual.data may be null (1, 0, 0).
LAMINA_KERNEL(batch_norm2d_forward, View2<const T> x, const double* moments, const Precise<T>* gamma, const Precise<T>* beta,
              View2<const T> residual, Precise<T>* running_mean, Precise<T>* running_var, Precise<T>* mean, Precise<T>* rstd, View2<T> y,
              const BatchNorm2dParams& p)
/// Gradients of x, the residual, gamma and beta; overwrites those that are not null. `y` is the output, or null where there was no
/// residual: then the activation is recomputed from x. dx may be dy, but not when dresidual is wanted.
LAMINA_KERNEL(batch_norm2d_backward, View2<const T> x, View2<const T> y, View2<const T> dy, const Precise<T>* gamma, const Precise<T>* beta,
              const Precise<T>* mean, const Precise<T>* rstd, View2<T> dx, View2<T> dresidual, Precise<T>* dgamma, Precise<T>* dbeta,
              const BatchNorm2dParams& p)

}  // namespace kernels
}  // namespace lamina
