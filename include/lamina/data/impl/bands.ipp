// Bands and bits of photographs: what a file has, what a network takes, what can be shown.
#include <algorithm>

#include "lamina/core/text.hpp"
#include "lamina/data/image.hpp"

namespace lamina::data {

Image to_image(Raster raster, const std::string& origin) {
  const bool indexed = !raster.palette.empty();
  const int colors = raster.channels - raster.has_alpha;
  require<DataError>(raster.no_photo.empty(), origin, ": ", raster.no_photo);
  require<DataError>(
      colors <= kMostChannels, origin, ": ", colors, " bands", raster.has_alpha ? " and alpha" : "",
      "; photographs have 1 to 16: write those to learn from to files of their own, for example with gdal_translate -b 1 -b 2");
  Image image;
  image.width = raster.width, image.height = raster.height, image.channels = indexed ? 3 : colors;
  if (raster.max_value > 255 && !indexed) image.max_value = 65535;
  if (raster.max_value == image.max_value && !indexed && !raster.has_alpha) {
    image.pixels = std::move(raster.samples);
    return image;
  }
  image = blank_like(image, image.width, image.height);
  const std::size_t from = static_cast<std::size_t>(raster.channels), to = static_cast<std::size_t>(image.channels),
                    pixels = raster.pixel_count();
  if (indexed) {
    for (std::size_t i = 0; i < pixels; ++i) {
      const unsigned index = raster.sample(i);
      require<DataError>(index < raster.palette.size(), origin, ": a pixel has the palette index ", index, " but the palette has ",
                         raster.palette.size(), " colors");
      std::copy_n(raster.palette[index].data(), 3, image.pixels.data() + 3 * i);
    }
    return image;
  }
  for (std::size_t i = 0; i < pixels; ++i)
    for (std::size_t c = 0; c < to; ++c)
      image.set_sample(
          i * to + c,
          static_cast<unsigned>((std::uint64_t{raster.sample(i * from + c)} * image.max_value + raster.max_value / 2) / raster.max_value));
  return image;
}

Image to_photo(Raster raster, const std::string& origin) {
  const int colors = raster.channels - raster.has_alpha;
  require<DataError>(!raster.palette.empty() || colors == 1 || colors == 3, origin, ": ", colors, " bands",
                     raster.has_alpha ? " and alpha" : "",
                     " are not a photograph, which has one (gray) or three (red, green, blue); write those to learn from to files of their "
                     "own, for example with gdal_translate -b 1 -b 2 -b 3");
  Image image = to_image(std::move(raster), origin);
  if (image.max_value == 255) return image;
  Image out(image.width, image.height, image.channels);
  for (std::size_t i = 0; i < out.pixels.size(); ++i) out.pixels[i] = static_cast<std::uint8_t>((image.sample(i) * 255u + 32767u) / 65535u);
  return out;
}

Image ImageView::copy() const {
  Image image = blank_like(*this, width, height);
  for (int y = 0; y < height; ++y)
    std::copy_n(at(0, y), static_cast<std::size_t>(width) * static_cast<std::size_t>(channels) * sample_bytes(), image.at(0, y));
  return image;
}

Image blank_like(const ImageView& like, int width, int height, std::uint8_t value) {
  Image image(width, height, like.channels, value);
  image.max_value = like.max_value;
  image.pixels.resize(image.pixels.size() * image.sample_bytes(), value);  // 257 * value: the same in either byte
  return image;
}

Image to_show(Image image) {
  require_valid("showing", image);
  if (image.max_value == 255 && (image.channels == 1 || image.channels == 3)) return image;
  Image out(image.width, image.height, image.channels >= 3 ? 3 : 1);
  const auto from = static_cast<std::size_t>(image.channels), to = static_cast<std::size_t>(out.channels);
  unsigned least = image.max_value, most = 0;
  for (std::size_t i = 0; i < image.samples(); ++i)
    if (i % from < to) least = std::min(least, image.sample(i)), most = std::max(most, image.sample(i));
  if (image.max_value == 255) least = 0, most = 255;
  const unsigned range = std::max(most - std::min(least, most), 1u);
  for (std::size_t i = 0; i < out.pixels.size(); ++i)
    out.pixels[i] = static_cast<std::uint8_t>(((image.sample(i / to * from + i % to) - least) * 255u + range / 2) / range);
  return out;
}

void require_channels(const ImageView& image, int channels, const std::string& origin) {
  require<DataError>(has_channels(image, channels) || (image.channels == 3 && channels == 1), origin, ": ", counted(image.channels, "band"),
                     ", not ", channels,
                     "; the photographs of a data set, and of the network that learned from it, have the same bands (gray and "
                     "RGB go together)",
                     image.channels == 4 && channels == 3 ? "; where the fourth is alpha, give the first 3" : "");
}

void require_bits(const ImageView& image, int bits, const std::string& origin) {
  const int own = image.max_value > 255 ? 16 : 8;
  require<DataError>(bits == 0 || bits == own, origin, ": ", own, " bits a sample, but the network was trained on photographs of ", bits,
                     ", whose full intensity is another; scale it as those were",
                     bits == 8 ? ", for example with numpy: (a / a.max() * 255).astype('u1')" : "");
}

Image with_channels(Image image, int channels, const std::string& origin) {
  require_channels(image, channels, origin);
  if (has_channels(image, channels)) return image;
  Image out;
  out.width = image.width, out.height = image.height, out.channels = 1, out.max_value = image.max_value;
  out.pixels.resize(image.samples() / 3 * out.sample_bytes());
  for (std::size_t i = 0; i < out.samples(); ++i)
    out.set_sample(i, static_cast<unsigned>(
                          (299u * image.sample(3 * i) + 587u * image.sample(3 * i + 1) + 114u * image.sample(3 * i + 2) + 500u) / 1000u));
  return out;
}

}  // namespace lamina::data
