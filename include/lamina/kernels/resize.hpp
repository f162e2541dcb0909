#pragma once
#include "lamina/core/device.hpp"

namespace lamina {

/// How bilinear resizing maps output pixel o to an input position.
enum class ResizeGrid : std::uint8_t {
  half_pixel,     ///< (o + 0.5) * in / out - 0.5, clamped to the image (PyTorch align_corners=False, TensorFlow 2)
  align_corners,  ///< o * (in - 1) / (out - 1): the corner pixels coincide (PyTorch align_corners=True)
};

constexpr const char* name_of(ResizeGrid grid) { return grid == ResizeGrid::half_pixel ? "half_pixel" : "align_corners"; }

namespace kernels {

/// Nearest: output pixel o reads input pixel floor(o * in / out), in exact integer arithmetic (PyTorch "nearest").
LAMINA_HD constexpr std::int64_t nearest_source(std::int64_t o, std::int64_t in, std::int64_t out) { return o * in / out; }
/// The first output pixel that reads input pixel i or a later one; those of i end where those of i + 1 begin.
LAMINA_HD constexpr std::int64_t nearest_first_output(std::int64_t i, std::int64_t in, std::int64_t out) { return (i * out + in - 1) / in; }

/// One axis of a bilinear sample: (1 - weight) * x[lower] + weight * x[upper].
struct BilinearTap {
  std::int64_t lower, upper;
  double weight;
};
LAMINA_HD constexpr BilinearTap bilinear_tap(std::int64_t o, std::int64_t in, std::int64_t out, ResizeGrid grid) {
  double position = 0;
  if (grid == ResizeGrid::align_corners)
    position = out > 1 ? static_cast<double>(o * (in - 1)) / static_cast<double>(out - 1) : 0.0;
  else
    position = (static_cast<double>(o) + 0.5) * static_cast<double>(in) / static_cast<double>(out) - 0.5;
  if (position < 0) position = 0;
  std::int64_t lower = static_cast<std::int64_t>(position);
  if (lower > in - 1) lower = in - 1;
  return {lower, lower + 1 < in ? lower + 1 : lower, position - static_cast<double>(lower)};
}

/// Resize the image axes of x to those of y. Overwrites y.
LAMINA_KERNEL(resize_nearest_forward, View4<const T> x, View4<T> y)
LAMINA_KERNEL(resize_bilinear_forward, View4<const T> x, View4<T> y, ResizeGrid grid)
/// Their adjoints in gather form. Overwrite dx.
LAMINA_KERNEL(resize_nearest_backward, View4<const T> dy, View4<T> dx)
LAMINA_KERNEL(resize_bilinear_backward, View4<const T> dy, View4<T> dx, ResizeGrid grid)

}  // namespace kernels
}  // namespace lamina
