// Mask encodings: inspection, decision, decoding.
#include "lamina/data/mask.hpp"

#include <algorithm>
#include <cstdio>
#include <set>

#include "lamina/io/file.hpp"

namespace lamina::data {
namespace {

using Kind = MaskContent::Kind;

constexpr std::size_t kMostClassesWithoutLabels = 64;

std::uint32_t packed(unsigned r, unsigned g, unsigned b) { return r << 16 | g << 8 | b; }
std::uint32_t packed(const Rgb& c) { return packed(c[0], c[1], c[2]); }

/// A sample on the scale 0..255.
unsigned byte_of(unsigned v, unsigned max_value) { return max_value == 255 ? v : (v * 255 + max_value / 2) / max_value; }

/// How a raster's pixels are read as values; decides `kind` from the whole raster.
class PixelValues {
 public:
  explicit PixelValues(const Raster& raster) : r_(raster), c_(static_cast<std::size_t>(raster.channels)) {
    const bool array = raster.format == FileFormat::npy;
    if (!raster.palette.empty())
      kind_ = Kind::palette;
    else if (c_ >= 3 && (!array && c_ <= 4))
      kind_ = equal_channels() ? Kind::gray : Kind::color;
    else
      kind_ = c_ == 1 || (c_ == 2 && !array) ? Kind::gray : Kind::planes;  // two channels of an image file: gray and alpha
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

std::string hex_color(std::uint32_t c) {
  char text[8];
  std::snprintf(text, sizeof text, "#%06x", c & 0xffffffu);
  return text;
}

/// The color of a value of a mask, for data sets whose masks are read by color.
std::uint32_t color_of(const MaskContent& content, std::uint32_t value) {
  if (content.kind == Kind::color) return value;
  if (content.kind == Kind::palette) return value < content.palette.size() ? packed(content.palette[value]) : MaskContent::kNoPlane;
  const unsigned v = byte_of(value, content.max_value);
  return packed(v, v, v);
}

template <class Set, class F>
std::string list(const Set& values, F&& text) {
  std::string s;
  std::size_t n = 0;
  for (const auto& v : values) {
    if (n++ == 12) return s + ", ...";
    s += (n > 1 ? ", " : "") + text(v);
  }
  return s;
}

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

/// The decision for one data set.
class Resolver {
 public:
  Resolver(const std::vector<MaskContent>& masks, LabelSchema& schema) : masks_(masks), schema_(schema) {}

  MaskEncoding decide() {
    const auto has = [&](Kind kind) { return std::any_of(masks_.begin(), masks_.end(), [&](const auto& m) { return m.kind == kind; }); };
    require<DataError>(!masks_.empty(), "there are no masks");
    for (const MaskContent& m : masks_)
      require<DataError>(!m.too_many_values, m.file, ": more than ", MaskContent::kMostValues,
                         " different values: this is no mask of labels (a lossy or smoothed file?)");
    if (has(Kind::planes)) return planes_of_arrays();
    if (has(Kind::color)) return colors();
    if (has(Kind::palette) && schema_.has_colors && !indices_match_colors() && all_colors_known()) return MaskEncoding::colors;
    if (has(Kind::palette)) check_palettes();
    return values(has(Kind::palette) ? MaskEncoding::palette : MaskEncoding::index);
  }

 private:
  /// The values of all masks, less the ignored one; `first_file` remembers where each was first seen.
  std::map<std::uint32_t, std::string> values_in_use() const {
    std::map<std::uint32_t, std::string> first_file;
    for (const MaskContent& m : masks_)
      for (const auto& [value, count] : m.counts)
        if (value != schema_.ignore) first_file.emplace(value, m.file);
    return first_file;
  }
  std::set<std::uint32_t> colors_in_use() const {
    std::set<std::uint32_t> colors;
    for (const MaskContent& m : masks_)
      for (const auto& [value, count] : m.counts) colors.insert(color_of(m, value));
    return colors;
  }
  bool all_colors_known() const {
    const auto used = colors_in_use();
    return std::all_of(used.begin(), used.end(), [&](std::uint32_t c) {
      if (schema_.ignore_color && packed(*schema_.ignore_color) == c) return true;
      return std::any_of(schema_.colors.begin(), schema_.colors.end(), [&](const Rgb& known) { return packed(known) == c; });
    });
  }
  /// Whether every palette gives each label's value that label's color, so that indices can be trusted.
  bool indices_match_colors() const {
    for (const MaskContent& m : masks_)
      for (const auto& [index, count] : m.counts)
        for (std::size_t k = 0; k < schema_.values.size(); ++k)
          if (m.kind == Kind::palette && schema_.values[k] == index && color_of(m, index) != packed(schema_.colors[k])) return false;
    return true;
  }
  void name_classes(const std::vector<unsigned>& values, const std::vector<std::string>& names) {
    schema_.values = values;
    schema_.names = names;
    schema_.colors = default_colors(static_cast<int>(values.size()));
    schema_.background = values[0] == 0 ? 0 : -1;  // 0 may be the ignored value
  }
  static std::vector<std::string> numbered(const std::vector<unsigned>& values) {
    std::vector<std::string> names;
    for (const unsigned v : values) names.push_back("class " + std::to_string(v));
    return names;
  }

  MaskEncoding planes_of_arrays() {
    unsigned last = 0;
    for (const MaskContent& m : masks_) {
      require<DataError>(m.kind == Kind::planes, m.file, ": a mask without planes among masks of one-hot planes");
      for (const auto& [value, count] : m.counts)
        if (value < MaskContent::kSeveralPlanes) last = std::max(last, value);
    }
    if (schema_.names.empty()) name_planes(last + 1);
    return MaskEncoding::planes;
  }
  void name_planes(unsigned count) {
    std::vector<unsigned> values;
    for (unsigned k = 0; k < count; ++k) values.push_back(k);
    name_classes(values, numbered(values));
  }

  MaskEncoding colors() {
    if (schema_.has_colors) return MaskEncoding::colors;
    const auto used = colors_in_use();
    const std::set<std::uint32_t> primaries{0xff0000, 0x00ff00, 0x0000ff};
    if (std::includes(primaries.begin(), primaries.end(), used.begin(), used.end())) {
      if (schema_.names.empty()) name_planes(3);
      return MaskEncoding::planes;
    }
    std::string example;
    int k = 0;
    if (used.size() <= 64)
      for (const std::uint32_t c : used) example += message(k ? ", " : "", "\"class ", k, "\": \"", hex_color(c), '"'), ++k;
    throw DataError(message(
        "the masks are RGB-coloured (", used.size(), " colors: ", list(used, hex_color),
        ") and nothing says which color is which class. Write dataset.json with \"labels\" {name: number} and \"colors\" {name: color}",
        example.empty() ? "" : ", for example \"colors\": {" + example + "}"));
  }

  void check_palettes() const {
    std::map<std::uint32_t, std::pair<Rgb, std::string>> seen;
    for (const MaskContent& m : masks_)
      for (const auto& [index, count] : m.counts) {
        if (m.kind != Kind::palette || index >= m.palette.size()) continue;
        const auto [it, added] = seen.emplace(index, std::pair{m.palette[index], m.file});
        require<DataError>(added || it->second.first == m.palette[index], "the palette index ", index, " is ",
                           hex_color(packed(it->second.first)), " in ", it->second.second, " but ", hex_color(packed(m.palette[index])),
                           " in ", m.file,
                           ": the indices do not mean the same in every mask. Give \"labels\" and \"colors\" in dataset.json, then masks "
                           "are read by color");
      }
  }

  MaskEncoding values(MaskEncoding plain) {
    const auto used = values_in_use();
    bool extremes = true, full = false;  // only black and full intensity, the latter of at least 8 bits
    for (const MaskContent& m : masks_)
      for (const auto& [value, count] : m.counts) {
        if (value == schema_.ignore) continue;
        const bool white = m.kind == Kind::gray && value == m.max_value;
        extremes = extremes && (value == 0 || white);
        full = full || (white && m.max_value >= 255);
      }
    const bool two_classes = schema_.names.empty() || schema_.values == std::vector<unsigned>{0, 1};
    if (extremes && full && two_classes) {
      if (schema_.names.empty()) name_classes({0, 1}, {"background", "foreground"});
      return MaskEncoding::binary;
    }
    if (!schema_.names.empty()) return plain;

    const auto first = used.begin(), last = used.empty() ? used.begin() : std::prev(used.end());
    require<DataError>(!used.empty() && (used.size() > 1 || first->first != 0), "every pixel of every mask is ",
                       used.empty() ? "ignored" : "0", ": there is nothing to learn");
    const auto number = [](const auto& v) { return std::to_string(v.first); };
    require<DataError>(last->first < kMostClassesWithoutLabels, "the masks hold the values ", list(used, number), " (", last->first,
                       " first in ", last->second, ") and nothing says what they mean. ",
                       last->first == 255 ? "If 255 marks pixels to leave out, say so with --ignore 255. " : "",
                       used.size() > kMostClassesWithoutLabels ? "So many values are typical of lossy or smoothed files. " : "",
                       "Otherwise write dataset.json with \"labels\": {name: value}");
    std::vector<unsigned> values;
    for (unsigned v = 0; v <= last->first; ++v)
      if (v != schema_.ignore) values.push_back(v);
    name_classes(values, numbered(values));
    return plain;
  }

  const std::vector<MaskContent>& masks_;
  LabelSchema& schema_;
};

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

MaskDecoder resolve_masks(const std::vector<MaskContent>& masks, LabelSchema& schema) {
  const MaskEncoding encoding = schema.task == Task::multilabel ? MaskEncoding::multilabel : Resolver(masks, schema).decide();
  return MaskDecoder(encoding, schema);
}

}  // namespace lamina::data
