#pragma once
#include "lamina/core/device.hpp"
#include "lamina/core/dtype.hpp"

namespace lamina::kernels {

/// y = gamma[c] * (x - mean[n,g]) * rstd[n,g] + beta[c], g = c / (C / groups): each image's group of channels has its own mean and
/// rstd = 1 / sqrt(variance + epsilon) (biased variance). Overwrites y and the statistics, both (N, groups).
LAMINA_KERNEL(group_norm_forward, View4<const T> x, const Precise<T>* gamma, const Precise<T>* beta, int groups, double epsilon, View4<T> y,
              Precise<T>* mean, Precise<T>* rstd)
/// Overwrites dx (N,H,W,C), dgamma (C) and dbeta (C); dx.data may be null: then it is not computed.
LAMINA_KERNEL(group_norm_backward, View4<const T> x, const Precise<T>* gamma, const Precise<T>* mean, const Precise<T>* rstd, int groups,
              View4<const T> dy, View4<T> dx, Precise<T>* dgamma, Precise<T>* dbeta)

}  // namespace lamina::kernels
