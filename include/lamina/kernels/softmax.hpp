#pragma once
#include "lamina/core/device.hpp"

namespace lamina::kernels {

/// y[r,c] = exp(x[r,c] - m) / sum_k exp(x[r,k] - m), m = max_k x[r,k]; overwrites y, which may be x.
LAMINA_KERNEL(softmax_forward, View2<const T> x, View2<T> y)
/// dx = y * (dy - sum_k dy[r,k] * y[r,k]), from the result y; overwrites dx.
LAMINA_KERNEL(softmax_backward, View2<const T> y, View2<const T> dy, View2<T> dx)
/// y[r,c] = (x[r,c] - m) - log(sum_k exp(x[r,k] - m)); overwrites y, which may be x.
LAMINA_KERNEL(log_softmax_forward, View2<const T> x, View2<T> y)
/// dx = dy - exp(y) * sum_k dy[r,k], from the result y; overwrites dx, which may be neither y nor dy.
LAMINA_KERNEL(log_softmax_backward, View2<const T> y, View2<const T> dy, View2<T> dx)

}  // namespace lamina::kernels
