#pragma once
#include "lamina/core/device.hpp"

namespace lamina::kernels {

/// Where the elements of a tensor with five axes lie: (i, j, k, l, m) at i * stride[0] + ... + m * stride[4].
struct Strided {
  std::int64_t extent[5], stride[5];
};

/// y = the elements of x in the order of `from`, whose last extent is y.cols; overwrites y. A stride of 0 repeats, exchanged ones permute.
LAMINA_KERNEL(strided_copy, const T* x, Strided from, View2<T> y)

}  // namespace lamina::kernels
