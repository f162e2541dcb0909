// The losses of an element as functors of its error d = x - target, on every device: f(d), and f.slope(d) = f'(d).
// V is a register of the CPU or a CUDA thread's number.
#pragma once
#include "lamina/kernels/regression_loss.hpp"

namespace lamina::kernels::LAMINA_ISA {

struct AbsoluteError {
  template <class V>
  LAMINA_HD V operator()(V d) const {
    return d < V{} ? -d : d;
  }
  template <class V>
  LAMINA_HD V slope(V d) const {
    const V one = V{} + 1;
    return d > V{} ? one : d < V{} ? -one : V{};
  }
};
struct SquaredError {
  template <class V>
  LAMINA_HD V operator()(V d) const {
    return d * d;
  }
  template <class V>
  LAMINA_HD V slope(V d) const {
    return d + d;
  }
};

/// Calls f(functor).
template <class F>
LAMINA_HD void with_regression_loss(RegressionLoss kind, F&& f) {
  if (kind == RegressionLoss::l1)
    f(AbsoluteError{});
  else
    f(SquaredError{});
}

}  // namespace lamina::kernels::LAMINA_ISA
