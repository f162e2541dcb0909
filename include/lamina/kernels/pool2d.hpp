#pragma once
#include "lamina/core/device.hpp"
#include "lamina/kernels/conv2d.hpp"

namespace lamina {

/// Attributes of a 2-d pooling window. Plain data.
struct Pool2dParams {
  int kernel = 2;
  int stride = 2;
  Padding padding = {};  ///< pixels that are never taken (max)
};

namespace kernels {

/// y[n,p,q,c] = max over the window's pixels inside the image; `winner` (packed, like y) = the window position r * kernel + s of the
/// first maximum, and may be null. A NaN in the window wins. Every window holds at least one pixel; kernel <= 15.
LAMINA_KERNEL(max_pool2d_forward, View4<const T> x, View4<T> y, std::uint8_t* winner, const Pool2dParams& p)
/// dx in gather form: each input pixel adds up the dy of the windows it won. Overwrites dx.
LAMINA_KERNEL(max_pool2d_backward, View4<const T> dy, const std::uint8_t* winner, View4<T> dx, const Pool2dParams& p)

}  // namespace kernels
}  // namespace lamina
