#pragma once
#include "lamina/core/device.hpp"
#include "lamina/core/dtype.hpp"

namespace lamina {

/// Where output pixels come from: source = linear * output + offset, in pixels with pixel centres at half-integers. Plain data.
struct AffineMap {
  double xx = 1, xy = 0, yx = 0, yy = 1, x = 0, y = 0;
};

namespace kernels {

/// A point of the source image: the pixel that holds it, and its distance from the pixel centres above and to the left of it.
struct WarpPoint {
  std::int64_t row, column;  ///< the nearest pixel
  bool inside;               ///< is that pixel in the image?
  std::int64_t top, left;    ///< the first of the four pixels around the point, before clamping
  double down, right;        ///< the weight of the second row and column
};
LAMINA_HD constexpr std::int64_t floor_to_integer(double v) {
  const auto i = static_cast<std::int64_t>(v);
  return static_cast<double>(i) > v ? i - 1 : i;
}
/// Of output pixel (i, j) in a source of (height, width). Points further away than 2^52 pixels count as just outside.
LAMINA_HD constexpr WarpPoint warp_point(const AffineMap& m, std::int64_t i, std::int64_t j, std::int64_t height, std::int64_t width) {
  constexpr double kFar = 0x1p52;
  const double u = static_cast<double>(j) + 0.5, v = static_cast<double>(i) + 0.5;
  double x = m.xx * u + m.xy * v + m.x, y = m.yx * u + m.yy * v + m.y;
  if (!(x > -kFar && x < kFar)) x = -1;
  if (!(y > -kFar && y < kFar)) y = -1;
  const std::int64_t row = floor_to_integer(y), column = floor_to_integer(x), top = floor_to_integer(y - 0.5),
                     left = floor_to_integer(x - 0.5);
  return {row,
          column,
          row >= 0 && row < height && column >= 0 && column < width,
          top,
          left,
          y - 0.5 - static_cast<double>(top),
          x - 0.5 - static_cast<double>(left)};
}
/// The nearest index inside [0, extent).
LAMINA_HD constexpr std::int64_t clamp_index(std::int64_t i, std::int64_t extent) { return i < 0 ? 0 : i < extent ? i : extent - 1; }

/// y[n,i,j,c] = scale[c] * value + offset[c], value = x[n] bilinearly at maps[n] of (i, j), edge pixels going on for ever, or `border`
/// where the nearest pixel is outside. labels_out[n,i,j] = labels[n] at the nearest pixel, or `outside`. Overwrites y and labels_out. maps
/// is host memory. scale and offset (C) may be null (1 and 0); so may labels (N, H, W) together with labels_out.
LAMINA_KERNEL(warp, View4<const std::uint8_t> x, const std::uint8_t* labels, const AffineMap* maps, const Precise<T>* scale,
              const Precise<T>* offset, std::uint8_t border, std::uint8_t outside, View4<T> y, std::uint8_t* labels_out)

}  // namespace kernels
}  // namespace lamina
