// The classes of a data set.
#include "lamina/data/label_schema.hpp"

#include <algorithm>

#include "lamina/core/text.hpp"
#include "lamina/data/impl/schema_names.hpp"

namespace lamina::data {

using namespace schema_names;

const char* name_of(Task task) { return kTasks[static_cast<std::size_t>(task)]; }

const char* name_of(MaskEncoding encoding) { return name_in(kEncodings, encoding); }

MaskReading overridden(MaskReading reading, const std::string& channel, const std::string& frame, const std::string& others,
                       double threshold) {
  require<OptionError>(threshold >= 0 && threshold < 1, "the mask threshold ", formatted("%g", threshold),
                       " is no share of full intensity below 1");
  if (threshold > 0) reading.threshold = threshold;
  if (!channel.empty()) reading.alpha = parse_name("mask channel", channel, kChannels);
  if (!frame.empty()) reading.as_stored = parse_name("mask frame", frame, kFrames);
  if (!others.empty()) reading.others = parse_name("treatment of others", others, kOthers);
  return reading;
}

int LabelSchema::class_named(std::string_view name) const {
  const auto it = std::find(names.begin(), names.end(), name);
  return it == names.end() ? -1 : static_cast<int>(it - names.begin());
}

int LabelSchema::class_called(const std::string& name_or_value) const {
  int k = class_named(name_or_value);
  for (std::size_t i = 0; k < 0 && i < values.size(); ++i)
    if (std::to_string(values[i]) == name_or_value) k = static_cast<int>(i);
  return k;
}

std::vector<std::string> LabelSchema::plane_names() const {
  std::vector<std::string> all = task == Task::multilabel ? names : planes;
  for (const LabelSchema& head : heads) {
    const std::vector<std::string> own = head.plane_names();
    if (own.empty()) all.push_back(head.name);
    for (const std::string& plane : own) all.push_back(head.name + '/' + plane);
  }
  return all;
}

std::vector<LabelSchema::Label> LabelSchema::counted_labels() const {
  std::vector<Label> all;
  int first = 0;  // plane of the head
  for (const LabelSchema& head : heads) {
    for (const Label& own : head.counted_labels()) {
      if (head.task == Task::multilabel) all.push_back({first + own.plane, 0, true});
      all.push_back({first + own.plane, own.label, own.background});
    }
    first += static_cast<int>(head.labels_per_pixel());
  }
  for (int plane = 0; plane < std::max<int>(1, static_cast<int>(planes.size())); ++plane)
    for (int k = 0; k < classes(); ++k)
      all.push_back(task == Task::multilabel ? Label{k, 1, false}
                                             : Label{plane, static_cast<std::uint8_t>(k), planes.empty() ? k == background : k == 0});
  return all;
}

std::vector<LabelSchema::Scale> LabelSchema::scales() const {
  std::vector<Scale> all;
  std::size_t first = 0;
  for (const LabelSchema& head : heads) {
    for (const Scale& own : head.scales())
      all.push_back({head.name + (own.name.empty() ? "" : ' ' + own.name), first + own.first, own.grades});
    first += head.counted().size() * (head.overlaps() ? 2 : 1);
  }
  for (std::size_t plane = 0; graded() && plane < labels_per_pixel(); ++plane)
    all.push_back({planes.empty() ? "" : planes[plane], plane * static_cast<std::size_t>(classes()), classes()});
  return all;
}

std::vector<bool> LabelSchema::no_finding() const {
  std::vector<bool> none;
  for (const Label& label : counted_labels()) none.push_back(label.background);
  for (const Scale& scale : scales()) none[scale.first] = true;
  if (!overlaps() && std::find(none.begin(), none.end(), true) == none.end()) none.clear();
  return none;
}

std::vector<std::string> LabelSchema::counted() const {
  std::vector<std::string> all;
  for (const LabelSchema& head : heads)
    for (const std::string& own : head.counted()) {
      if (head.task == Task::multilabel) all.push_back(head.name + " no " + own);
      all.push_back(head.name + ' ' + own);
    }
  if (planes.empty() && heads.empty()) return names;
  for (const std::string& plane : planes)
    for (const std::string& grade : names) all.push_back(plane + ' ' + grade);
  return all;
}

namespace {
/// Of what is graded; a pixel with nothing of it stays as it is.
std::vector<Rgb> plane_colors(const LabelSchema& schema) {
  std::vector<Rgb> colors = default_colors(schema.first_color + static_cast<int>(schema.planes.size()) + 1);  // black first
  colors.erase(colors.begin(), colors.begin() + schema.first_color + 1);
  return colors;
}
}  // namespace

std::vector<Rgb> LabelSchema::counted_colors() const {
  std::vector<Rgb> all;
  for (const LabelSchema& head : heads)
    for (const Rgb& own : head.counted_colors()) {
      if (head.task == Task::multilabel) all.push_back({});
      all.push_back(own);
    }
  if (planes.empty() && heads.empty()) return colors;
  for (const Rgb& color : plane_colors(*this))
    for (int grade = 0; grade < classes(); ++grade) {
      Rgb shade{};
      for (std::size_t c = 0; grade && c < 3; ++c) shade[c] = static_cast<std::uint8_t>(255 - (255 - color[c]) * grade / (classes() - 1));
      all.push_back(shade);
    }
  return all;
}

LabelImage LabelSchema::of_head(const LabelImage& mask, std::size_t head) const {
  std::size_t first = 0;
  for (std::size_t h = 0; h < head; ++h) first += heads[h].labels_per_pixel();
  const std::size_t count = heads[head].labels_per_pixel(), all = mask.values();
  LabelImage own(mask.width, mask.height, 0, static_cast<int>(heads[head].plane_names().size()));
  for (std::size_t i = 0; i < own.labels.size() / count; ++i)
    std::copy_n(mask.labels.begin() + static_cast<std::ptrdiff_t>(i * all + first), count,
                own.labels.begin() + static_cast<std::ptrdiff_t>(i * count));
  return own;
}

Image draw_labels(Image image, const LabelImage& labels, const LabelSchema& schema, double opacity) {
  if (!schema.heads.empty()) {
    for (std::size_t h = 0; h < schema.heads.size(); ++h)
      image = draw_labels(std::move(image), schema.of_head(labels, h), schema.heads[h], opacity);
    return image;
  }
  if (schema.planes.empty()) return overlay(std::move(image), labels, schema.colors, opacity);
  return overlay(std::move(image), labels, plane_colors(schema), opacity, schema.classes() - 1);
}

void LabelSchema::require_complete(bool with_colors) const {
  require<DataError>(values.size() == names.size() && (!with_colors || colors.size() == names.size()),
                     "label schema: ", lamina::counted(std::ssize(names), "name"), ", ", lamina::counted(std::ssize(values), "value"), ", ",
                     lamina::counted(std::ssize(colors), "color"), "; give each name a value and a color (set_default_colors)");
}

void LabelSchema::set_default_colors() {
  int used = 0;
  for (LabelSchema& head : heads) {
    head.first_color = used;
    head.set_default_colors();
    used += static_cast<int>(head.planes.empty() ? head.names.size() : head.planes.size());
  }
  if (has_colors || !heads.empty()) return;
  if (task == Task::ordinal) {
    colors = grade_colors(classes());
    return;
  }
  colors = default_colors(first_color + classes() + 1);  // black first
  colors.erase(colors.begin() + 1, colors.begin() + 1 + first_color);
  if (background > 0) std::rotate(colors.begin(), colors.begin() + 1, colors.begin() + background + 1);
  colors.erase(background < 0 ? colors.begin() : colors.end() - 1);
}

void LabelSchema::set_background(const std::string& option) {
  if (!heads.empty()) {
    require<DataError>(option.empty(), "--background ", option, ": each of several heads has its own, by \"roles\" in dataset.json");
    for (LabelSchema& head : heads) head.set_background("");
    return;
  }
  if (!planes.empty()) {
    require<DataError>(option.empty() || option == "none", "--background ", option, ": graded planes have none; where nothing is, '",
                       names[0], "' is the grade");
    background = -1;
    background_reason = "where nothing is, '" + names[0] + "' is the grade of every plane";
    return;
  }
  if (!option.empty()) {
    const int k = class_called(option);
    std::string known;
    for (const std::string& name : names) known += ", " + name;
    require<DataError>(k >= 0 || option == "none", "--background ", option, " is no label; known: none", known);
    require<DataError>(k < 0 || task != Task::multilabel, "--background ", option,
                       ": a multilabel set has no background, which is where no plane is set");
    background = k;
    background_reason = "--background says so";
    set_default_colors();
  }
  if (!background_reason.empty()) return;
  background_reason = task == Task::multilabel ? "it is where no plane is set" : "nothing says which one is";
}

void LabelSchema::keep_background(const LabelSchema& trained) {
  for (std::size_t h = 0; h < std::min(heads.size(), trained.heads.size()); ++h) heads[h].keep_background(trained.heads[h]);
  if (background == trained.background) return;
  const std::string now = background < 0 ? "none" : "'" + names[static_cast<std::size_t>(background)] + "'";
  background_reason = message("the network was trained so; the data now says ", now, ", because ", background_reason);
  background = trained.background;
  set_default_colors();
}

std::string LabelSchema::background_text() const {
  std::string all;
  for (const LabelSchema& head : heads) all += (all.empty() ? "" : "; ") + head.name + ": " + head.background_text();
  if (!all.empty()) return all;
  if (!planes.empty()) return "background: '" + names[0] + "' of every plane, where nothing is";
  const std::string why = background_reason.empty() ? "" : ", because " + background_reason;
  if (background >= 0) return "background: '" + shortened(names[static_cast<std::size_t>(background)], 60) + "'" + why;
  return "background: no class is" + why +
         (!background_reason.starts_with("nothing") ? ""
          : name.empty()                            ? " (--background NAME does): all classes count in the score"
                                                    : " (its \"roles\" do): all classes count in its score");
}

void LabelSchema::set_ignore(unsigned value) {
  for (LabelSchema& head : heads) head.set_ignore(value);
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
  const std::string task =
      message(origin, schema.name.empty() ? "" : ": head '" + schema.name + "'", ": task '", name_of(schema.task), "' ");
  for (const LabelSchema& head : schema.heads) check_labels(head, origin);
  const auto require_shown = [&](const char* what, const std::vector<std::string>& names) {
    for (const std::string& name : names)
      if (const std::string fault = schema_names::name_fault(what, name); !fault.empty()) throw DataError(origin + ": " + fault);
  };
  require_shown("label", schema.names);
  require_shown("plane", schema.planes);
  for (const LabelSchema& head : schema.heads) require_shown("head", {head.name});
  require<DataError>(schema.task != Task::several || !schema.heads.empty(), task, "needs \"heads\": what is asked of every pixel");
  require<DataError>(schema.task == Task::multiclass || schema.task == Task::several || schema.classes() > 0, task,
                     "needs \"labels\": a name for each ", schema.task == Task::ordinal ? "grade" : "plane");
  require<DataError>(schema.planes.empty() || schema.task == Task::ordinal, task, schema_names::kNoPlanes);
  require<DataError>(schema.counted().size() <= kIgnoreLabel, task, "has ", schema.plane_names().size(), " planes of ",
                     schema.counted().size(), " labels in all, and 255 are the most");
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
