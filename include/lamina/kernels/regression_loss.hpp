#pragma once
#include "lamina/core/device.hpp"
#include "lamina/core/dtype.hpp"

namespace lamina {

/// How far a prediction x is from its target t, an element.
enum class RegressionLoss : std::uint8_t {
  l1,      ///< |x - t|
  mse,     ///< (x - t)^2
  smooth,  ///< (x - t)^2 / (2 beta) where |x - t| < beta, else |x - t| - beta / 2
};

namespace kernels {

/// *loss = factor * sum of the elements' losses, each times its weight where there are weights (of the shape of x; or no data), in a fixed
/// order, in double (on the CPU of up to 64 f32 values at a time); overwrites loss.
LAMINA_KERNEL(regression_loss_forward, View2<const T> x, View2<const T> target, View2<const T> weights, RegressionLoss kind, double beta,
              double factor, Precise<T>* loss)
/// dx = *dloss * factor * weight * d(loss of the element)/dx, for l1 0 where x is the target; the target's gradient is that of -factor.
/// Overwrites dx.
LAMINA_KERNEL(regression_loss_backward, View2<const T> x, View2<const T> target, View2<const T> weights, RegressionLoss kind, double beta,
              double factor, const Precise<T>* dloss, View2<T> dx)

}  // namespace kernels
}  // namespace lamina
