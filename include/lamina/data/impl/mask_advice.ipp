// What to type where nothing says what the values of masks mean.
#include <algorithm>
#include <map>

#include "lamina/core/text.hpp"
#include "lamina/data/impl/mask_values.hpp"

namespace lamina::data {
namespace {

using namespace mask_values;
using Used = std::map<std::uint32_t, std::string>;  // first file by value

constexpr std::uint32_t kSmall = 64;

std::map<std::uint32_t, std::int64_t> pixels_by_value(const std::vector<MaskContent>& masks, const Used& used) {
  std::map<std::uint32_t, std::int64_t> pixels;
  for (const MaskContent& m : masks)
    for (const auto& [value, count] : m.counts)
      if (used.contains(value)) pixels[value] += count;
  return pixels;
}

/// The values that many pixels have and that are not near one that more have.
std::map<std::uint32_t, std::int64_t> levels_of(const std::map<std::uint32_t, std::int64_t>& pixels, unsigned most) {
  std::vector<std::pair<std::int64_t, std::uint32_t>> order;
  std::int64_t all = 0;
  for (const auto& [value, count] : pixels) order.emplace_back(-count, value), all += count;
  std::sort(order.begin(), order.end());
  std::map<std::uint32_t, std::int64_t> levels;
  for (const auto& [count, value] : order) {
    const auto near = [most, v = value](const auto& level) {
      return 16 * std::max(level.first, v) <= 16 * std::min(level.first, v) + most;
    };
    if (-100 * count >= all && std::none_of(levels.begin(), levels.end(), near)) levels.emplace(value, -count);
  }
  return levels;
}

std::string value_text(const std::pair<const std::uint32_t, std::string>& v) { return std::to_string(v.first); }

/// "class 0": 0, "class 7": 7
template <class Values>
std::string labels_of(const Values& values) {
  std::string labels;
  for (const auto& [value, anything] : values) labels += message(labels.empty() ? "" : ", ", "\"class ", value, "\": ", value);
  return "{\"labels\": {" + labels + '}';
}

/// What may be meant by 255 beside values up to `second`.
std::string what_255_is(const std::vector<MaskContent>& masks, const Used& used, std::uint32_t second) {
  if (second >= kSmall) return {};
  const bool beside_labels = std::any_of(masks.begin(), masks.end(), [&](const MaskContent& m) {
    return m.counts.contains(255) &&
           std::any_of(m.counts.begin(), m.counts.end(), [](const auto& v) { return v.first != 0 && v.first != 255; });
  });
  if (beside_labels) return "If 255 marks pixels to leave out, say so with --ignore 255. ";
  return used.size() < 3 ? ""
                         : message("255 stands beside 0 alone, as what is marked in masks of 0 and 255; the value ", second,
                                   " is in other masks, first in ", used.at(second), ": if it means the same, make them alike. ");
}

/// Of few levels and what a lossy file, or a smoothed border, made of them.
std::string advice_on_levels(const std::map<std::uint32_t, std::int64_t>& levels, unsigned most) {
  std::string names, colors;
  for (const auto& [value, count] : levels) {
    const unsigned gray = byte_of(value, most);
    names += message(names.empty() ? "" : ", ", value);
    colors += message(colors.empty() ? "" : ", ", "\"class ", value, "\": \"", hex_color(packed(gray, gray, gray)), '"');
  }
  const std::string json = labels_of(levels) + ", \"colors\": {" + colors + "}}";
  const double half = (levels.begin()->first + levels.rbegin()->first) / 2.0 / most;
  return message("Most pixels are near ", names, ", the others as a lossy or smoothed file makes them: ",
                 levels.size() > 2 ? "" : message("--mask-threshold ", formatted("%.2g", half), " marks what is above; or "),
                 "write dataset.json, with names of your own: ", json, ", and give --nearest-color");
}

}  // namespace

std::string mask_values::example_colors(const std::vector<MaskContent>& masks) {
  constexpr std::size_t kFew = 8, kMost = 64;
  std::map<std::uint32_t, std::int64_t> pixels;
  std::int64_t all = 0;
  for (const MaskContent& m : masks)
    for (const auto& [value, count] : m.counts)
      if (value != MaskContent::kOther) pixels[color_of(m, value)] += count, all += count;
  const bool few = pixels.size() <= kFew;
  std::string colors;
  std::size_t k = 0;
  for (const auto& [color, count] : pixels)
    if (few || 200 * count >= all) colors += message(k ? ", " : "", "\"class ", k, "\": \"", hex_color(color), '"'), ++k;
  return colors.empty() || k > kMost ? "" : ", for example \"colors\": {" + colors + "}";
}

std::string mask_values::if_numbers() { return message(". If they number objects: ", program_word(), " import instances SOURCE OUT"); }

std::string mask_values::unexplained(const std::vector<MaskContent>& masks, const Used& used) {
  constexpr std::size_t kFew = 8;
  const auto last = std::prev(used.end());
  const std::uint32_t second = used.size() > 1 ? std::prev(last)->first : 0;
  const unsigned most = masks[0].max_value;
  const auto levels = levels_of(pixels_by_value(masks, used), most);
  const bool lossy = std::any_of(masks.begin(), masks.end(), [](const MaskContent& m) { return m.lossy; });
  const bool smeared = levels.size() > 1 && levels.size() < used.size() && levels.size() <= kFew && (lossy || second >= kSmall);
  const std::string what = message("the masks hold the values ", list(used, value_text), " (", last->first, " first in ", last->second,
                                   ") and nothing says what they mean. ");
  if (smeared) return message(what, advice_on_levels(levels, most), if_numbers());
  if (used.size() > kSmall)
    return message(what,
                   "So many values are typical of lossy or smoothed files (--mask-threshold 0.5 marks what is above half; with "
                   "\"colors\" in dataset.json --nearest-color takes each for a label); if they are none, write dataset.json, with "
                   "\"labels\", a name for each value",
                   if_numbers());
  const bool between = last->first == most && second >= kSmall;
  return message(what, between ? "If they are one thing with smoothed borders, --mask-threshold 0.5 marks what is above half. " : "",
                 last->first == 255 ? what_255_is(masks, used, second) : "",
                 "Write dataset.json, with names of your own: ", labels_of(used), '}', if_numbers());
}

std::string mask_values::told_of_gaps(const std::vector<MaskContent>& masks, const Used& used) {
  const auto pixels = pixels_by_value(masks, used);
  std::int64_t all = 0;
  for (const auto& [value, count] : pixels) all += count;
  Used common;
  std::string stray;
  for (const auto& [value, file] : used)
    if (const std::int64_t count = pixels.at(value); 10000 * count >= all)
      common.emplace(value, file);
    else
      stray += message("; ", counted(count, "pixel has", "pixels have"), " the value ", value, ", first in ", file);
  const std::uint32_t last = used.rbegin()->first;
  return message("the masks hold the values ", list(used, value_text), ", and nothing says what they mean: all from 0 to ", last,
                 " are classes, also those that no pixel has", stray, stray.empty() ? "" : " (a slip? correct it, or give --others ignore)",
                 ". If ", stray.empty() ? "these" : "the others",
                 " are the labels, write dataset.json, with names of your own: ", labels_of(common), '}');
}

}  // namespace lamina::data
