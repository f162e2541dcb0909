#pragma once
// Values of masks as numbers, colors and text.
#include <set>
#include <string>

#include "lamina/core/text.hpp"
#include "lamina/data/mask.hpp"

namespace lamina::data::mask_values {

using Kind = MaskContent::Kind;

inline std::uint32_t packed(unsigned r, unsigned g, unsigned b) { return r << 16 | g << 8 | b; }
inline std::uint32_t packed(const Rgb& c) { return packed(c[0], c[1], c[2]); }

/// A sample on the scale 0..255.
inline unsigned byte_of(unsigned v, unsigned max_value) { return max_value == 255 ? v : (v * 255 + max_value / 2) / max_value; }

inline std::string hex_color(std::uint32_t c) { return formatted("#%06x", c & 0xffffffu); }

/// The color of a value of a mask, for data sets whose masks are read by color.
inline std::uint32_t color_of(const MaskContent& content, std::uint32_t value) {
  if (content.kind == Kind::color) return value;
  if (content.kind == Kind::palette) return value < content.palette.size() ? packed(content.palette[value]) : MaskContent::kNoPlane;
  const unsigned v = byte_of(value, content.max_value);
  return packed(v, v, v);
}

/// Whether a palette has black and white alone, as black and white pictures have: then these are meant, whatever their indices.
inline bool is_two_tone(const MaskContent& content) {
  bool black = false, white = false, others = false;
  for (const Rgb& c : content.palette) {
    black = black || packed(c) == 0, white = white || packed(c) == 0xffffff;
    others = others || (packed(c) != 0 && packed(c) != 0xffffff);
  }
  return content.kind == Kind::palette && black && white && !others;
}

/// Whether the color is a label's or the ignored one.
inline bool is_label_color(const LabelSchema& schema, std::uint32_t c) {
  if (schema.ignore_color && packed(*schema.ignore_color) == c) return true;
  for (const Rgb& known : schema.colors)
    if (packed(known) == c) return true;
  return false;
}

/// The channels of the data set's masks, where they are planes; 0: they are not, or it is not decided.
inline int planes_in(const LabelSchema& schema) {
  const auto encoding = schema.reading.class_folders.empty() ? schema.reading.encoding : std::nullopt;
  if (encoding == MaskEncoding::multilabel) return static_cast<int>(schema.plane_names().size());
  if (encoding == MaskEncoding::planes) return schema.classes();
  return encoding == MaskEncoding::foreground_planes ? schema.classes() - 1 : 0;
}

/// The one-hot plane of class k; kNoPlane: it is where none is set.
inline std::uint32_t plane_of(const LabelSchema& schema, MaskEncoding encoding, std::size_t k) {
  const unsigned v = schema.values[k];
  if (encoding != MaskEncoding::foreground_planes) return v;
  if (schema.reading.unmarked.empty()) return v == 0 ? MaskContent::kNoPlane : v - 1;
  const int own = static_cast<int>(k);
  int unmarked = schema.class_named(schema.reading.unmarked);
  if (unmarked < 0) unmarked = schema.classes();  // it is ignored
  return own == unmarked ? MaskContent::kNoPlane : static_cast<std::uint32_t>(own - (own > unmarked));
}

/// What to do about pixels of a value that is no label; follows MaskContent::describe. `colors`: whether the labels have some.
std::string no_label_cure(const MaskContent& mask, std::uint32_t value, bool colors);
/// What to do where planes lie in each other: they seem to be grades. `labels` are those of dataset.json.
std::string steps_of_a_scale(const std::string& labels);

/// ", for example "colors": {...}" of the colors of masks, of more than a few those that some share of the pixels has; nothing for many.
std::string example_colors(const std::vector<MaskContent>& masks);
/// That the masks' color is the same where their alpha is not, and what to type.
std::string labels_in_alpha(const std::string& file);
/// Of colors that are sums of red, green and blue, what these may be; nothing for others.
std::string if_overlapping(const std::set<std::uint32_t>& colors);
/// ". If they number objects: ..."
std::string if_numbers();
/// That nothing says what values of masks mean, of which some are no small numbers, and what to type. `used` has their first files.
std::string unexplained(const std::vector<MaskContent>& masks, const std::map<std::uint32_t, std::string>& used);
/// The same of small numbers that are classes, but not all that lie between are there.
std::string told_of_gaps(const std::vector<MaskContent>& masks, const std::map<std::uint32_t, std::string>& used);

template <class Set, class F>
inline std::string list(const Set& values, F&& text) {
  std::string s;
  std::size_t n = 0;
  for (const auto& v : values) {
    if (n++ == 12) return s + ", ...";
    s += (n > 1 ? ", " : "") + text(v);
  }
  return s;
}

}  // namespace lamina::data::mask_values
