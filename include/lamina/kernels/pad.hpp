#pragma once
#include "lamina/core/device.hpp"

namespace lamina::kernels {

/// y[n,h,w,c] = x[n, h - top, w - left, c] where that pixel exists, else value; overwrites y. Negative top and left crop.
LAMINA_KERNEL(pad, View4<const T> x, std::int64_t top, std::int64_t left, double value, View4<T> y)

}  // namespace lamina::kernels
