#pragma once
#include "lamina/core/device.hpp"

namespace lamina::kernels {

/// Elementwise y = a + b, a - b, a * b, a / b, max(a, b), min(a, b) over (rows, cols) matrices of one shape; overwrites y, which may be a
/// or b. max and min of a number and NaN are NaN.
LAMINA_KERNEL(add, View2<const T> a, View2<const T> b, View2<T> y)
LAMINA_KERNEL(subtract, View2<const T> a, View2<const T> b, View2<T> y)
LAMINA_KERNEL(multiply, View2<const T> a, View2<const T> b, View2<T> y)
LAMINA_KERNEL(divide, View2<const T> a, View2<const T> b, View2<T> y)
LAMINA_KERNEL(maximum, View2<const T> a, View2<const T> b, View2<T> y)
LAMINA_KERNEL(minimum, View2<const T> a, View2<const T> b, View2<T> y)
/// y = 1 where a > b, else 0.
LAMINA_KERNEL(greater, View2<const T> a, View2<const T> b, View2<T> y)
/// da = dy where a > b, half of it where they are equal, else 0: a's share of the gradient of max(a, b).
LAMINA_KERNEL(share_of_greater, View2<const T> a, View2<const T> b, View2<const T> dy, View2<T> da)
/// y = a where c is not 0, else b.
LAMINA_KERNEL(select, View2<const T> c, View2<const T> a, View2<const T> b, View2<T> y)
/// y = factor * x + offset; overwrites y, which may be x.
LAMINA_KERNEL(scale, View2<const T> x, double factor, double offset, View2<T> y)

}  // namespace lamina::kernels
