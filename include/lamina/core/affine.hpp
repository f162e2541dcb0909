#pragma once
// Where the pixels of a warped image come from: the one rule of the loader and of the kernels on every device.
#include <cstdint>

#include "lamina/core/view.hpp"

namespace lamina {

/// Where output pixels come from: source = linear * output + offset, in pixels with pixel centres at half-integers. Plain data.
struct AffineMap {
  double xx = 1, xy = 0, yx = 0, yy = 1, x = 0, y = 0;
};

/// RGB -> RGB, an affine map on samples 0..255, which it does not leave. Other numbers of channels get brightness and contrast alone, all
/// alike: the first factor and offset. Plain data.
struct ColorMap {
  float matrix[3][3] = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}};
  float offset[3] = {0, 0, 0};
  bool identity = true;
};

/// A photograph and its mask, in the memory of the device that samples them, and how they come to a network. Plain data.
struct WarpSource {
  const void* pixels = nullptr;          ///< rows of (width, channels) samples; null: a mask alone
  const std::uint8_t* labels = nullptr;  ///< (height, width, planes); null: a photograph alone
  std::int64_t height = 0, width = 0;
  std::int64_t channels = 0, row_bytes = 0;  ///< of the photograph, and from one of its rows to the next
  int sample_bytes = 1;                      ///< 1, or 2
  float to_255 = 1;                          ///< what samples of 2 bytes are multiplied by
  AffineMap map{};
  ColorMap color{};
};
/// What is outside of a source: samples of 0..255 (of other channels than three the first), and a label.
struct WarpBorder {
  std::uint8_t image[3] = {0, 0, 0}, label = 255;
};

/// A point of the source image, and the pixel that holds it.
struct WarpPoint {
  double x, y;
  std::int64_t row, column;  ///< the nearest pixel
  bool inside;               ///< is that pixel in the image?
};

/// The four pixels whose centres surround a point; edge pixels go on for ever.
struct WarpSquare {
  std::int64_t top, bottom, left, right;
  double down, across;  ///< weights of the bottom row and the right column

  /// What lies at the point, bilinearly.
  template <class T>
  LAMINA_HD constexpr T between(T top_left, T top_right, T bottom_left, T bottom_right) const {
    const T u = static_cast<T>(across), v = static_cast<T>(down);
    const T above = top_left + u * (top_right - top_left), below = bottom_left + u * (bottom_right - bottom_left);
    return above + v * (below - above);
  }
};

LAMINA_HD constexpr std::int64_t floor_to_integer(double v) {
  const auto i = static_cast<std::int64_t>(v);
  return static_cast<double>(i) > v ? i - 1 : i;
}

/// Where the pixels of output row i come from: column j from (xx, yx) * (j + 0.5) + (x, y).
struct WarpRow {
  double xx, yx, x, y;
  LAMINA_HD constexpr WarpRow(const AffineMap& m, std::int64_t i)
      : xx(m.xx), yx(m.yx), x(m.xy * (static_cast<double>(i) + 0.5) + m.x), y(m.yy * (static_cast<double>(i) + 0.5) + m.y) {}

  /// Of column j in a source of (height, width). Points further away than 2^52 pixels count as just outside.
  LAMINA_HD constexpr WarpPoint point(std::int64_t j, std::int64_t height, std::int64_t width) const {
    constexpr double kFar = 0x1p52;
    const double u = static_cast<double>(j) + 0.5;
    double px = xx * u + x, py = yx * u + y;
    if (!(px > -kFar && px < kFar)) px = -1;
    if (!(py > -kFar && py < kFar)) py = -1;
    const std::int64_t row = floor_to_integer(py), column = floor_to_integer(px);
    return {px, py, row, column, row >= 0 && row < height && column >= 0 && column < width};
  }
  /// The same where the point is known to be inside.
  LAMINA_HD constexpr WarpPoint point_inside(std::int64_t j) const {
    const double u = static_cast<double>(j) + 0.5, px = xx * u + x, py = yx * u + y;
    return {px, py, static_cast<std::int64_t>(py), static_cast<std::int64_t>(px), true};
  }
};

/// Where output pixel (i, j) comes from.
LAMINA_HD constexpr WarpPoint warp_point(const AffineMap& m, std::int64_t i, std::int64_t j, std::int64_t height, std::int64_t width) {
  return WarpRow(m, i).point(j, height, width);
}

/// Around a point inside the source.
LAMINA_HD constexpr WarpSquare warp_square(const WarpPoint& p, std::int64_t height, std::int64_t width) {
  const auto top = static_cast<std::int64_t>(p.y + 0.5) - 1, left = static_cast<std::int64_t>(p.x + 0.5) - 1;  // from -1 on
  return {.top = top < 0 ? 0 : top,
          .bottom = top + 1 < height ? top + 1 : top,
          .left = left < 0 ? 0 : left,
          .right = left + 1 < width ? left + 1 : left,
          .down = p.y - 0.5 - static_cast<double>(top),
          .across = p.x - 0.5 - static_cast<double>(left)};
}

}  // namespace lamina
