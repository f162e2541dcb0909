#pragma once
#include "lamina/core/affine.hpp"
#include "lamina/core/device.hpp"
#include "lamina/core/dtype.hpp"

namespace lamina::kernels {

/// y[n,i,j,c] = scale[c] * value + offset[c], value = sources[n]'s samples (0..255) bilinearly where its map has (i, j), edge pixels going
/// on for ever, after its color map; the border's where the nearest pixel is outside. labels[n,i,j,:] = its labels at the nearest pixel, or
/// the border's. A photograph has y.c channels, or one, which then is repeated. Overwrites y and labels, of which the other may be null;
/// y's sizes hold in any case. `sources` is host memory; what they point to, scale and offset (y.c) are the device's.
LAMINA_KERNEL(warp, const WarpSource* sources, WarpBorder border, const Precise<T>* scale, const Precise<T>* offset, View4<T> y,
              std::uint8_t* labels, std::int64_t planes)

}  // namespace lamina::kernels
