// dataset.json.
#include "lamina/data/label_schema.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "lamina/core/names.hpp"

namespace lamina::data {
namespace {

using Json = nlohmann::ordered_json;
constexpr const char* kTasks[] = {"multiclass", "multilabel", "ordinal"};
constexpr unsigned kLargestValue = 65535;

class SchemaReader {
 public:
  explicit SchemaReader(const std::string& origin) : origin_(origin) {}

  LabelSchema read(std::string_view text) {
    const Json json = Json::parse(text, nullptr, false);
    check(json.is_object(), "it is not a JSON object");
    check_spelling(json);
    if (json.contains("labels")) read_labels(json["labels"]);
    if (json.contains("task")) read_task(json["task"]);
    if (schema_.task == Task::multilabel)
      for (const std::string& name : schema_.names)
        check(!name.empty() && name[0] != '.' && name.find('/') == std::string::npos, "the label '", name,
              "' of a multilabel set cannot name a folder of masks: it is empty, has a '/' or begins with a dot");
    if (json.contains("file_ending")) schema_.file_ending = text_of(json["file_ending"], "file_ending");
    check(schema_.names.size() <= kIgnoreLabel, "more than 255 labels");
    const bool overlapping = schema_.task == Task::multilabel;  // then no class is the background, and black marks none
    schema_.colors = default_colors(schema_.classes() + overlapping);
    if (overlapping) schema_.colors.erase(schema_.colors.begin()), schema_.background = -1;
    if (schema_.task == Task::ordinal) schema_.colors = grade_colors(schema_.classes());
    if (json.contains("colors")) read_colors(json["colors"]);
    if (json.contains("roles")) read_roles(json["roles"]);
    if (json.contains("ignore") && !json["ignore"].is_null()) schema_.set_ignore(value_of(json["ignore"], "ignore"));
    check_labels(schema_, origin_);
    return schema_;
  }

 private:
  template <class... Parts>
  void check(bool condition, const Parts&... parts) const {
    require<DataError>(condition, origin_, ": ", parts...);
  }
  std::string text_of(const Json& j, const char* field) const {
    check(j.is_string(), "'", field, "' is not a string");
    return j.get<std::string>();
  }
  unsigned value_of(const Json& j, const std::string& field) const {
    check(!j.is_array(), "'", field, "' is a list (nnU-Net's regions), which is not supported: give each label one value");
    const bool good = j.is_number_unsigned() && j.get<std::uint64_t>() <= kLargestValue;
    check(good, "'", field, "' is not a whole number from 0 to ", kLargestValue);
    return j.get<unsigned>();
  }

  /// nnU-Net's own fields and anybody's notes are left alone; what is nearly one of ours is a slip that would have no effect.
  void check_spelling(const Json& json) const {
    constexpr std::string_view kFields[] = {"labels", "task", "file_ending", "colors", "roles", "ignore"};
    for (const auto& [key, value] : json.items()) {
      const std::string_view nearest = nearest_name(key, kFields);
      check(key == nearest || 3 * edit_distance(key, nearest) > key.size(), "unknown field '", key, "'; did you mean '",
            std::string(nearest), "'?");
    }
  }
  void read_labels(const Json& labels) {
    check(labels.is_object(), "'labels' is not an object of names and values");
    std::vector<std::pair<unsigned, std::string>> found;
    for (const auto& [key, value] : labels.items()) {
      if (value.is_string()) {  // nnU-Net version 1: {"0": "background"}
        const bool number =
            !key.empty() && key.size() <= 5 && std::all_of(key.begin(), key.end(), [](char c) { return c >= '0' && c <= '9'; });
        check(number && std::stoul(key) <= kLargestValue, "label '", key, "' has a name for a value but is no number");
        found.emplace_back(static_cast<unsigned>(std::stoul(key)), value.get<std::string>());
      } else {
        found.emplace_back(value_of(value, key), key);
      }
    }
    std::sort(found.begin(), found.end());
    for (std::size_t i = 0; i < found.size(); ++i) {
      const auto& [value, name] = found[i];
      check(i == 0 || found[i - 1].first != value, "the labels '", found[i ? i - 1 : 0].second, "' and '", name, "' share the value ",
            value);
      check(std::find(schema_.names.begin(), schema_.names.end(), name) == schema_.names.end(), "two labels are called '", name, "'");
      if (name == "ignore") {
        schema_.ignore = value;
        continue;
      }
      schema_.names.push_back(name);
      schema_.values.push_back(value);
    }
    check(!schema_.names.empty(), "'labels' is empty");
    schema_.background = class_named("background");
    if (schema_.background < 0 && schema_.values[0] == 0) schema_.background = 0;
  }
  void read_task(const Json& task) {
    const std::string name = text_of(task, "task");
    const auto* it = std::find(std::begin(kTasks), std::end(kTasks), name);
    check(it != std::end(kTasks), "task '", name, "' is none of multiclass, multilabel, ordinal");
    schema_.task = static_cast<Task>(it - kTasks);
  }
  void read_colors(const Json& colors) {
    check(colors.is_object(), "'colors' is not an object of label names and colors");
    std::vector<bool> seen(schema_.names.size());
    for (const auto& [name, color] : colors.items()) {
      if (name == "ignore") {
        schema_.ignore_color = color_of(color, name);
        continue;
      }
      const int k = class_named(name);
      check(k >= 0, "'colors' names '", name, "', which is not in 'labels'");
      schema_.colors[static_cast<std::size_t>(k)] = color_of(color, name);
      seen[static_cast<std::size_t>(k)] = true;
    }
    for (std::size_t k = 0; k < seen.size(); ++k) {
      check(seen[k], "'colors' has no entry for '", schema_.names[k], "'");
      for (std::size_t j = 0; j < k; ++j)
        check(schema_.colors[j] != schema_.colors[k], "'", schema_.names[j], "' and '", schema_.names[k], "' have the same color");
    }
    schema_.has_colors = true;
  }
  Rgb color_of(const Json& j, const std::string& name) const {
    Rgb rgb{};
    if (j.is_string()) {
      const std::string text = j.get<std::string>();
      const bool good = text.size() == 7 && text[0] == '#' && text.find_first_not_of("0123456789abcdefABCDEF", 1) == std::string::npos;
      check(good, "the color of '", name, "' is not like \"#ff8000\"");
      for (std::size_t c = 0; c < 3; ++c) rgb[c] = static_cast<std::uint8_t>(std::stoul(text.substr(1 + 2 * c, 2), nullptr, 16));
      return rgb;
    }
    check(j.is_array() && j.size() == 3, "the color of '", name, "' is not like [255, 128, 0]");
    for (std::size_t c = 0; c < 3; ++c) {
      const bool good = j[c].is_number_unsigned() && j[c].get<std::uint64_t>() <= 255;
      check(good, "the color of '", name, "' has a part outside 0..255");
      rgb[c] = j[c].get<std::uint8_t>();
    }
    return rgb;
  }
  void read_roles(const Json& roles) {
    check(roles.is_object(), "'roles' is not an object");
    for (const auto& [role, names] : roles.items()) {
      check(role == "background" || role == "uncertain" || role == "foreground", "role '", role,
            "' is none of background, uncertain, foreground");
      std::vector<int> classes;
      const Json list = names.is_array() ? names : Json::array({names});
      for (const Json& name : list) {
        classes.push_back(class_named(text_of(name, "roles")));
        check(classes.back() >= 0, "'roles' names '", name.get<std::string>(), "', which is not in 'labels'");
      }
      if (role == "uncertain") schema_.uncertain = classes;
      if (role != "background") continue;
      check(classes.size() <= 1, "there can be one background");
      check(classes.empty() || schema_.task != Task::multilabel, "a multilabel set has no background: it is where no plane is set");
      schema_.background = classes.empty() ? -1 : classes[0];
    }
  }
  int class_named(const std::string& name) const {
    const auto it = std::find(schema_.names.begin(), schema_.names.end(), name);
    return it == schema_.names.end() ? -1 : static_cast<int>(it - schema_.names.begin());
  }

  const std::string& origin_;
  LabelSchema schema_;
};

}  // namespace

const char* name_of(Task task) { return kTasks[static_cast<std::size_t>(task)]; }

std::vector<std::string> LabelSchema::outcomes() const {
  std::vector<std::string> all = names;
  if (task == Task::multilabel) all.emplace_back("(none)");
  return all;
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
  background = moved(background);
  std::erase(uncertain, static_cast<int>(k));
  for (int& c : uncertain) c = moved(c);
}

void check_labels(const LabelSchema& schema, const std::string& origin) {
  const std::string task = message(origin, ": task '", name_of(schema.task), "' ");
  require<DataError>(schema.task == Task::multiclass || schema.classes() > 0, task, "needs \"labels\": a name for each ",
                     schema.task == Task::ordinal ? "grade" : "plane");
  if (schema.task != Task::ordinal) return;
  for (unsigned grade = 0; grade < schema.values.size(); ++grade)
    require<DataError>(schema.values[grade] == grade, task,
                       "needs grades numbered 0, 1, 2 ... from the lowest, but no label has the value ", grade, " and '",
                       schema.names[grade], "' has ", schema.values[grade], "; number the labels and the masks without a gap");
  require<DataError>(schema.classes() > 1, task, "needs at least two grades; '", schema.names[0], "' is the only label");
  require<DataError>(schema.background <= 0, task, "puts the background above '", schema.names[0],
                     "': make it the lowest grade, or leave its pixels out with \"ignore\"");
}

LabelSchema parse_label_schema(std::string_view json, const std::string& origin) { return SchemaReader(origin).read(json); }

std::string to_json(const LabelSchema& schema, std::int64_t items) {
  Json json;
  if (items) {
    json["channel_names"] = {{"0", "red"}, {"1", "green"}, {"2", "blue"}};
    json["numTraining"] = items;
  }
  Json labels = Json::object(), colors = Json::object();
  for (std::size_t k = 0; k < schema.names.size(); ++k) {
    labels[schema.names[k]] = schema.values[k];
    if (schema.has_colors) colors[schema.names[k]] = schema.colors[k];
  }
  if (schema.has_colors && schema.ignore_color) colors["ignore"] = *schema.ignore_color;
  json["labels"] = labels;
  json["file_ending"] = schema.file_ending;
  json["task"] = name_of(schema.task);
  if (schema.ignore) json["ignore"] = *schema.ignore;
  Json roles = Json::object();
  roles["background"] = Json::array();
  if (schema.background >= 0) roles["background"].push_back(schema.names[static_cast<std::size_t>(schema.background)]);
  if (!schema.uncertain.empty()) roles["uncertain"] = Json::array();
  for (const int k : schema.uncertain) roles["uncertain"].push_back(schema.names[static_cast<std::size_t>(k)]);
  if (!schema.names.empty()) json["roles"] = roles;
  if (schema.has_colors) json["colors"] = colors;
  return json.dump(2) + '\n';
}

}  // namespace lamina::data
