#pragma once
#include "lamina/core/device.hpp"

namespace lamina::kernels {

/// *result = no element of x is NaN or infinite. `result` is host memory.
LAMINA_KERNEL(all_finite, View2<const T> x, bool* result)

}  // namespace lamina::kernels
