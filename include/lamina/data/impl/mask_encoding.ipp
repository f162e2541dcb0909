// Which encoding the masks of a data set have: decided from all of them, or refused.
#include <algorithm>
#include <set>

#include "lamina/core/text.hpp"
#include "lamina/data/impl/class_table.hpp"
#include "lamina/data/impl/head_masks.hpp"
#include "lamina/data/impl/mask_planes.hpp"
#include "lamina/data/impl/mask_values.hpp"
#include "lamina/data/impl/schema_names.hpp"

namespace lamina::data {
namespace {

using namespace mask_values;

constexpr std::size_t kMostClassesWithoutLabels = 64;
constexpr const char* kSmeared =
    "Colors that are smeared, as by JPEG or smoothed borders: give \"labels\" and \"colors\" in dataset.json, and --nearest-color";

constexpr Rgb kPure[] = {{255, 0, 0}, {0, 255, 0}, {0, 0, 255}};
/// The color of a label that is called as one of few.
const Rgb* color_called(const std::string& name) {
  static constexpr Rgb kBlack{};
  const std::string word = schema_names::in_small_letters(name);
  return word == "red" ? &kPure[0] : word == "green" ? &kPure[1] : word == "blue" ? &kPure[2] : word == "black" ? &kBlack : nullptr;
}

/// Masks whose colour says nothing while their alpha does are not read as what their colour says.
void check_alpha(const std::vector<MaskContent>& masks) {
  const auto first = std::find_if(masks.begin(), masks.end(), [](const MaskContent& m) { return m.alpha_varies; });
  if (first == masks.end()) return;
  const bool alone = std::all_of(masks.begin(), masks.end(), [](const MaskContent& m) { return m.alpha_alone || !m.alpha_varies; });
  require<DataError>(!alone, labels_in_alpha(first->file));
}

/// Planes are written as they were read: in the channels of one file, or in folders.
void keep_form(const std::vector<MaskContent>& masks, LabelSchema& schema) {
  schema.reading.in_channels = !masks.empty() && masks[0].planes > 0;
  if (schema.reading.in_channels) schema.file_ending = detail::ending_of(masks[0]);
}

/// The decision for one data set.
class Resolver : detail::PlanesResolver {
 public:
  using PlanesResolver::PlanesResolver;

  MaskEncoding decide() {
    const auto has = [&](Kind kind) { return std::any_of(masks_.begin(), masks_.end(), [&](const auto& m) { return m.kind == kind; }); };
    require<DataError>(!masks_.empty(), "there are no masks");
    for (const MaskContent& m : masks_)
      require<DataError>(!m.too_many_values, m.file, ": more than ", MaskContent::kMostValues,
                         m.kind == Kind::color
                             ? " different colors: this is no mask of labels. " + std::string(kSmeared) + example_colors(masks_)
                             : " different values: this is no mask of labels (a lossy or smoothed file? --mask-threshold "
                               "0.5 marks what is above half)",
                         if_numbers());
    if (four_channels()) return planes_of_rgba();
    check_alpha(masks_);
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
  bool any_ignored() const {
    return schema_.ignore && std::any_of(masks_.begin(), masks_.end(), [&](const auto& m) { return m.counts.contains(*schema_.ignore); });
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
  /// The encoding that dataset.json names.
  MaskEncoding given(MaskEncoding encoding) {
    require<DataError>(encoding != MaskEncoding::multilabel && !schema_.names.empty(), "\"encoding\": \"", name_of(encoding),
                       encoding == MaskEncoding::multilabel ? "\" needs \"task\": \"multilabel\"" : "\" needs \"labels\"",
                       " in dataset.json");
    require<DataError>(encoding != MaskEncoding::colors || schema_.has_colors, "\"encoding\": \"colors\" needs \"colors\" in dataset.json");
    require<DataError>(encoding != MaskEncoding::binary || schema_.values == std::vector<unsigned>{0, 1},
                       "\"encoding\": \"binary\" in dataset.json needs two labels with the values 0 and 1");
    const bool contradicts =
        encoding == MaskEncoding::foreground_planes && schema_.reading.unmarked.empty() && schema_.values[0] == 0 && schema_.background > 0;
    require<DataError>(!contradicts, "\"encoding\": \"foreground_planes\" takes '", schema_.names[0],
                       "', which has the value 0, for what has no plane, and the background is '",
                       contradicts ? schema_.names[static_cast<std::size_t>(schema_.background)] : "",
                       "': write \"unmarked\" and the one of them that has none");
    for (const MaskContent& m : masks_)
      require<DataError>(schema_.reading.unmarked.empty() || m.planes == 0 || m.planes + 1 == schema_.classes(), m.file, ": ", m.planes,
                         " planes, and ", schema_.classes(), " labels of which '", schema_.reading.unmarked, "' has none");
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
  /// Masks of red, green and blue, and perhaps black: labels that are called as colors have these. False: none is, or it does not say all.
  bool take_called(const std::set<std::uint32_t>& used) {
    std::vector<Rgb> colors(schema_.names.size());
    std::vector<std::size_t> open;
    std::set<std::uint32_t> left = used;
    for (std::size_t k = 0; k < colors.size(); ++k) {
      const Rgb* color = color_called(schema_.names[k]);
      if (color) colors[k] = *color;
      if (color || static_cast<int>(k) == schema_.background)
        left.erase(packed(colors[k]));
      else
        open.push_back(k);
    }
    if (left.size() == 1 && open.size() == 1)
      for (std::size_t c = 0; c < 3; ++c) colors[open[0]][c] = static_cast<std::uint8_t>(*left.begin() >> (16 - 8 * c) & 255);
    else if (!open.empty() || left.size() > left.count(0))
      return false;
    schema_.colors = colors;
    schema_.has_colors = true;
    if (!open.empty() || left.empty()) return true;
    add_background();
    set_background(0, "it is black beside pure colors");
    return true;
  }
  /// Two of them: labels in their order, as far as names allow.
  bool take_primaries(const std::set<std::uint32_t>& used) {
    std::vector<Rgb> colors;
    for (const Rgb& color : kPure)
      if (used.contains(packed(color))) colors.push_back(color);
    const std::size_t black = used.count(0);
    if (colors.size() + black < used.size() || colors.size() != 2) return false;
    const bool named = !schema_.names.empty();
    if (!named) {
      const std::vector<unsigned> values = black ? std::vector<unsigned>{0, 1, 2} : std::vector<unsigned>{0, 1};
      name_classes(values, numbered(values));
      if (black) schema_.names[0] = "background", set_background(0, "it is black beside two pure colors");
    }
    if (schema_.names.size() != colors.size() + black || (black && schema_.background < 0)) return false;
    if (black) colors.insert(colors.begin() + schema_.background, Rgb{});
    schema_.colors = colors;
    schema_.has_colors = true;
    if (named) tell_of_order(colors);
    return true;
  }
  /// That colors were given to labels by their order alone.
  void tell_of_order(const std::vector<Rgb>& colors) {
    std::string read, json;
    for (std::size_t k = 0; k < colors.size(); ++k) {
      const std::string color = hex_color(packed(colors[k])), &name = schema_.names[k];
      read += message(k ? ", " : "", color, " ", name);
      json += message(k ? ", \"" : "\"", name, "\": \"", color, "\"");
    }
    schema_.reading_note = message("nothing says which color is which label: they are read in the order red, green, blue, as ", read,
                                   ". If that is right, write it into dataset.json, or else what is: \"colors\": {", json, "}");
  }
  MaskEncoding colors() {
    if (schema_.has_colors) return MaskEncoding::colors;
    const auto used = colors_in_use();
    if (std::all_of(used.begin(), used.end(), [](std::uint32_t c) { return c == 0 || c == 0x010000 || c == 0x000100 || c == 0x000001; }))
      return one_hot(3);                                                              // of 0 and 1
    const std::set<std::uint32_t> primaries{0x000000, 0x0000ff, 0x00ff00, 0xff0000};  // black: no plane
    const bool pure = std::includes(primaries.begin(), primaries.end(), used.begin(), used.end());
    const bool called = std::any_of(schema_.names.begin(), schema_.names.end(), color_called);
    if (pure && (called ? take_called(used) : take_primaries(used))) return MaskEncoding::colors;
    if (pure && !called && used.size() - used.count(0) > 1) {
      const bool named = !schema_.names.empty();
      const MaskEncoding planes = one_hot(3);
      std::vector<Rgb> colors;
      for (std::size_t k = 0; k < schema_.names.size(); ++k)
        if (const std::uint32_t plane = plane_of(schema_, planes, k); plane != MaskContent::kNoPlane && plane < 3)
          colors.push_back(kPure[plane]);
        else
          colors.push_back(Rgb{});
      if (named) tell_of_order(colors);
      return planes;
    }
    throw DataError(message(
        "the masks are RGB-coloured (", counted(std::ssize(used), "color"), ": ", list(used, hex_color),
        ") and nothing says which color is which class. Write dataset.json with \"labels\" {name: number} and \"colors\" {name: color}",
        example_colors(masks_), used.size() > 8 ? message(". ", kSmeared, if_numbers()) : if_overlapping(used)));
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
        extremes = extremes && (value == 0 || marked || is_two_tone(m));
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
    if (!schema_.names.empty()) {
      if (used.size() == 1 && any_ignored())
        schema_.reading_note = message("every pixel of every mask is ", used.begin()->first, " or ignored (", *schema_.ignore, "): if ",
                                       *schema_.ignore, " is what is marked, take \"ignore\" (--ignore) away");
      return plain;
    }

    const auto first = used.begin(), last = used.empty() ? used.begin() : std::prev(used.end());
    const bool ignored = any_ignored();
    require<DataError>(!used.empty() && (used.size() > 1 || (first->first != 0 && !ignored)), "every pixel of every mask is ",
                       used.empty() ? "ignored" : message(first->first),
                       ignored && !used.empty() ? message(" or ignored (", *schema_.ignore, "): if ", *schema_.ignore,
                                                          " is what is marked, take \"ignore\" (--ignore) away")
                                                : ": there is nothing to learn");
    require<DataError>(last->first < kMostClassesWithoutLabels, last->first < kMostClassesWithoutLabels ? "" : unexplained(masks_, used));
    const auto lossy = std::find_if(masks_.begin(), masks_.end(), [](const MaskContent& m) { return m.lossy; });
    require<DataError>(
        lossy == masks_.end(), lossy == masks_.end() ? "" : lossy->file,
        ": a lossy file (JPEG, WebP), and nothing says which of its values (",
        list(used, [](const auto& v) { return std::to_string(v.first); }),
        ") are labels and which are smeared ones; make PNG files of what it was made of, or write dataset.json, with \"labels\", a name "
        "for each value, and --others ignore");
    std::vector<unsigned> values;
    for (unsigned v = 0; v <= last->first; ++v)
      if (v != schema_.ignore) values.push_back(v);
    name_classes(values, numbered(values));
    if (plain == MaskEncoding::palette) take_palette();
    if (used.size() < values.size()) schema_.reading_note = told_of_gaps(masks_, used);
    if (values == std::vector<unsigned>{0, 1} && !told_of_lighter())
      set_background(0, "the masks hold 0 and 1 only, and by convention 0 is what is not marked");
    return plain;
  }
  /// Of two classes that nothing names: whether the palette makes the unmarked the lighter one, which speaks against the convention.
  bool told_of_lighter() {
    const auto lighter = [](const MaskContent& m) {
      const auto light = [&](std::size_t k) { return 299 * m.palette[k][0] + 587 * m.palette[k][1] + 114 * m.palette[k][2]; };
      return m.kind == Kind::palette && m.palette.size() > 1 && light(0) > light(1);
    };
    const auto m = std::find_if(masks_.begin(), masks_.end(), lighter);
    if (m == masks_.end() || !background_.empty()) return false;
    const auto color = [&](std::size_t k) { return hex_color(packed(m->palette[k])); };
    schema_.reading_note =
        message("the palette of the masks makes the value 0 ", color(0), " and 1 ", color(1),
                ", the lighter one first, and nothing says which is the background: if what is marked is ", color(0),
                ", --background 1 (\"labels\": {\"marked\": 0, \"background\": 1} in dataset.json), else --background 0");
    return true;
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
};

}  // namespace

MaskDecoder resolve_masks(const std::vector<MaskContent>& masks, LabelSchema& schema, const std::string& background) {
  if (!schema.heads.empty()) return detail::resolve_heads(masks, schema, background);
  const bool named = !schema.names.empty();
  require<DataError>(named || schema.reading.others == Others::error,
                     "--others needs \"labels\" in dataset.json: nothing says which values are labels");
  const std::string table = detail::fit_class_table(masks, schema);
  if (!schema.plane_names().empty()) check_alpha(masks);
  const MaskEncoding encoding = schema.plane_names().empty() ? Resolver(masks, schema, background).decide() : MaskEncoding::multilabel;
  schema.reading.encoding = encoding;
  if (encoding == MaskEncoding::multilabel) keep_form(masks, schema);
  if (!schema.reading.unmarked.empty() && encoding != MaskEncoding::foreground_planes && schema.reading_note.empty())
    schema.reading_note = message("\"unmarked\": \"", schema.reading.unmarked,
                                  "\" means nothing here: the masks are no one-hot planes of all labels but one");
  if (!table.empty()) schema.reading_note = table + (schema.reading_note.empty() ? "" : ". " + schema.reading_note);
  schema.set_background(background);
  require<DataError>(schema.classes() > 1 || schema.task == Task::multilabel, "there is one label, '",
                     schema.classes() ? schema.names[0] : "",
                     "', and so nothing to tell apart; name the others in \"labels\" of dataset.json");
  return MaskDecoder(encoding, schema);
}

}  // namespace lamina::data
