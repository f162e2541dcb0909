#pragma once
#include "lamina/data/dataset.hpp"

namespace lamina::data {

/// How often each pixel of a photograph counts in losses, such as U-Net's weights of the borders between cells (Ronneberger et al. 2015).
struct PixelWeights {
  Image image;      ///< one channel of 16 bits
  double most = 1;  ///< what a sample of full intensity weighs
};

/// The map of an item that has one (Item::weights), as its photograph is seen. A gray image holds shares of its full intensity, an array
/// (H, W) or (H, W, 1) the weights themselves, which are kept to 1/65535 of the largest. Throws IoError; DataError naming the file: a map
/// that is not gray, of another size than the mask (of an open data set), a weight that is negative or no number.
PixelWeights read_pixel_weights(const Item& item, const DecodeLimits& limits = {});

}  // namespace lamina::data
