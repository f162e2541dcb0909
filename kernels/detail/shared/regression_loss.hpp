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
template <class T>
struct SmoothError {
  T beta;
  template <class V>
  LAMINA_HD V operator()(V d) const {
    const V a = d < V{} ? -d : d;
    return a < V{} + beta ? d * d * (T(0.5) / beta) : a - T(0.5) * beta;
  }
  template <class V>
  LAMINA_HD V slope(V d) const {
    const V one = V{} + 1, within = d / beta;
    return within > one ? one : within < -one ? -one : within;
  }
};

/// Calls f(functor).
template <class T, class F>
LAMINA_HD void with_regression_loss(RegressionLoss kind, double beta, F&& f) {
  switch (kind) {
    case RegressionLoss::l1: return f(AbsoluteError{});
    case RegressionLoss::mse: return f(SquaredError{});
    case RegressionLoss::smooth: return f(SmoothError<T>{static_cast<T>(beta)});
  }
}

}  // namespace lamina::kernels::LAMINA_ISA
