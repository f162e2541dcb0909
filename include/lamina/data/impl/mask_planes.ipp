#include "lamina/data/impl/mask_planes.hpp"

#include <algorithm>
#include <set>

#include "lamina/core/text.hpp"
#include "lamina/data/impl/mask_values.hpp"

namespace lamina::data::detail {

using mask_values::Kind;

void PlanesResolver::name_classes(const std::vector<unsigned>& values, const std::vector<std::string>& names) {
  schema_.values = values;
  schema_.names = names;
  schema_.set_default_colors();
}

void PlanesResolver::set_background(int k, const char* reason) {
  schema_.background = k;
  schema_.background_reason = reason;
  schema_.set_default_colors();
}

std::vector<std::string> PlanesResolver::numbered(const std::vector<unsigned>& values) {
  std::vector<std::string> names;
  for (const unsigned v : values) names.push_back("class " + std::to_string(v));
  return names;
}

namespace {
/// {"task": "ordinal", "labels": {...}, "planes": ["A", "B"]}
std::string graded_planes(int planes) {
  std::string names;
  for (int k = 0; k < planes; ++k) names += message(k ? ", \"" : "\"", "plane ", k + 1, '"');
  return "{\"task\": \"ordinal\", \"labels\": {\"none\": 0, \"mild\": 1, \"moderate\": 2, \"severe\": 3}, \"planes\": [" + names + "]}";
}
}  // namespace

MaskEncoding PlanesResolver::planes_of_arrays() {
  const int planes = masks_[0].planes;
  for (const MaskContent& m : masks_) {
    require<DataError>(m.planes > 0, m.file, ": a mask without planes among masks of one-hot planes");
    require<DataError>(m.planes == planes, m.file, ": ", m.planes, " planes, but ", masks_[0].file, " has ", planes);
    require<DataError>(
        m.plane_values[1] == 0, m.file, ": its ", planes, " channels hold the values ", m.plane_values[0], " and ", m.plane_values[1],
        " beside 0, and one-hot planes hold one. If they are grades, write dataset.json, with names of your own: ", graded_planes(planes),
        "; if they are intensities, --mask-threshold 0.5 marks what is above half");
  }
  if (schema_.reading.class_folders.empty()) schema_.file_ending = ending_of(masks_[0]);
  return one_hot(planes);
}

bool PlanesResolver::four_channels() const {
  std::set<std::uint32_t> used;
  for (const MaskContent& m : masks_) {
    if (m.rgba.empty()) return false;
    for (const auto& [plane, count] : m.rgba) used.insert(plane);
  }
  used.erase(MaskContent::kNoPlane);
  return used.size() == 4;
}

MaskEncoding PlanesResolver::planes_of_rgba() {
  if (schema_.classes() != 5)
    schema_.reading_note =
        "the RGBA masks are read as one-hot planes, red, green, blue and alpha, since a pixel has at most one of them set and all four "
        "occur; if alpha is no class, say so with \"encoding\": \"colors\", \"labels\" and \"colors\" in dataset.json";
  schema_.file_ending = ending_of(masks_[0]);
  return one_hot(4);
}

MaskEncoding PlanesResolver::one_hot(int planes) {
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
  } else if (schema_.classes() == planes && uncovered && schema_.background < 0 && schema_.task != Task::ordinal) {
    add_background();
  } else {
    return planes_of_labels(planes);
  }
  if (!uncovered) return MaskEncoding::planes;
  set_background(0, "pixels of it have no plane set");
  return MaskEncoding::foreground_planes;
}

void PlanesResolver::add_background() {
  number_planes();
  for (unsigned& v : schema_.values) ++v;
  schema_.values.insert(schema_.values.begin(), 0);
  schema_.names.insert(schema_.names.begin(), "background");
  if (schema_.has_colors) schema_.colors.insert(schema_.colors.begin(), Rgb{});
  for (int& k : schema_.uncertain) ++k;
}

void PlanesResolver::number_planes() {
  if (schema_.ignore && *schema_.ignore <= schema_.values.back()) return;  // a plane that is left out
  for (std::size_t k = 0; k < schema_.values.size(); ++k) schema_.values[k] = static_cast<unsigned>(k);
}

MaskEncoding PlanesResolver::planes_of_labels(int planes) {
  const bool folders = !schema_.reading.class_folders.empty();
  int unmarked = schema_.background >= 0 ? schema_.background : schema_.class_called(background_);
  const bool guessed = unmarked < 0 && schema_.values[0] == 0 && schema_.task != Task::ordinal;
  if (unmarked < 0 && schema_.values[0] == 0) unmarked = 0;
  const bool one_more = schema_.classes() == planes + 1 && (unmarked >= 0 || folders);
  require<DataError>(schema_.classes() == planes || one_more, "the masks have ", planes, " planes for ", schema_.classes(),
                     " labels; there is a plane for every label, or for all but the background, which is where none is set (\"roles\": "
                     "{\"background\": NAME} in dataset.json says which it is; else it is the one with the value 0)");
  if (!folders) number_planes();
  if (!one_more) return MaskEncoding::planes;
  const std::string& name = folders ? std::string() : schema_.names[static_cast<std::size_t>(unmarked)];
  if (unmarked > 0) schema_.reading.unmarked = name;
  if (guessed && !folders)
    schema_.reading_note = message("nothing says which of ", schema_.classes(), " labels has no plane of its own; '", name,
                                   "' is taken to be where none of the ", planes,
                                   " is set, since its value is 0: \"roles\": "
                                   "{\"background\": NAME} in dataset.json, or --background, says which it is");
  return MaskEncoding::foreground_planes;
}

}  // namespace lamina::data::detail
