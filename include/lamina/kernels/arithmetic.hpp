#pragma once
#include "lamina/core/device.hpp"

namespace lamina::kernels {

/// Elementwise y = a + b, a - b, a * b over (rows, cols) matrices of one shape; overwrites y, which may be a or b.
LAMINA_KERNEL(add, View2<const T> a, View2<const T> b, View2<T> y)
LAMINA_KERNEL(subtract, View2<const T> a, View2<const T> b, View2<T> y)
LAMINA_KERNEL(multiply, View2<const T> a, View2<const T> b, View2<T> y)
/// y = factor * x + offset; overwrites y, which may be x.
LAMINA_KERNEL(scale, View2<const T> x, double factor, double offset, View2<T> y)

}  // namespace lamina::kernels
