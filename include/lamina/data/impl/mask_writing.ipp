// Masks written as a data set has them.
#include <algorithm>

#include "lamina/data/impl/decoders.hpp"
#include "lamina/data/impl/mask_values.hpp"
#include "lamina/io/file.hpp"
#include "lamina/io/npy.hpp"

namespace lamina::data {

using mask_values::planes_in;

const char* mask_ending(const LabelSchema& schema) {
  const int planes = planes_in(schema), least = schema.reading.encoding == MaskEncoding::multilabel ? 1 : 3;
  return planes && (planes < least || planes > 4 || schema.file_ending == ".npy") ? ".npy" : ".png";
}

namespace {
std::string encode_planes(const LabelImage& labels, const LabelSchema& schema) {
  const int planes = planes_in(schema);
  const bool picture = mask_ending(schema) == std::string_view(".png");
  const std::uint8_t set = (picture && !schema.graded()) || schema.reading.threshold > 0 ? 255 : 1;
  Image image(labels.width, labels.height, planes);
  if (labels.planes) {
    require<DataError>(labels.planes == planes, "a mask of ", labels.planes, " planes, where the data set has ", planes);
    for (std::size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = static_cast<std::uint8_t>(labels.labels[i] * set);
  }
  std::vector<std::size_t> plane_of;
  for (std::size_t k = 0; k < schema.values.size(); ++k) plane_of.push_back(mask_values::plane_of(schema, *schema.reading.encoding, k));
  for (std::size_t i = 0; labels.planes == 0 && i < labels.labels.size(); ++i)
    if (const std::size_t plane = plane_of[labels.labels[i]]; plane < static_cast<std::size_t>(planes))
      image.pixels[i * static_cast<std::size_t>(planes) + plane] = set;
  if (picture) return detail::encode_png_channels(image);
  return io::format_npy(Tensor::from<std::uint8_t>(image.pixels, {labels.height, labels.width, planes}));
}
}  // namespace

std::string encode_mask(const LabelImage& labels, const LabelSchema& schema) {
  schema.require_complete(false);
  require<DataError>(schema.heads.empty(), "a mask of several heads is a file for each: for every h of schema.heads, ",
                     "write_mask(path, schema.of_head(labels, h), schema.heads[h])");
  const std::size_t classes = schema.overlaps() ? 2 : schema.values.size(), pixels = labels.labels.size();
  for (const std::uint8_t label : labels.labels)
    require<DataError>(label < classes, "a mask of ", classes, " classes holds the label ", int{label});
  if (planes_in(schema)) return encode_planes(labels, schema);
  const auto encoding = schema.reading.class_folders.empty() ? schema.reading.encoding : std::nullopt;
  const unsigned largest = classes ? schema.values.back() : 0;
  if (encoding == MaskEncoding::colors) {
    schema.require_complete(true);
    Image image(labels.width, labels.height, 3);
    for (std::size_t i = 0; i < pixels; ++i) std::copy_n(schema.colors[labels.labels[i]].data(), 3, image.pixels.data() + 3 * i);
    return encode_png(image);
  }
  if (largest > 255) {
    std::vector<std::uint16_t> samples(pixels);
    for (std::size_t i = 0; i < pixels; ++i) samples[i] = static_cast<std::uint16_t>(schema.values[labels.labels[i]]);
    return encode_png(samples, labels.width, labels.height);
  }
  LabelImage mask(labels.width, labels.height);
  for (std::size_t i = 0; i < pixels; ++i) mask.labels[i] = static_cast<std::uint8_t>(schema.values[labels.labels[i]]);
  if (encoding == MaskEncoding::binary || (schema.reading.threshold > 0 && largest == 1))
    for (std::uint8_t& v : mask.labels) v = static_cast<std::uint8_t>(v * (schema.ignore == 255u ? 254 : 255));
  if (schema.reading.alpha) return detail::encode_png_alpha(mask);
  if (encoding && (encoding != MaskEncoding::palette || !schema.has_colors)) return encode_png(mask);
  schema.require_complete(true);
  std::vector<Rgb> palette = default_colors(static_cast<int>(largest) + 1);
  for (std::size_t k = 0; k < classes; ++k) palette[schema.values[k]] = schema.colors[k];
  return encode_png(mask, palette);
}

void write_mask(const std::filesystem::path& path, const LabelImage& labels, const LabelSchema& schema) {
  io::write_file_atomically(path, encode_mask(labels, schema));
}

}  // namespace lamina::data
