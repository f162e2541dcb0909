// Which encoding the masks of a data set have: decided from all of them, or refused.
#include <algorithm>
#include <set>

#include "lamina/core/text.hpp"
#include "lamina/data/impl/head_masks.hpp"
#include "lamina/data/impl/mask_values.hpp"

namespace lamina::data {
namespace {

using namespace mask_values;

constexpr std::size_t kMostClassesWithoutLabels = 64;
constexpr const char* kSmeared =
    "Colors that are smeared, as by JPEG or smoothed borders: give \"labels\" and \"colors\" in dataset.json, and --nearest-color";
std::string if_numbers() { return message(". If they number objects: ", program_word(), " import instances SOURCE OUT"); }

/// Of masks of planes that are written as this one is.
const char* ending_of(const MaskContent& planes) { return planes.format == FileFormat::png ? ".png" : ".npy"; }

/// Planes are written as they were read: in the channels of one file, or in folders.
void keep_form(const std::vector<MaskContent>& masks, LabelSchema& schema) {
  schema.reading.in_channels = !masks.empty() && masks[0].planes > 0;
  if (schema.reading.in_channels) schema.file_ending = ending_of(masks[0]);
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
                         m.kind == Kind::color ? " different colors: this is no mask of labels. " + std::string(kSmeared)
                                               : " different values: this is no mask of labels (a lossy or smoothed file? --mask-threshold "
                                                 "0.5 marks what is above half)",
                         if_numbers());
    if (four_channels()) return planes_of_rgba();
    check_alpha();
    if (schema_.reading.encoding) return given(*schema_.reading.encoding);
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
      for (const auto& [value, count] : m.counts)
        if (value != MaskContent::kOther) colors.insert(color_of(m, value));
    return colors;
  }
  bool all_colors_known() const {
    const auto used = colors_in_use();
    return std::all_of(used.begin(), used.end(), [&](std::uint32_t c) { return is_label_color(schema_, c); });
  }
  /// Masks whose colour says nothing while their alpha does are not read as what their colour says.
  void check_alpha() const {
    const auto constant = [](const MaskContent& m) { return m.kind != Kind::planes && m.counts.size() == 1; };
    const auto first = std::find_if(masks_.begin(), masks_.end(), [&](const auto& m) { return m.alpha_varies && constant(m); });
    require<DataError>(
        first == masks_.end() || !std::all_of(masks_.begin(), masks_.end(), constant), first == masks_.end() ? "" : first->file,
        ": the masks' colour is the same everywhere and their alpha channel varies: the labels seem to be there. Read them with "
        "--mask-channel alpha (\"mask_channel\": \"alpha\" in dataset.json)");
  }
  /// The encoding that dataset.json names.
  MaskEncoding given(MaskEncoding encoding) {
    require<DataError>(encoding != MaskEncoding::multilabel && !schema_.names.empty(), "\"encoding\": \"", name_of(encoding),
                       encoding == MaskEncoding::multilabel ? "\" needs \"task\": \"multilabel\"" : "\" needs \"labels\"",
                       " in dataset.json");
    require<DataError>(encoding != MaskEncoding::colors || schema_.has_colors, "\"encoding\": \"colors\" needs \"colors\" in dataset.json");
    require<DataError>(encoding != MaskEncoding::binary || schema_.values == std::vector<unsigned>{0, 1},
                       "\"encoding\": \"binary\" needs two labels with the values 0 and 1");
    if (encoding == MaskEncoding::palette) take_palette();
    return encoding;
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
    schema_.set_default_colors();
  }
  void set_background(int k, const char* reason) {
    schema_.background = k;
    schema_.background_reason = reason;
    schema_.set_default_colors();
  }
  static std::vector<std::string> numbered(const std::vector<unsigned>& values) {
    std::vector<std::string> names;
    for (const unsigned v : values) names.push_back("class " + std::to_string(v));
    return names;
  }

  MaskEncoding planes_of_arrays() {
    const int planes = masks_[0].planes;
    for (const MaskContent& m : masks_) {
      require<DataError>(m.planes > 0, m.file, ": a mask without planes among masks of one-hot planes");
      require<DataError>(m.planes == planes, m.file, ": ", m.planes, " planes, but ", masks_[0].file, " has ", planes);
    }
    if (schema_.reading.class_folders.empty()) schema_.file_ending = ending_of(masks_[0]);
    return one_hot(planes);
  }
  /// Are the masks RGBA with at most one channel set, and each of the four somewhere? Otherwise alpha is no class.
  bool four_channels() const {
    std::set<std::uint32_t> used;
    for (const MaskContent& m : masks_) {
      if (m.rgba.empty()) return false;
      for (const auto& [plane, count] : m.rgba) used.insert(plane);
    }
    used.erase(MaskContent::kNoPlane);
    return used.size() == 4;
  }
  MaskEncoding planes_of_rgba() {
    if (schema_.classes() != 5)
      schema_.reading_note =
          "the RGBA masks are read as one-hot planes, red, green, blue and alpha, since a pixel has at most one of them set and all four "
          "occur; if alpha is no class, say so with \"encoding\": \"colors\", \"labels\" and \"colors\" in dataset.json";
    schema_.file_ending = ending_of(masks_[0]);
    return one_hot(4);
  }
  /// One-hot planes: of every class, or of all but the background, which is then where none is set.
  MaskEncoding one_hot(int planes) {
    const bool uncovered = std::any_of(masks_.begin(), masks_.end(), [&](const MaskContent& m) {
      return m.kind == Kind::planes ? m.counts.contains(MaskContent::kNoPlane)
             : planes == 4          ? m.rgba.contains(MaskContent::kNoPlane)
                                    : m.counts.contains(0x000000);
    });
    if (schema_.names.empty()) {
      std::vector<unsigned> values;
      for (int k = 0; k < planes + uncovered; ++k) values.push_back(static_cast<unsigned>(k));
      std::vector<std::string> names = numbered(values);
      if (uncovered) names[0] = "background";
      name_classes(values, names);
    } else if (schema_.classes() == planes && uncovered && schema_.background < 0) {
      for (unsigned& v : schema_.values) ++v;
      schema_.values.insert(schema_.values.begin(), 0);
      schema_.names.insert(schema_.names.begin(), "background");
      if (schema_.has_colors) schema_.colors.insert(schema_.colors.begin(), Rgb{});
      for (int& k : schema_.uncertain) ++k;
    } else {
      const bool one_more = schema_.classes() == planes + 1 && (schema_.values[0] == 0 || !schema_.reading.class_folders.empty());
      require<DataError>(schema_.classes() == planes || one_more, "the masks have ", planes, " planes for ", schema_.classes(),
                         " labels; there is a plane for every label, or for all but the one with the value 0, which is where none is set");
      return one_more ? MaskEncoding::foreground_planes : MaskEncoding::planes;
    }
    if (!uncovered) return MaskEncoding::planes;
    set_background(0, "pixels of it have no plane set");
    return MaskEncoding::foreground_planes;
  }

  /// Two of red, green and blue, and perhaps black: labels of these colors, unless there are names and they say otherwise.
  bool take_primaries(const std::set<std::uint32_t>& used) {
    std::vector<Rgb> colors;
    for (const Rgb& color : {Rgb{0, 0, 0}, Rgb{255, 0, 0}, Rgb{0, 255, 0}, Rgb{0, 0, 255}})
      if (used.contains(packed(color))) colors.push_back(color);
    const std::size_t black = used.count(0);
    if (colors.size() < used.size() || colors.size() != 2 + black) return false;
    if (schema_.names.empty()) {
      const std::vector<unsigned> values = black ? std::vector<unsigned>{0, 1, 2} : std::vector<unsigned>{0, 1};
      name_classes(values, numbered(values));
      if (black) schema_.names[0] = "background", set_background(0, "it is black beside two pure colors");
    }
    if (schema_.names.size() != colors.size() || (black && schema_.background != 0)) return false;
    schema_.colors = colors;
    return schema_.has_colors = true;
  }
  /// Whether colors are sums of red, green and blue.
  static bool overlaps(const std::set<std::uint32_t>& used) {
    return std::all_of(used.begin(), used.end(), [](std::uint32_t c) {
      const auto whole = [](std::uint32_t part) { return part == 0 || part == 255; };
      return whole(c >> 16) && whole(c >> 8 & 255) && whole(c & 255);
    });
  }

  MaskEncoding colors() {
    if (schema_.has_colors) return MaskEncoding::colors;
    const auto used = colors_in_use();
    if (take_primaries(used)) return MaskEncoding::colors;
    const std::set<std::uint32_t> primaries{0x000000, 0x0000ff, 0x00ff00, 0xff0000};  // black: no plane
    if (used.size() - used.count(0) > 1 && std::includes(primaries.begin(), primaries.end(), used.begin(), used.end())) return one_hot(3);
    std::string example;
    int k = 0;
    if (used.size() <= 64)
      for (const std::uint32_t c : used) example += message(k ? ", " : "", "\"class ", k, "\": \"", hex_color(c), '"'), ++k;
    throw DataError(message(
        "the masks are RGB-coloured (", counted(std::ssize(used), "color"), ": ", list(used, hex_color),
        ") and nothing says which color is which class. Write dataset.json with \"labels\" {name: number} and \"colors\" {name: color}",
        example.empty() ? "" : ", for example \"colors\": {" + example + "}",
        used.size() > 8  ? message(". ", kSmeared, if_numbers())
        : overlaps(used) ? ". If red, green and blue are labels that overlap, write {\"task\": \"multilabel\", \"labels\": {\"a\": 0, "
                           "\"b\": 1, \"c\": 2}}"
                         : ""));
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
    // Only black and full intensity, the latter of at least 8 bits; of some files perhaps 1 in its place.
    bool extremes = true, full = false, ones = false;
    for (const MaskContent& m : masks_) {
      const bool white = m.kind == Kind::gray && m.max_value >= 255 && m.counts.contains(m.max_value) && schema_.ignore != m.max_value;
      for (const auto& [value, count] : m.counts) {
        if (value == schema_.ignore) continue;
        const bool marked = m.kind == Kind::gray && (value == m.max_value || (value == 1 && !white));
        extremes = extremes && (value == 0 || marked);
        ones = ones || (marked && value == 1 && m.max_value >= 255);
      }
      full = full || white;
    }
    const bool two_classes = schema_.names.empty() || schema_.values == std::vector<unsigned>{0, 1};
    if (extremes && full && two_classes) {
      if (schema_.names.empty()) {
        name_classes({0, 1}, {"background", "foreground"});
        set_background(0, "the masks hold 0 and full intensity, and by convention 0 is what is not marked");
      }
      if (ones) mixed_binary();
      return MaskEncoding::binary;
    }
    if (plain == MaskEncoding::palette) take_palette();
    if (!schema_.names.empty()) return plain;

    const auto first = used.begin(), last = used.empty() ? used.begin() : std::prev(used.end());
    require<DataError>(!used.empty() && (used.size() > 1 || first->first != 0), "every pixel of every mask is ",
                       used.empty() ? "ignored" : "0", ": there is nothing to learn");
    const unsigned second = used.size() > 1 ? std::prev(last)->first : 0;
    const auto number = [](const auto& v) { return std::to_string(v.first); };
    require<DataError>(last->first < kMostClassesWithoutLabels, "the masks hold the values ", list(used, number), " (", last->first,
                       " first in ", last->second, ") and nothing says what they mean. ",
                       last->first != 255 ? "" : what_255_is(used, second),
                       used.size() > kMostClassesWithoutLabels
                           ? "So many values are typical of lossy or smoothed files (--mask-threshold 0.5 marks what is above half; with "
                             "\"colors\" in dataset.json --nearest-color takes each for a label); if they are none, write"
                           : "Write",
                       " dataset.json, with names of your own: ", labels_of(used), if_numbers());
    std::vector<unsigned> values;
    for (unsigned v = 0; v <= last->first; ++v)
      if (v != schema_.ignore) values.push_back(v);
    name_classes(values, numbered(values));
    if (plain == MaskEncoding::palette) take_palette();
    if (values == std::vector<unsigned>{0, 1}) set_background(0, "the masks hold 0 and 1 only, and by convention 0 is what is not marked");
    return plain;
  }
  /// What may be meant by 255 beside values up to `second`.
  std::string what_255_is(const std::map<std::uint32_t, std::string>& used, unsigned second) const {
    if (second >= kMostClassesWithoutLabels)
      return "If they are to be 0 and 255, write dataset.json with \"labels\": {\"background\": 0, \"foreground\": 255} and "
             "\"colors\": {\"background\": \"#000000\", \"foreground\": \"#ffffff\"}, and give --nearest-color. ";
    const bool beside_labels = std::any_of(masks_.begin(), masks_.end(), [&](const MaskContent& m) {
      return m.counts.contains(255) &&
             std::any_of(m.counts.begin(), m.counts.end(), [](const auto& v) { return v.first != 0 && v.first != 255; });
    });
    if (beside_labels) return "If 255 marks pixels to leave out, say so with --ignore 255. ";
    return used.size() < 3 ? ""
                           : message("255 stands beside 0 alone, as what is marked in masks of 0 and 255; the value ", second,
                                     " is in other masks, first in ", used.at(second), ": if it means the same, make them alike. ");
  }
  /// The labels of a dataset.json for these values.
  static std::string labels_of(const std::map<std::uint32_t, std::string>& used) {
    constexpr std::size_t kMost = 12;
    std::string labels;
    std::size_t k = 0;
    for (const auto& [value, file] : used)
      if (++k <= kMost) labels += message(k == 1 ? "" : ", ", "\"class ", value, "\": ", value);
    return "{\"labels\": {" + labels + (k > kMost ? ", ...}}" : "}}");
  }
  /// Says which files hold 1 and which full intensity.
  void mixed_binary() {
    int ones = 0, full = 0;
    for (const MaskContent& m : masks_) {
      full += m.counts.contains(m.max_value) && m.max_value >= 255;
      ones += m.max_value >= 255 && m.counts.contains(1);
    }
    schema_.reading_note = message(counted(ones, "mask holds", "masks hold"), " 0 and 1, ", counted(full, "holds", "hold"),
                                   " 0 and full intensity: both are read as marked or not marked");
  }
  /// The colors of the labels' indices in the files, where these tell the labels apart.
  void take_palette() {
    if (schema_.has_colors || schema_.names.empty()) return;
    std::vector<Rgb> colors;
    for (const unsigned v : schema_.values) {
      const auto has = [&](const MaskContent& m) { return m.kind == Kind::palette && v < m.palette.size(); };
      const auto it = std::find_if(masks_.begin(), masks_.end(), has);
      if (it == masks_.end()) return;
      colors.push_back(it->palette[v]);
    }
    if (std::set<Rgb>(colors.begin(), colors.end()).size() < colors.size()) return;
    schema_.colors = colors;
    schema_.has_colors = true;
  }

  const std::vector<MaskContent>& masks_;
  LabelSchema& schema_;
};

}  // namespace

MaskDecoder resolve_masks(const std::vector<MaskContent>& masks, LabelSchema& schema, const std::string& background) {
  if (!schema.heads.empty()) return detail::resolve_heads(masks, schema, background);
  const bool named = !schema.names.empty();
  require<DataError>(named || schema.reading.others == Others::error,
                     "--others needs \"labels\" in dataset.json: nothing says which values are labels");
  const MaskEncoding encoding = schema.plane_names().empty() ? Resolver(masks, schema).decide() : MaskEncoding::multilabel;
  schema.reading.encoding = encoding;
  if (encoding == MaskEncoding::multilabel) keep_form(masks, schema);
  schema.set_background(background);
  require<DataError>(schema.classes() > 1 || schema.task == Task::multilabel, "there is one label, '",
                     schema.classes() ? schema.names[0] : "",
                     "', and so nothing to tell apart; name the others in \"labels\" of dataset.json");
  return MaskDecoder(encoding, schema);
}

}  // namespace lamina::data
