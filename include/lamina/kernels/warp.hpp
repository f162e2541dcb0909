#pragma once
#include "lamina/core/affine.hpp"
#include "lamina/core/device.hpp"
#include "lamina/core/dtype.hpp"

namespace lamina::kernels {

/// y[n,i,j,c] = scale[c] * value + offset[c], value = x[n] bilinearly at maps[n] of (i, j), edge pixels going on for ever, or `border`
/// where the nearest pixel is outside. labels_out[n,i,j] = labels[n] at the nearest pixel, or `outside`. Overwrites y and labels_out. maps
/// is host memory. scale and offset (C) may be null (1 and 0); so may labels (N, H, W) together with labels_out.
LAMINA_KERNEL(warp, View4<const std::uint8_t> x, const std::uint8_t* labels, const AffineMap* maps, const Precise<T>* scale,
              const Precise<T>* offset, std::uint8_t border, std::uint8_t outside, View4<T> y, std::uint8_t* labels_out)

}  // namespace lamina::kernels
