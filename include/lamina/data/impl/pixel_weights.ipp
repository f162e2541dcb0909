#include "lamina/data/pixel_weights.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "lamina/data/impl/decoders.hpp"
#include "lamina/io/file.hpp"
#include "lamina/io/npy.hpp"

namespace lamina::data {
namespace {

/// An array's numbers as shares of the largest, which becomes `most`.
Raster scaled(const std::filesystem::path& file, const DecodeLimits& limits, double& most) {
  const std::string origin = file.string(), bytes = io::read_file(file, static_cast<std::size_t>(limits.max_file_bytes));
  const io::NpyArray array = io::parse_npy_array(bytes, origin);
  const auto& shape = array.shape;
  require<DataError>(shape.size() == 2 || (shape.size() == 3 && shape[2] == 1), origin,
                     ": weights of pixels are an array (height, width), not one of ", shape.size(), " axes");
  Raster raster;
  for (const std::size_t axis : {0, 1})
    require<DataError>(shape[axis] <= limits.max_pixels, origin, ": an axis of ", shape[axis], " is over the limit of ", limits.max_pixels);
  raster.format = FileFormat::npy, raster.max_value = 65535;
  raster.height = static_cast<int>(shape[0]), raster.width = static_cast<int>(shape[1]);
  detail::allocate_samples(raster, origin, limits, checked_product<DataError>({shape[0], shape[1], 16}, origin, ": its size overflows"));
  const std::vector<double> numbers = io::parse_npy(bytes, origin).to_vector<double>();
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const auto width = static_cast<std::size_t>(raster.width);
    require<DataError>(numbers[i] >= 0 && std::isfinite(numbers[i]), origin, ": the weight ", numbers[i], " at (", i % width, ", ",
                       i / width, ") is negative or no number");
  }
  if (const double largest = *std::max_element(numbers.begin(), numbers.end()); largest > 0) most = largest;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const auto sample = static_cast<std::uint16_t>(std::lround(numbers[i] / most * 65535));
    std::memcpy(raster.samples.data() + 2 * i, &sample, 2);
  }
  return raster;
}

}  // namespace

PixelWeights read_pixel_weights(const Item& item, const DecodeLimits& limits) {
  const std::string origin = item.weights.string();
  PixelWeights weights;
  const bool numbers = item.weights.extension() == ".npy";
  Raster raster = numbers ? scaled(item.weights, limits, weights.most) : read_raster(item.weights, limits.of(FileRole::photograph));
  if (item.turn > 1 && raster.orientation == 1) raster = detail::turned_within(raster, item.turn, origin, limits);
  const int width = raster.width, height = raster.height;
  weights.image = to_image(std::move(raster), origin);
  require<DataError>(weights.image.channels == 1, origin, ": weights of pixels are gray, this image has ", weights.image.channels,
                     " channels");
  require<DataError>(item.width == 0 || (width == item.width && height == item.height), origin, ": the weights have ", width, "x", height,
                     " pixels, the mask ", item.mask.string(), " ", item.width, "x", item.height);
  return weights;
}

}  // namespace lamina::data
