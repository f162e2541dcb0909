// Masks: inspection, decoding.
#include "lamina/data/mask.hpp"

#include <algorithm>
#include <set>

#include "lamina/core/text.hpp"
#include "lamina/data/impl/decoders.hpp"
#include "lamina/data/impl/head_masks.hpp"
#include "lamina/data/impl/mask_values.hpp"
#include "lamina/data/impl/raster_facts.hpp"

namespace lamina::data {
namespace {

using namespace mask_values;
using namespace raster_facts;

/// How a raster's pixels are read as values; decides `kind` from the whole raster. Throws DataError on pages that are no planes.
class PixelValues {
 public:
  PixelValues(const Raster& raster, const LabelSchema& schema, const std::string& origin)
      : r_(raster), schema_(schema), c_(static_cast<std::size_t>(raster.channels)) {
    require<DataError>(raster.pages == 1 || is_one_hot(raster), origin, detail::pages_fault(raster.pages));
    const int colors = raster.channels - raster.has_alpha;
    const bool fourth = raster.has_alpha && raster.channels == 4 && !schema.reading.alpha;
    if (!raster.palette.empty() && !is_gray_ramp(raster))
      kind_ = Kind::palette;
    else if (raster.pages > 1 || (fourth && planes_in(schema) == 4))
      kind_ = Kind::planes;
    else if (colors == 3 && raster.format != FileFormat::npy)
      kind_ = equal_channels() ? Kind::gray : Kind::color;
    else
      kind_ = colors == 1 && schema.reading.class_folders.empty() ? Kind::gray : Kind::planes;
    // A file without alpha is gray: its labels are where alpha would be.
    alpha_ = schema.reading.alpha && raster.has_alpha;
    if (alpha_) kind_ = Kind::gray;
    nearest_ = schema.reading.others == Others::nearest && kind_ != Kind::planes;
    only_known_ = schema.reading.others == Others::ignore && (kind_ == Kind::gray || (kind_ == Kind::color && schema.has_colors));
    may_be_planes_ = fourth && !schema.reading.encoding && !schema.has_colors;
  }
  /// Whether what alpha is remains to be decided.
  bool may_be_planes() const { return may_be_planes_; }
  Kind kind() const { return nearest_ ? Kind::color : kind_; }
  std::uint32_t operator()(std::size_t pixel) {
    const std::uint32_t v = value(pixel);
    if (!nearest_ && !only_known_) return v;
    if (const auto it = seen_.find(v); it != seen_.end()) return it->second;
    return seen_.emplace(v, nearest_ ? nearest(v) : is_known(v) ? v : MaskContent::kOther).first->second;
  }

 private:
  std::uint32_t value(std::size_t pixel) const {
    const std::size_t i = pixel * c_;
    if (alpha_) return r_.sample(i + c_ - 1);
    if (kind_ == Kind::color) return packed(byte(i), byte(i + 1), byte(i + 2));
    if (kind_ != Kind::planes) return r_.sample(i);
    std::uint32_t plane = MaskContent::kNoPlane;
    for (std::size_t k = 0; k < c_; ++k)
      if (r_.sample(i + k)) plane = plane == MaskContent::kNoPlane ? static_cast<std::uint32_t>(k) : MaskContent::kSeveralPlanes;
    return plane;
  }
  unsigned byte(std::size_t i) const { return byte_of(r_.sample(i), r_.max_value); }
  bool equal_channels() const {
    for (std::size_t p = 0; p < r_.pixel_count(); ++p)
      if (r_.sample(p * c_) != r_.sample(p * c_ + 1) || r_.sample(p * c_) != r_.sample(p * c_ + 2)) return false;
    return true;
  }
  bool is_known(std::uint32_t v) const {
    if (kind_ == Kind::color) return is_label_color(schema_, v);
    return v == schema_.ignore || v == r_.max_value || std::find(schema_.values.begin(), schema_.values.end(), v) != schema_.values.end();
  }
  /// The color of the label, or of what is ignored, that is nearest to a value's.
  std::uint32_t nearest(std::uint32_t v) const {
    MaskContent content;
    content.kind = kind_;
    content.max_value = r_.max_value;
    content.palette = r_.palette;
    const std::uint32_t c = color_of(content, v);
    std::vector<Rgb> colors = schema_.colors;
    if (schema_.ignore_color) colors.push_back(*schema_.ignore_color);
    const auto distance = [&](const Rgb& rgb) {
      const auto square = [](int d) { return d * d; };
      return square(rgb[0] - static_cast<int>(c >> 16 & 255)) + square(rgb[1] - static_cast<int>(c >> 8 & 255)) +
             square(rgb[2] - static_cast<int>(c & 255));
    };
    return packed(*std::min_element(colors.begin(), colors.end(), [&](const Rgb& x, const Rgb& y) { return distance(x) < distance(y); }));
  }

  const Raster& r_;
  const LabelSchema& schema_;
  std::size_t c_;
  Kind kind_;
  bool alpha_ = false, nearest_ = false, only_known_ = false, may_be_planes_ = false;
  std::map<std::uint32_t, std::uint32_t> seen_;
};

/// What is said of the samples of alpha that are not read. A color of one value is no label where alpha has several.
void tell_of_alpha(const Raster& raster, const LabelSchema& schema, MaskContent& content) {
  if (schema.reading.alpha || !raster.has_alpha || !varies(raster, raster.channels - 1)) return;
  bool color = false;
  for (int c = 0; c + 1 < raster.channels; ++c) color = color || varies(raster, c);
  content.alpha_alone = !color && (content.alpha_alone || !content.alpha_varies);
  content.alpha_varies = true;
}

void require_alpha(const Raster& raster, const LabelSchema& schema, const std::string& file) {
  require<DataError>(!schema.reading.alpha || raster.has_alpha || raster.channels == 1 || !raster.palette.empty(), file,
                     ": the labels are to be in the alpha channel, and this mask has ", raster.channels, " channels without one");
}

/// Channels as planes, from the given one: of grades, or of 0 and one other value.
LabelImage decode_planes(const Raster& raster, int planes, const LabelSchema& schema, const std::string& origin, std::size_t channel = 0) {
  const std::optional<unsigned> ignore = schema.ignore;
  const bool graded = !schema.planes.empty();
  LabelImage mask(raster.width, raster.height, 0, planes);
  const auto count = static_cast<std::size_t>(planes), channels = static_cast<std::size_t>(raster.channels);
  unsigned set = 0;  // the sample that means 1
  for (std::size_t i = 0; i < mask.labels.size(); ++i) {
    const std::size_t pixel = i / count;
    const unsigned v = raster.sample(pixel * channels + channel + i % count);
    if (v == 0 || v == ignore) {
      mask.labels[i] = v == ignore ? kIgnoreLabel : 0;
      continue;
    }
    if (set == 0) set = v;
    const std::size_t x = pixel % static_cast<std::size_t>(raster.width), y = pixel / static_cast<std::size_t>(raster.width);
    require<DataError>(!graded || v < schema.names.size(), origin, ": the pixel at (", x, ", ", y, ") has the value ", v,
                       ", which is none of the grades 0 to ", schema.names.size() - 1,
                       "; correct the mask or name the grade in \"labels\"");
    require<DataError>(graded || v == set, origin, ": the pixel at (", x, ", ", y, ") has the value ", v, " beside ", set,
                       "; the planes of a multilabel mask hold 0 and one other value (a lossy or smoothed file? --mask-threshold 0.5 marks "
                       "what is above half; grades? \"task\": \"ordinal\" and \"planes\" in dataset.json)");
    mask.labels[i] = graded ? static_cast<std::uint8_t>(v) : 1;
  }
  return mask;
}

}  // namespace

void MaskContent::tell_of(const Raster& raster) {
  format = raster.format;
  orientation = raster.orientation;
  lossy |= raster.lossy;
  for (const std::string& note : raster.notes)
    if (std::find(notes.begin(), notes.end(), note) == notes.end()) notes.push_back(note);
}

MaskContent inspect_mask(const Raster& raster, const std::string& file, const LabelSchema& schema) {
  if (schema.reading.class_folders.empty()) require_alpha(raster, schema, file);
  require<DataError>(schema.reading.others != Others::nearest || schema.has_colors, file,
                     ": the nearest color needs \"labels\" and \"colors\" in dataset.json");
  PixelValues value(raster, schema, file);
  MaskContent content;
  content.file = file;
  content.tell_of(raster);
  content.kind = value.kind();
  content.width = raster.width;
  content.height = raster.height;
  content.max_value = raster.max_value;
  if (content.kind != Kind::planes) tell_of_alpha(raster, schema, content);
  if (content.kind == Kind::planes) {
    content.planes = raster.channels;
    for (std::size_t i = 0; i < raster.pixel_count() * static_cast<std::size_t>(raster.channels) && content.plane_values[1] == 0; ++i)
      if (const unsigned v = raster.sample(i); v != 0 && v != content.plane_values[0])
        content.plane_values[content.plane_values[0] ? 1 : 0] = v;
  }
  if (value.may_be_planes()) content.rgba = pixels_by_channel(raster);
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
  const std::size_t width = static_cast<std::size_t>(raster.width);
  const auto known = [&](std::size_t p) { return !schema.ignore || value(p) != *schema.ignore; };
  std::size_t left = 0, right = width - 1, top = 0, bottom = pixels / width - 1;  // of what is not ignored
  if (schema.ignore) {
    left = width, right = 0, top = pixels, bottom = 0;
    for (std::size_t p = 0; p < pixels; ++p)
      if (known(p)) {
        left = std::min(left, p % width), right = std::max(right, p % width);
        top = std::min(top, p / width), bottom = std::max(bottom, p / width);
      }
  }
  for (std::size_t y = top; y <= bottom; ++y)
    for (std::size_t x = left; x <= right; x += y == top || y == bottom || x == right ? 1 : right - left)
      if (known(y * width + x)) ++content.border[value(y * width + x)];
  if (content.counts.contains(MaskContent::kSeveralPlanes)) content.overlaps = pairs_of_planes(raster);
  return content;
}

MaskDecoder::MaskDecoder(MaskEncoding encoding, const LabelSchema& schema) : encoding_(encoding), schema_(schema) {
  const std::vector<std::string>& folders = schema.reading.class_folders;
  for (std::size_t k = 0; k < schema.names.size(); ++k) {
    const auto own = std::find(folders.begin(), folders.end(), schema.names[k]);
    const std::uint32_t key = encoding == MaskEncoding::colors ? packed(schema.colors[k])
                              : own != folders.end()           ? static_cast<std::uint32_t>(own - folders.begin())
                              : encoding == MaskEncoding::foreground_planes && !folders.empty() ? MaskContent::kNoPlane
                                                                                                : plane_of(schema, encoding, k);
    classes_[key] = static_cast<int>(k);
  }
  if (!schema.planes.empty()) {
    classes_.clear();  // what content of planes is counted by
    for (std::size_t k = 0; k < schema.counted().size(); ++k) classes_[static_cast<std::uint32_t>(k)] = static_cast<int>(k);
  }
  if (encoding == MaskEncoding::multilabel) return;
  if (schema.ignore && encoding != MaskEncoding::colors) classes_[*schema.ignore] = kIgnoreLabel;
  if (schema.ignore_color && encoding == MaskEncoding::colors) classes_[packed(*schema.ignore_color)] = kIgnoreLabel;
}

std::uint32_t MaskDecoder::plane_of_color(std::uint32_t color) const {
  const bool one = color == 0x010000 || color == 0x000100 || color == 0x000001;  // in place of 255
  color *= one ? 255 : 1;
  return color == 0xff0000 ? 0 : color == 0x00ff00 ? 1 : color == 0x0000ff ? 2 : MaskContent::kNoPlane;
}

const std::map<std::uint32_t, std::int64_t>& MaskDecoder::counts_of(const MaskContent& content) const {
  return planes_in(schema_) == 4 && !content.rgba.empty() ? content.rgba : content.counts;
}

std::uint32_t MaskDecoder::key_of(const MaskContent& content, std::uint32_t value) const {
  std::uint32_t key = value;
  if (encoding_ == MaskEncoding::colors) key = color_of(content, value);
  if (encoding_ == MaskEncoding::binary && value != schema_.ignore && is_two_tone(content))
    key = color_of(content, value) == 0xffffff;
  else if (encoding_ == MaskEncoding::binary && value == content.max_value && value != schema_.ignore)
    key = 1;
  if ((encoding_ == MaskEncoding::planes || encoding_ == MaskEncoding::foreground_planes) && content.kind != Kind::planes &&
      &counts_of(content) == &content.counts)
    key = plane_of_color(value);
  return key;
}

int MaskDecoder::class_of(const MaskContent& content, std::uint32_t value) const {
  const auto it = classes_.find(key_of(content, value));
  return it != classes_.end() ? it->second : schema_.reading.others == Others::ignore && planes() == 0 ? kIgnoreLabel : -1;
}

bool MaskDecoder::leaves_out(const MaskContent& content, std::uint32_t value) const {
  return class_of(content, value) == kIgnoreLabel && !classes_.contains(key_of(content, value));
}

LabelImage MaskDecoder::decode(const Raster& raster, const std::string& origin) const {
  if (encoding_ == MaskEncoding::multilabel) {
    const bool graded = !schema_.planes.empty(), fits = raster.channels == planes() && classes_.rbegin()->first + 1 == classes_.size();
    const char* what = graded ? "plane" : "label";
    require<DataError>(fits, origin,
                       graded ? ": a mask of graded planes has a channel for each of \"planes\"; this one has "
                              : ": a multilabel mask has a channel for each label, numbered from 0 in \"labels\"; this one has ",
                       counted(raster.channels, "channel"), " for ", counted(planes(), what), ". Masks of one file a ", what,
                       " go into a folder for each, named like the ", what);
    return decode_planes(raster, planes(), schema_, origin);
  }
  PixelValues value(raster, schema_, origin);
  MaskContent content;  // what class_of needs to know
  content.kind = value.kind();
  content.max_value = raster.max_value;
  content.palette = raster.palette;
  LabelImage mask(raster.width, raster.height);
  std::uint32_t last = value(0);
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
  return decode(detail::read_turned(path, 0, limits, schema_), path.string());
}

LabelImage MaskDecoder::read(std::span<const std::filesystem::path> paths, const DecodeLimits& limits, int turn, MaskContent* about) const {
  if (!heads_.empty()) return read_heads(paths, limits, turn);
  LabelImage mask;
  std::string first;
  for (std::size_t k = 0; k < paths.size(); ++k) {
    if (paths[k].empty()) continue;
    const std::string origin = paths[k].string();
    const Raster raster = detail::read_turned(paths[k], turn, limits, schema_);
    require_alpha(raster, schema_, origin);
    MaskContent own;
    if (about) about->tell_of(raster), tell_of_alpha(raster, schema_, *about);
    tell_of_alpha(raster, schema_, own);
    require<DataError>(!own.alpha_alone || schema_.planes.empty() || raster.sample(0) == 0, mask_values::labels_in_alpha(origin));
    const std::size_t channel = schema_.reading.alpha && raster.has_alpha ? static_cast<std::size_t>(raster.channels - 1) : 0;
    const Kind kind = PixelValues(raster, schema_, origin).kind();
    require<DataError>(kind == Kind::gray || kind == Kind::palette, origin,
                       ": the mask of one plane is gray, this one has colors or channels");
    const LabelImage plane = decode_planes(raster, 1, schema_, origin, channel);
    if (first.empty()) {
      first = origin;
      mask = LabelImage(raster.width, raster.height, 0, static_cast<int>(paths.size()));
    }
    detail::require_same_size(origin, plane.width, plane.height, first, mask.width, mask.height);
    for (std::size_t i = 0; i < plane.labels.size(); ++i) mask.labels[i * paths.size() + k] = plane.labels[i];
  }
  return mask;
}

}  // namespace lamina::data
