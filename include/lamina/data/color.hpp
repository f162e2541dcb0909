#pragma once
#include <array>
#include <span>
#include <string_view>

#include "lamina/core/tensor.hpp"

namespace lamina::data {

/// Luma of ITU-R BT.601, as JPEG has it.
inline constexpr double kLuma[3] = {0.299, 0.587, 0.114};

/// CIE L*a*b* of an sRGB color with components in [0, 1], under D65: L in [0, 100]; and back, where components may leave [0, 1].
std::array<double, 3> rgb_to_lab(const std::array<double, 3>& rgb);
std::array<double, 3> lab_to_rgb(const std::array<double, 3>& lab);

/// How colorful an RGB picture of samples 0..255 is: 0 is gray, 15 slightly, 45 quite, 109 extremely (Hasler & Suesstrunk 2003).
double colorfulness(std::span<const float> rgb);

/// What colorization takes apart.
enum class ColorSpace : std::uint8_t {
  rgb,  ///< luma, to red, green and blue
  lab,  ///< L / 50 - 1, to a / 110 and b / 110
};
/// Throws OptionError naming the nearest.
ColorSpace color_space_named(std::string_view name);

/// Photographs as colorization sees them, values mostly in [-1, 1], f32 on the host.
struct Colors {
  Tensor gray;   ///< (N, H, W, 3): one value three times, so that a network for photographs reads it
  Tensor color;  ///< (N, H, W, 3), of lab (N, H, W, 2)
};
inline int color_channels(ColorSpace space) { return space == ColorSpace::rgb ? 3 : 2; }
/// Of images (N, H, W, 3) in [-1, 1], f32 on the host. Throws ShapeError.
Colors split_colors(ColorSpace space, const Tensor& images);
/// The pictures (N, h, w, 3) in [-1, 1] of gray (N, h, w, 1 or more; the first channel counts) and color of its size; any dtype and device.
Tensor join_colors(ColorSpace space, const Tensor& gray, const Tensor& color);

}  // namespace lamina::data
