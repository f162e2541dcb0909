#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lamina/core/affine.hpp"
#include "lamina/core/random.hpp"
#include "lamina/core/tensor.hpp"
#include "lamina/data/image.hpp"

namespace lamina::data {

/// How an image of any size becomes the network's size: stretched; cropped from its own resolution (padded where smaller);
/// scaled to fit and padded.
enum class Resize : std::uint8_t { stretch, crop, pad };
const char* name_of(Resize mode);
/// Throws OptionError naming the nearest.
Resize resize_named(std::string_view name);

/// What lies outside the source image.
struct Border {
  Rgb image{0, 0, 0};
  std::uint8_t label = kIgnoreLabel;
};

/// Random changes of a training image and its mask. Amounts are the largest change in either direction.
struct Augment {
  double hflip = 0, vflip = 0;                          ///< probabilities
  double rotate = 0, shear = 0;                         ///< degrees
  double zoom = 0;                                      ///< 0.1: magnified by 0.9 to 1.1 about the center
  double shift = 0;                                     ///< 0.1: moved by up to a tenth of the size
  double scale_least = 1, scale_most = 1;               ///< magnified by a factor in this range (log-uniform), then cropped anywhere
  double brightness = 0, contrast = 0, saturation = 0;  ///< 0.2: by a factor of 0.8 to 1.2
  double hue = 0;                                       ///< turns of the color circle

  bool operator==(const Augment&) const = default;
};

/// Reads "none" or a list such as "hflip,vflip,rotate=15,zoom=0.1,shift=0.1,shear=5,scale=0.5:2,jitter=0.2". `hflip` and `vflip`
/// alone mean probability 0.5; `jitter=J` sets brightness, contrast and saturation to J and hue to J/10.
/// Throws OptionError: an unknown name (with the nearest known one), a missing or impossible amount.
Augment parse_augment(std::string_view list);
/// The list that parse_augment reads back.
std::string to_string(const Augment& augment);

/// One draw of an augmentation: the same geometry for the image and its mask, on any device.
struct Transform {
  AffineMap geometry;
  ColorMap color;
};

struct TransformSizes {
  int source_width, source_height, width, height;
};

/// The transform that cuts the (width, height) window out of the middle of the source, changing nothing.
Transform center_window(const TransformSizes& sizes);
/// A random transform: a function of `key` alone. `random_crop` puts the window anywhere instead of in the middle.
/// `mean_gray` is the source's mean brightness, about which contrast changes. Maps that only flip and move do so by whole pixels.
Transform draw_transform(const Augment& augment, RandomKey key, const TransformSizes& sizes, bool random_crop, double mean_gray);
/// Moves a window that was in the middle so that its center is anywhere in the source, by whole pixels: a function of `key` alone.
void center_anywhere(Transform& transform, RandomKey key, const TransformSizes& sizes);
/// Moves a window so that the source's pixel (x, y) is in its middle, or, with `inside`, as near to it as lets the window stay inside the
/// source where that is large enough; one that is only flipped by whole pixels.
void center_on(Transform& transform, int x, int y, const TransformSizes& sizes, bool inside);
/// On the scale 0..255.
double mean_gray(const Image& image);

/// How samples become a network's input: (x / full intensity - mean) / sd of each channel; empty: 1/2 and 1/2, x * 2/255 - 1 of 8 bits.
struct Normalization {
  int channels = 3;
  std::vector<float> mean{}, sd{};
  int bits = 0;  ///< that a sample of the photographs must have, 8 or 16; 0: either
};

/// Samples a photograph bilinearly into (height, width, channels) normalised floats; gray is repeated for three channels. Pixels whose
/// nearest source pixel is outside get the border color (of other channels than RGB its red). Throws DataError where channels differ
/// otherwise.
void sample(const ImageView& image, const Transform& transform, const Border& border, int width, int height, float* out,
            const Normalization& normalization = {});
/// Samples a mask at the nearest pixel into (height, width, mask.values()) labels.
void sample(const LabelImage& mask, const Transform& transform, const Border& border, int width, int height, std::uint8_t* out);

/// Both at once on the device of `image` (1, H, W, channels) f32 and `labels` (1, H, W, mask.values()) u8, which is undefined where no mask
/// is asked for: a pass of kernels/warp.hpp. Throws as above; DataError where sizes differ; ShapeError, DeviceError, CudaError.
void sample(const Image& photograph, const LabelImage* mask, const Transform& transform, const Border& border, const Tensor& image,
            const Tensor& labels, const Normalization& normalization = {});

/// Resizes a photograph with a triangle filter as wide as the reduction (antialiased bilinear, as PIL and torchvision do).
Image resized(const ImageView& image, int width, int height);
/// Resizes a mask, taking the nearest pixel.
LabelImage resized(const LabelImage& mask, int width, int height);
/// The largest size of the source's proportions within (width, height): what Resize::pad scales to.
std::pair<int, int> fit_inside(int source_width, int source_height, int width, int height);
/// The deterministic part of `mode`: stretch and pad give exactly (width, height), crop leaves the image alone.
Image fitted(const ImageView& image, int width, int height, Resize mode, const Border& border = {});
LabelImage fitted(const LabelImage& mask, int width, int height, Resize mode, const Border& border = {});

}  // namespace lamina::data
