// Masks: inspection, decoding, writing.
#include "lamina/data/mask.hpp"

#include <algorithm>
#include <set>

#include "lamina/data/impl/mask_values.hpp"
#include "lamina/io/file.hpp"

namespace lamina::data {
namespace {

using namespace mask_values;

/// How a raster's pixels are read as values; decides `kind` from the whole raster.
class PixelValues {
 public:
  explicit PixelValues(const Raster& raster) : r_(raster), c_(static_cast<std::size_t>(raster.channels)) {
    const bool array = raster.format == FileFormat::npy;
    if (!raster.palette.empty())
      kind_ = Kind::palette;
    else if (const int colors = raster.channels - raster.has_alpha; colors == 3 && !array)
      kind_ = equal_channels() ? Kind::gray : Kind::color;
    else
      kind_ = colors == 1 ? Kind::gray : Kind::planes;
  }
  Kind kind() const { return kind_; }
  std::uint32_t operator()(std::size_t pixel) const {
    const std::size_t i = pixel * c_;
    if (kind_ == Kind::color)
      return packed(byte_of(r_.sample(i), r_.max_value), byte_of(r_.sample(i + 1), r_.max_value), byte_of(r_.sample(i + 2), r_.max_value));
    if (kind_ != Kind::planes) return r_.sample(i);
    std::uint32_t plane = MaskContent::kNoPlane;
    for (std::size_t k = 0; k < c_; ++k)
      if (r_.sample(i + k)) plane = plane == MaskContent::kNoPlane ? static_cast<std::uint32_t>(k) : MaskContent::kSeveralPlanes;
    return plane;
  }

 private:
  bool equal_channels() const {
    for (std::size_t p = 0; p < r_.pixel_count(); ++p)
      if (r_.sample(p * c_) != r_.sample(p * c_ + 1) || r_.sample(p * c_) != r_.sample(p * c_ + 2)) return false;
    return true;
  }
  const Raster& r_;
  std::size_t c_;
  Kind kind_;
};

/// The given channels as planes.
LabelImage decode_planes(const Raster& raster, int planes, std::optional<unsigned> ignore, const std::string& origin) {
  LabelImage mask(raster.width, raster.height, 0, planes);
  const auto count = static_cast<std::size_t>(planes), channels = static_cast<std::size_t>(raster.channels);
  unsigned set = 0;  // the sample that means 1
  for (std::size_t i = 0; i < mask.labels.size(); ++i) {
    const std::size_t pixel = i / count;
    const unsigned v = raster.sample(pixel * channels + i % count);
    if (v == 0 || v == ignore) {
      mask.labels[i] = v == ignore ? kIgnoreLabel : 0;
      continue;
    }
    if (set == 0) set = v;
    require<DataError>(v == set, origin, ": the pixel at (", pixel % static_cast<std::size_t>(raster.width), ", ",
                       pixel / static_cast<std::size_t>(raster.width), ") has the value ", v, " beside ", set,
                       "; the planes of a multilabel mask hold 0 and one other value (a lossy or smoothed file?)");
    mask.labels[i] = 1;
  }
  return mask;
}

}  // namespace

std::string encode_mask(const LabelImage& labels, const LabelSchema& schema) {
  const auto classes = schema.values.size();
  std::vector<std::uint16_t> samples(labels.labels.size());
  for (std::size_t i = 0; i < samples.size(); ++i) {
    require<DataError>(labels.labels[i] < classes, "a mask of ", classes, " classes holds the label ", int{labels.labels[i]});
    samples[i] = static_cast<std::uint16_t>(schema.values[labels.labels[i]]);
  }
  const unsigned largest = classes ? schema.values.back() : 0;
  if (largest > 255) return encode_png(samples, labels.width, labels.height);
  LabelImage mask(labels.width, labels.height);
  std::copy(samples.begin(), samples.end(), mask.labels.begin());
  std::vector<Rgb> palette = default_colors(static_cast<int>(largest) + 1);
  for (std::size_t k = 0; k < classes; ++k) palette[schema.values[k]] = schema.colors[k];
  return encode_png(mask, palette);
}

void write_mask(const std::filesystem::path& path, const LabelImage& labels, const LabelSchema& schema) {
  io::write_file_atomically(path, encode_mask(labels, schema));
}

const char* name_of(MaskEncoding encoding) {
  switch (encoding) {
    case MaskEncoding::index: return "index";
    case MaskEncoding::palette: return "palette";
    case MaskEncoding::binary: return "binary";
    case MaskEncoding::colors: return "colors";
    case MaskEncoding::planes: return "planes";
    case MaskEncoding::multilabel: return "multilabel";
  }
  return "?";
}

std::string MaskContent::describe(std::uint32_t value) const {
  if (value == kNoPlane) return "no plane";
  if (value == kSeveralPlanes) return "several planes";
  return kind == Kind::color ? "the color " + hex_color(value) : "the value " + std::to_string(value);
}

MaskContent inspect_mask(const Raster& raster, const std::string& file) {
  const PixelValues value(raster);
  MaskContent content;
  content.file = file;
  content.format = raster.format;
  content.kind = value.kind();
  content.width = raster.width;
  content.height = raster.height;
  content.max_value = raster.max_value;
  content.palette = raster.palette;
  content.lossy = raster.lossy;
  content.notes = raster.notes;
  const std::size_t pixels = raster.pixel_count();
  for (std::size_t begin = 0, end; begin < pixels; begin = end) {  // runs of equal values
    const std::uint32_t v = value(begin);
    for (end = begin + 1; end < pixels && value(end) == v;) ++end;
    if (content.counts.size() == MaskContent::kMostValues && !content.counts.count(v)) {
      content.too_many_values = true;
      return content;
    }
    content.counts[v] += static_cast<std::int64_t>(end - begin);
  }
  return content;
}

MaskDecoder::MaskDecoder(MaskEncoding encoding, const LabelSchema& schema) : encoding_(encoding) {
  for (std::size_t k = 0; k < schema.names.size(); ++k) {
    const bool by_color = encoding == MaskEncoding::colors;
    classes_[by_color ? packed(schema.colors[k]) : schema.values[k]] = static_cast<int>(k);
  }
  if (encoding == MaskEncoding::binary) classes_ = {{0, 0}, {255, 1}};
  if (encoding == MaskEncoding::multilabel) {
    ignore_ = schema.ignore;
    return;
  }
  if (schema.ignore && encoding != MaskEncoding::colors) classes_[*schema.ignore] = kIgnoreLabel;
  if (schema.ignore_color && encoding == MaskEncoding::colors) classes_[packed(*schema.ignore_color)] = kIgnoreLabel;
}

int MaskDecoder::class_of(const MaskContent& content, std::uint32_t value) const {
  std::uint32_t key = value;
  if (encoding_ == MaskEncoding::colors) key = color_of(content, value);
  if (encoding_ == MaskEncoding::binary && value == content.max_value) key = 255;
  if (encoding_ == MaskEncoding::planes && content.kind != Kind::planes)  // an RGB file with one channel set
    key = value == 0xff0000 ? 0 : value == 0x00ff00 ? 1 : value == 0x0000ff ? 2 : MaskContent::kNoPlane;
  const auto it = classes_.find(key);
  return it == classes_.end() ? -1 : it->second;
}

LabelImage MaskDecoder::decode(const Raster& raster, const std::string& origin) const {
  if (encoding_ == MaskEncoding::multilabel) {
    const bool fits = raster.channels == planes() && classes_.rbegin()->first + 1 == classes_.size();
    require<DataError>(fits, origin, ": a multilabel mask has a channel for each label, numbered from 0 in \"labels\"; this one has ",
                       raster.channels, raster.channels == 1 ? " channel for " : " channels for ", planes(),
                       planes() == 1 ? " label" : " labels", ". Masks of one file a label go into a folder for each, named like the label");
    return decode_planes(raster, planes(), ignore_, origin);
  }
  const PixelValues value(raster);
  MaskContent content;  // what class_of needs to know
  content.kind = value.kind();
  content.max_value = raster.max_value;
  content.palette = raster.palette;
  LabelImage mask(raster.width, raster.height);
  std::uint32_t last = 0;
  int label = class_of(content, last);
  for (std::size_t i = 0; i < mask.labels.size(); ++i) {
    if (const std::uint32_t v = value(i); v != last) {
      last = v;
      label = class_of(content, v);
    }
    require<DataError>(label >= 0, origin, ": the pixel at (", i % static_cast<std::size_t>(raster.width), ", ",
                       i / static_cast<std::size_t>(raster.width), ") has ", content.describe(last),
                       ", which is none of the labels; correct the mask or add it to \"labels\" in dataset.json");
    mask.labels[i] = static_cast<std::uint8_t>(label);
  }
  return mask;
}

LabelImage MaskDecoder::read(const std::filesystem::path& path, const DecodeLimits& limits) const {
  return decode(read_raster(path, limits), path.string());
}

LabelImage MaskDecoder::read(std::span<const std::filesystem::path> paths, const DecodeLimits& limits) const {
  LabelImage mask;
  std::string first;
  for (std::size_t k = 0; k < paths.size(); ++k) {
    if (paths[k].empty()) continue;
    const std::string origin = paths[k].string();
    const Raster raster = read_raster(paths[k], limits);
    const Kind kind = PixelValues(raster).kind();
    require<DataError>(kind == Kind::gray || kind == Kind::palette, origin,
                       ": the mask of one label is gray, this one has colors or channels");
    const LabelImage plane = decode_planes(raster, 1, ignore_, origin);
    if (first.empty()) {
      first = origin;
      mask = LabelImage(raster.width, raster.height, 0, static_cast<int>(paths.size()));
    }
    require<DataError>(plane.width == mask.width && plane.height == mask.height, origin, ": ", plane.width, "x", plane.height,
                       " pixels, but ", first, " has ", mask.width, "x", mask.height);
    for (std::size_t i = 0; i < plane.labels.size(); ++i) mask.labels[i * paths.size() + k] = plane.labels[i];
  }
  return mask;
}

std::string MaskDecoder::describe(const LabelSchema& schema) const {
  constexpr const char* kText[] = {"gray index masks", "palette masks, read by index",     "binary masks", "masks read by color",
                                   "one-hot planes",   "multilabel masks, a plane a class"};
  std::string s = std::string(kText[static_cast<std::size_t>(encoding_)]) + ":";
  for (std::size_t k = 0; k < schema.names.size(); ++k) {
    const std::string value = encoding_ == MaskEncoding::colors   ? hex_color(packed(schema.colors[k]))
                              : encoding_ == MaskEncoding::binary ? (k ? "full" : "0")
                                                                  : std::to_string(schema.values[k]);
    s += message(k == 0 ? " " : schema.task == Task::ordinal ? " < " : ", ", value, " ", schema.names[k]);
  }
  return schema.ignore ? message(s, "; ", *schema.ignore, " ignored") : s;
}

}  // namespace lamina::data
