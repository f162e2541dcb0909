#pragma once
#include "lamina/autograd/node.hpp"
#include "lamina/core/dispatch.hpp"
#include "lamina/kernels/pad.hpp"

namespace lamina {

/// Pixels added on each side of an image.
struct PadParams {
  int top = 0, bottom = 0, left = 0, right = 0;

  static constexpr PadParams symmetric(int p) { return {p, p, p, p}; }
};

/// A rectangle of an image: its first row and column, and its extents.
struct CropParams {
  std::int64_t top = 0, left = 0, height = 0, width = 0;
};

namespace detail {
/// y (N, h, w, C) with x's pixel (0, 0) at (top, left); what x does not cover is `value`.
inline Tensor place(const char* op, const Tensor& x, std::int64_t top, std::int64_t left, std::int64_t h, std::int64_t w, double value,
                    const Tensor& into = {}) {
  Tensor y = output_for(op, result_shape(op, {x.size(0), h, w, x.size(3)}), like(x), into, {x});
  dispatch(x, [&]<class T>(auto& device) { kernels::pad<T>(device, x.view4<const T>(), top, left, value, y.view4<T>()); });
  return y;
}
}  // namespace detail

/// Surrounds images with `value`: x (N, H, W, C) -> (N, top + H + bottom, left + W + right, C).
/// Gradient: x (the crop of dy). Throws ShapeError, DeviceError. Kernels: kernels/pad.{cpp,cu}.
inline Tensor pad(const Tensor& x, const PadParams& p, double value = 0, const Tensor& into = {}) {
  require_computable("pad", {{"x", x}});
  require(x.rank() == 4, "pad: x must be (N, H, W, C), got ", x.shape());
  require(p.top >= 0 && p.bottom >= 0 && p.left >= 0 && p.right >= 0, "pad: padding must not be negative, got (top ", p.top, ", bottom ",
          p.bottom, ", left ", p.left, ", right ", p.right, ") for x ", x.shape(), "; use crop");
  const std::int64_t h = x.size(1), w = x.size(2);
  const Tensor y = detail::place("pad", x, p.top, p.left, h + p.top + p.bottom, w + p.left + p.right, value, into);
  const std::int64_t padding[] = {p.top, p.bottom, p.left, p.right};
  return record({"pad", {{"padding", padding}, {"value", value}}}, {x}, y, {}, [p, h, w](const Tensor& dy, NeedsGrad) -> Grads {
    return {detail::place("pad", dy, -std::int64_t{p.top}, -std::int64_t{p.left}, h, w, 0)};
  });
}

/// The rectangle of images that starts at (top, left): x (N, H, W, C) -> (N, height, width, C), a copy.
/// Gradient: x (dy padded with zeros). Throws ShapeError, DeviceError. Kernels: kernels/pad.{cpp,cu}.
inline Tensor crop(const Tensor& x, const CropParams& p, const Tensor& into = {}) {
  require_computable("crop", {{"x", x}});
  require(x.rank() == 4, "crop: x must be (N, H, W, C), got ", x.shape());
  const std::int64_t h = x.size(1), w = x.size(2);
  require(p.height >= 1 && p.width >= 1 && p.top >= 0 && p.left >= 0 && p.height <= h && p.width <= w && p.top <= h - p.height &&
              p.left <= w - p.width,
          "crop: the rectangle (top ", p.top, ", left ", p.left, ", height ", p.height, ", width ", p.width,
          ") must be non-empty and lie within x ", x.shape());
  const Tensor y = detail::place("crop", x, -p.top, -p.left, p.height, p.width, 0, into);
  return record({"crop", {{"top", p.top}, {"left", p.left}, {"height", p.height}, {"width", p.width}}}, {x}, y, {},
                [p, h, w](const Tensor& dy, NeedsGrad) -> Grads { return {detail::place("crop", dy, p.top, p.left, h, w, 0)}; });
}

}  // namespace lamina
