#pragma once
#include "lamina/core/device.hpp"

namespace lamina::kernels {

/// labels[r] = the column of the largest element of row r, the first on a tie; at most 256 columns. Overwrites `labels`.
LAMINA_KERNEL(argmax, View2<const T> x, std::uint8_t* labels)

}  // namespace lamina::kernels
