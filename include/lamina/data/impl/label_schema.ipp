// The classes of a data set.
#include "lamina/data/label_schema.hpp"

#include <algorithm>

#include "lamina/data/impl/schema_names.hpp"

namespace lamina::data {

using namespace schema_names;

const char* name_of(Task task) { return kTasks[static_cast<std::size_t>(task)]; }

const char* name_of(MaskEncoding encoding) { return name_in(kEncodings, encoding); }

MaskReading overridden(MaskReading reading, const std::string& channel, const std::string& frame, const std::string& others) {
  if (!channel.empty()) reading.alpha = parse_name("mask channel", channel, kChannels);
  if (!frame.empty()) reading.as_stored = parse_name("mask frame", frame, kFrames);
  if (!others.empty()) reading.others = parse_name("treatment of others", others, kOthers);
  return reading;
}

int LabelSchema::class_named(std::string_view name) const {
  const auto it = std::find(names.begin(), names.end(), name);
  return it == names.end() ? -1 : static_cast<int>(it - names.begin());
}

std::vector<std::string> LabelSchema::counted() const {
  if (planes.empty()) return names;
  std::vector<std::string> all;
  for (const std::string& plane : planes)
    for (const std::string& grade : names) all.push_back(plane + ' ' + grade);
  return all;
}

namespace {
/// Of what is graded; a pixel with nothing of it stays as it is.
std::vector<Rgb> plane_colors(const LabelSchema& schema) {
  std::vector<Rgb> colors = default_colors(static_cast<int>(schema.planes.size()) + 1);  // black first
  colors.erase(colors.begin());
  return colors;
}
}  // namespace

std::vector<Rgb> LabelSchema::counted_colors() const {
  if (planes.empty()) return colors;
  std::vector<Rgb> all;
  for (const Rgb& color : plane_colors(*this))
    for (int grade = 0; grade < classes(); ++grade) {
      Rgb shade{};
      for (std::size_t c = 0; grade && c < 3; ++c) shade[c] = static_cast<std::uint8_t>(255 - (255 - color[c]) * grade / (classes() - 1));
      all.push_back(shade);
    }
  return all;
}

Image draw_labels(Image image, const LabelImage& labels, const LabelSchema& schema, double opacity) {
  if (schema.planes.empty()) return overlay(std::move(image), labels, schema.colors, opacity);
  return overlay(std::move(image), labels, plane_colors(schema), opacity, schema.classes() - 1);
}

void LabelSchema::set_default_colors() {
  if (has_colors) return;
  if (task == Task::ordinal) {
    colors = grade_colors(classes());
    return;
  }
  colors = default_colors(classes() + 1);  // black first
  if (background > 0) std::rotate(colors.begin(), colors.begin() + 1, colors.begin() + background + 1);
  colors.erase(background < 0 ? colors.begin() : colors.end() - 1);
}

void LabelSchema::set_background(const std::string& option) {
  if (!planes.empty()) {
    require<DataError>(option.empty() || option == "none", "--background ", option, ": graded planes have none; where nothing is, '",
                       names[0], "' is the grade");
    background = -1;
    background_reason = "where nothing is, '" + names[0] + "' is the grade of every plane";
    return;
  }
  if (!option.empty()) {
    int k = class_named(option);
    for (std::size_t i = 0; k < 0 && i < values.size(); ++i)
      if (std::to_string(values[i]) == option) k = static_cast<int>(i);
    std::string known;
    for (const std::string& name : names) known += ", " + name;
    require<DataError>(k >= 0 || option == "none", "--background ", option, " is no label; there are none", known);
    require<DataError>(k < 0 || task != Task::multilabel, "--background ", option,
                       ": a multilabel set has no background, which is where no plane is set");
    background = k;
    background_reason = "--background says so";
    set_default_colors();
  }
  if (!background_reason.empty()) return;
  background_reason = task == Task::multilabel ? "it is where no plane is set" : "nothing says which one is";
}

std::string LabelSchema::background_text() const {
  const std::string why = background_reason.empty() ? "" : ", because " + background_reason;
  if (background >= 0) return "background: '" + names[static_cast<std::size_t>(background)] + "'" + why;
  return "background: no class is" + why +
         (background_reason.starts_with("nothing") ? " (--background NAME does): all classes count in the score" : "");
}

void LabelSchema::set_ignore(unsigned value) {
  ignore = value;
  const auto it = std::find(values.begin(), values.end(), value);
  if (it == values.end() || task == Task::multilabel) return;  // there the values number the planes
  const auto k = it - values.begin();
  values.erase(it);
  names.erase(names.begin() + k);
  if (k < static_cast<std::ptrdiff_t>(colors.size())) {
    if (has_colors) ignore_color = colors[static_cast<std::size_t>(k)];
    colors.erase(colors.begin() + k);
  }
  const auto moved = [&](int c) { return c == k ? -1 : c > k ? c - 1 : c; };
  const int was = background;
  background = moved(background);
  std::erase(uncertain, static_cast<int>(k));
  for (int& c : uncertain) c = moved(c);
  if (background < 0 && was >= 0) background_reason = "its pixels are ignored";
  set_default_colors();
}

void check_labels(const LabelSchema& schema, const std::string& origin) {
  const std::string task = message(origin, ": task '", name_of(schema.task), "' ");
  require<DataError>(schema.task == Task::multiclass || schema.classes() > 0, task, "needs \"labels\": a name for each ",
                     schema.task == Task::ordinal ? "grade" : "plane");
  require<DataError>(schema.planes.empty() || schema.task == Task::ordinal, task,
                     "has no \"planes\": they are what is graded where it is 'ordinal', and its labels are the grades");
  require<DataError>(schema.counted().size() <= kIgnoreLabel, task, "has ", schema.planes.size(), " planes of ", schema.classes(),
                     " grades, which are more than 255 in all");
  if (schema.task != Task::ordinal) return;
  for (unsigned grade = 0; grade < schema.values.size(); ++grade)
    require<DataError>(schema.values[grade] == grade, task,
                       "needs grades numbered 0, 1, 2 ... from the lowest, but no label has the value ", grade, " and '",
                       schema.names[grade], "' has ", schema.values[grade], "; number the labels and the masks without a gap");
  require<DataError>(schema.classes() > 1, task, "needs at least two grades; '", schema.names[0], "' is the only label");
  require<DataError>(schema.background <= 0, task, "puts the background above '", schema.names[0],
                     "': make it the lowest grade, or leave its pixels out with \"ignore\"");
}

}  // namespace lamina::data
