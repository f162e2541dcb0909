// Which encoding the masks of a data set have: decided from all of them, or refused.
#include <algorithm>
#include <set>

#include "lamina/data/impl/mask_values.hpp"

namespace lamina::data {
namespace {

using namespace mask_values;

constexpr std::size_t kMostClassesWithoutLabels = 64;

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

MaskDecoder resolve_masks(const std::vector<MaskContent>& masks, LabelSchema& schema) {
  const MaskEncoding encoding = schema.task == Task::multilabel ? MaskEncoding::multilabel : Resolver(masks, schema).decide();
  return MaskDecoder(encoding, schema);
}

}  // namespace lamina::data
