#pragma once
#include <span>
#include <vector>

#include "lamina/autograd/node.hpp"
#include "lamina/core/dispatch.hpp"
#include "lamina/kernels/warp.hpp"

namespace lamina {

/// Attributes of `warp`.
struct WarpParams {
  std::int64_t height = 0, width = 0;      ///< of the result; 0: the source's
  Tensor scale = {}, offset = {};          ///< (C) each, or none: value * scale + offset, such as 1 / sd and -mean / sd
  std::uint8_t border = 0, outside = 255;  ///< sample and label of what is outside the source
  DType dtype = DType::f32;                ///< of the resulting images
};

/// A batch of photographs with their labels (undefined where none were given).
struct WarpedBatch {
  Tensor images, labels;
};

/// Photographs and their masks along one affine map each, and photographs normalised, in one pass on the device where they are: resizing,
/// cropping, flips, rotation, zoom, shear. Photographs are sampled bilinearly (pixel centres at half-integers, edge pixels repeated), masks
/// always at the nearest pixel; a pixel whose nearest source pixel is outside gets the border. images u8 (N, H, W, C), labels u8 (N, H, W)
/// or none, one map an image -> images (N, height, width, C), labels (N, height, width). Not differentiable. Throws ShapeError,
/// DeviceError. Kernels: kernels/warp.{cpp,cu}.
///
/// The kernel is the one that data/ samples decoded photographs with, on either device; these also may have 16 bits, a size each, other
/// colors, and masks of several planes (data/augment.hpp).
inline WarpedBatch warp(const Tensor& images, const Tensor& labels, std::span<const AffineMap> maps, const WarpParams& p = {}) {
  require_given("warp", {{"images", images}});
  require(images.rank() == 4 && images.size(1) >= 1 && images.size(2) >= 1, "warp: images must be (N, H, W, C) and not empty, got ",
          images.shape());
  const std::int64_t n = images.size(0), c = images.size(3), h = p.height ? p.height : images.size(1),
                     w = p.width ? p.width : images.size(2);
  require(h > 0 && w > 0, "warp: the result's height and width must not be negative, got ", h, " and ", w);
  require(static_cast<std::int64_t>(maps.size()) == n, "warp: ", maps.size(), " maps for images ", images.shape());
  require<DeviceError>(images.dtype() == DType::u8, "warp: images must be u8, got ", name_of(images.dtype()));
  if (labels) {
    require(labels.shape() == Shape{n, images.size(1), images.size(2)}, "warp: labels ", labels.shape(), " do not fit images ",
            images.shape());
    require_same_kind("warp", images, labels);
  }
  WarpedBatch out{Tensor::empty(result_shape("warp", {n, h, w, c}), {p.dtype, images.device()}), {}};
  for (const Tensor& t : {p.scale, p.offset})
    if (t)
      require(t.shape() == Shape{c}, "warp: scale and offset must have shape ", Shape{c}, " (C of images ", images.shape(), "), got ",
              t.shape());
  require_precise("warp", out.images, p.scale, p.offset);
  if (labels) out.labels = Tensor::empty({n, h, w}, like(labels));
  const Tensor photos = images.packed(), masks = labels ? labels.packed() : labels;
  const Tensor scale = p.scale ? p.scale : Tensor::full({c}, 1, precise_like(out.images)),
               offset = p.offset ? p.offset : Tensor::zeros({c}, precise_like(out.images));
  std::vector<WarpSource> sources(static_cast<std::size_t>(n));
  dispatch(out.images, [&]<class T>(auto& device) {
    using P = Precise<T>;
    for (std::int64_t i = 0, pixels = images.size(1) * images.size(2); i < n; ++i)
      sources[static_cast<std::size_t>(i)] = {.pixels = photos.data<const std::uint8_t>() + i * pixels * c,
                                              .labels = masks ? masks.data<const std::uint8_t>() + i * pixels : nullptr,
                                              .height = images.size(1),
                                              .width = images.size(2),
                                              .channels = c,
                                              .row_bytes = images.size(2) * c,
                                              .map = maps[static_cast<std::size_t>(i)]};
    kernels::warp<T>(device, sources.data(), WarpBorder{{p.border, p.border, p.border}, p.outside}, scale.data<const P>(),
                     offset.data<const P>(), out.images.view4<T>(), labels ? out.labels.data<std::uint8_t>() : nullptr, 1);
  });
  const std::span<const double> affine(maps.empty() ? nullptr : &maps[0].xx, 6 * maps.size());  // xx xy yx yy x y of each image
  record({"warp",
          {{"maps", affine},
           {"scale", &p.scale},
           {"offset", &p.offset},
           {"border", p.border},
           {"outside", p.outside},
           {"labels", &out.labels}}},
         {images, labels}, out.images);
  return out;
}

}  // namespace lamina
