#pragma once
#include "lamina/core/device.hpp"

namespace lamina::kernels {

/// y = x for (rows, cols) matrices whose rows may lie apart; overwrites y.
LAMINA_KERNEL(copy, View2<const T> x, View2<T> y)

}  // namespace lamina::kernels
