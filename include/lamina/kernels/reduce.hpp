#pragma once
#include "lamina/core/device.hpp"

namespace lamina::kernels {

/// Which rows are summed: those of x are numbered (outer, reduced, inner), those of y (outer, inner).
struct Reduction {
  std::int64_t outer, reduced, inner;
};

/// y[(o,i), c] = factor * sum_r x[(o,r,i), c]. When y has one column, it is the sum over the columns of x too. Overwrites y.
LAMINA_KERNEL(reduce_sum, View2<const T> x, Reduction rows, double factor, View2<T> y)
/// The adjoint: dx[(o,r,i), c] = factor * dy[(o,i), c], or the only column of dy. Overwrites dx.
LAMINA_KERNEL(reduce_spread, View2<const T> dy, Reduction rows, double factor, View2<T> dx)

}  // namespace lamina::kernels
