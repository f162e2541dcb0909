#pragma once
#include "lamina/core/device.hpp"

namespace lamina::kernels {

/// `planes`: labels (rows, cols) = 1 where x[r, c] > thresholds[c], else 0; `count` is cols. Otherwise labels (rows) = how many of the
/// `count` thresholds k are below x[r, k], or below x[r, 0] where x has one column; `count` <= 255. Overwrites `labels`.
LAMINA_KERNEL(count_above, View2<const T> x, const float* thresholds, int count, bool planes, std::uint8_t* labels)

}  // namespace lamina::kernels
