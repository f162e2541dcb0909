// What is said of masks: their values, how they are read, what to do about the rest.
#include <algorithm>
#include <set>

#include "lamina/core/text.hpp"
#include "lamina/data/impl/mask_values.hpp"

namespace lamina::data {

std::string MaskContent::describe(std::uint32_t value) const {
  if (value == kNoPlane) return "no plane";
  if (value == kSeveralPlanes) return "several planes";
  if (value == kOther) return "other values";
  return kind == Kind::color ? "the color " + mask_values::hex_color(value) : "the value " + std::to_string(value);
}

std::string MaskDecoder::describe(const LabelSchema& schema) const {
  using namespace mask_values;
  constexpr const char* kText[] = {"gray index masks",
                                   "palette masks, read by index",
                                   "binary masks",
                                   "masks read by color",
                                   "one-hot planes",
                                   "one-hot planes, none where the background is",
                                   "multilabel masks, a plane a class"};
  std::string of_heads;
  for (std::size_t h = 0; h < heads_.size(); ++h)
    of_heads += (h ? "; " : "") + schema.heads[h].name + ": " + heads_[h].describe(schema.heads[h]);
  if (!heads_.empty()) return of_heads;
  const std::vector<std::string>& folders = schema.reading.class_folders;
  std::string s = !folders.empty()
                      ? "a folder of masks a class:"
                      : std::string(kText[static_cast<std::size_t>(encoding_)]) + (schema.reading.alpha ? " in the alpha channel:" : ":");
  if (!schema.planes.empty()) {
    s = "graded planes:";
    for (const std::string& plane : schema.planes) s += (&plane == &schema.planes[0] ? " " : ", ") + plane;
    s += "; each";
  }
  for (std::size_t k = 0; k < schema.names.size(); ++k) {
    const std::uint32_t v = plane_of(schema, encoding_, k);
    const bool has_folder = std::find(folders.begin(), folders.end(), schema.names[k]) != folders.end();
    const std::string value = encoding_ == MaskEncoding::colors   ? hex_color(packed(schema.colors[k]))
                              : !folders.empty()                  ? (has_folder ? "" : "elsewhere")
                              : encoding_ == MaskEncoding::binary ? (k ? "full" : "0")
                              : v == MaskContent::kNoPlane        ? "none"
                                                                  : std::to_string(v);
    s += message(k == 0                         ? " "
                 : schema.task == Task::ordinal ? " < "
                                                : ", ",
                 value, value.empty() ? "" : " ", shortened(schema.names[k], 60));
  }
  if (schema.reading.others == Others::ignore) s += "; other values ignored";
  if (schema.reading.others == Others::nearest) s += "; other colors are the nearest label's";
  return schema.ignore ? message(s, "; ", *schema.ignore, " ignored") : s;
}

std::string mask_values::labels_in_alpha(const std::string& file) {
  return message(file, ": the masks' colour is the same everywhere and their alpha channel varies: the labels seem to be there. Read them ",
                 "with --mask-channel alpha (\"mask_channel\": \"alpha\" in dataset.json), which reads masks without alpha as they are");
}

std::string mask_values::steps_of_a_scale(const std::string& labels) {
  return message(
      ", as steps of one scale do (grade >= 1, >= 2, ...). If they are that, masks of grades are easier to learn: each pixel the "
      "number of its planes, of arrays a.sum(-1) with numpy, and dataset.json with \"task\": \"ordinal\", \"labels\": ",
      labels);
}

std::string mask_values::if_overlapping(const std::set<std::uint32_t>& colors) {
  const std::set<std::uint32_t> steps{0x000000, 0xff0000, 0xffff00, 0xffffff};
  if (colors.contains(0) && colors.contains(0xffff00) && std::includes(steps.begin(), steps.end(), colors.begin(), colors.end()))
    return ". Red, green and blue lie in each other" + steps_of_a_scale("{\"none\": 0, \"mild\": 1, ...}");
  const auto whole = [](std::uint32_t part) { return part == 0 || part == 255; };
  const auto is_sum = [&](std::uint32_t c) { return whole(c >> 16) && whole(c >> 8 & 255) && whole(c & 255); };
  if (!std::all_of(colors.begin(), colors.end(), is_sum)) return {};
  return ". If red, green and blue are labels that overlap, write {\"task\": \"multilabel\", \"labels\": {\"a\": 0, \"b\": 1, \"c\": 2}}";
}

namespace {
/// Whether the planes of a mask, of which pixels have several, lie in each other.
bool lie_in_each_other(const MaskContent& mask) {
  const auto is_plane = [](std::uint32_t key) { return key < MaskContent::kOther; };
  std::set<std::uint32_t> alone, inner;  // set where no other is; the others
  for (const auto& [key, count] : mask.counts)
    if (is_plane(key)) alone.insert(key);
  for (const auto& [pair, count] : mask.overlaps)
    for (const std::uint32_t plane : {pair.first, pair.second})
      if (!alone.contains(plane)) inner.insert(plane);
  if (alone.size() > 1 || mask.overlaps.empty()) return false;
  const auto both = [&](std::uint32_t a, std::uint32_t b) {
    const auto it = mask.overlaps.find(std::minmax(a, b));
    return it == mask.overlaps.end() ? 0 : it->second;
  };
  const std::uint32_t outer = alone.empty() ? *inner.begin() : *alone.begin();
  for (const std::uint32_t a : inner)
    for (const std::uint32_t b : inner)
      if (a < b && a != outer && b != outer && both(a, b) != std::min(both(outer, a), both(outer, b))) return false;
  return true;
}
}  // namespace

std::string mask_values::no_label_cure(const MaskContent& mask, std::uint32_t value, bool colors) {
  if (value == MaskContent::kSeveralPlanes)
    return std::string(
               "; classes that overlap need \"task\": \"multilabel\" in dataset.json; else correct the mask, or leave such pixels out "
               "with --others ignore") +
           (lie_in_each_other(mask) ? "; or the planes lie in each other" + steps_of_a_scale("{\"none\": 0, \"mild\": 1, ...}") : "");
  return message(
      ", which is none of the labels; ",
      colors ? "where colors are off by a little, --nearest-color takes each for the nearest label; or "
             : "where values are off by a little (JPEG, smoothed borders), give \"colors\" in dataset.json, and --nearest-color; or ",
      "correct the mask, add it to \"labels\" in dataset.json, or leave such pixels out with --others ignore");
}

}  // namespace lamina::data
