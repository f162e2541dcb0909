#pragma once
#include "lamina/core/device.hpp"
#include "lamina/kernels/conv2d.hpp"

namespace lamina {

/// Attributes of a 2-d pooling window. Plain data.
struct Pool2dParams {
  int kernel = 2;
  int stride = 2;
  Padding padding = {};           ///< pixels that are never taken (max) or 0 (average)
  bool count_include_pad = true;  ///< average: divide by kernel^2, not by the number of the window's pixels inside the image
};

namespace kernels {

/// y[n,p,q,c] = max over the window's pixels inside the image; `winner` (packed, like y) = the window position r * kernel + s of the
/// first maximum, 16-byte aligned, and may be null. The first NaN in the window wins. Every window holds at least one pixel; kernel <= 15.
LAMINA_KERNEL(max_pool2d_forward, View4<const T> x, View4<T> y, std::uint8_t* winner, const Pool2dParams& p)
/// dx in gather form: each input pixel adds up the dy of the windows it won. Overwrites dx.
LAMINA_KERNEL(max_pool2d_backward, View4<const T> dy, const std::uint8_t* winner, View4<T> dx, const Pool2dParams& p)

/// y[n,p,q,c] = sum over the window's pixels inside the image / (kernel^2, or their number); overwrites y.
LAMINA_KERNEL(avg_pool2d_forward, View4<const T> x, View4<T> y, const Pool2dParams& p)
/// dx in gather form: each input pixel adds up the dy / divisor of the windows that hold it. Overwrites dx.
LAMINA_KERNEL(avg_pool2d_backward, View4<const T> dy, View4<T> dx, const Pool2dParams& p)

}  // namespace kernels
}  // namespace lamina
