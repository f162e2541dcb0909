#include "lamina/data/impl/class_folders.hpp"

#include "lamina/data/impl/importing.hpp"
#include "lamina/data/impl/schema_names.hpp"
#include "lamina/data/impl/survey.hpp"

namespace lamina::data::detail {
namespace {

namespace fs = std::filesystem;

/// Folders in `root`, two levels down, by their paths from there.
std::vector<std::string> folders_in(const fs::path& root) {
  std::vector<std::string> names;
  std::error_code error, none;
  const auto options = fs::directory_options::follow_directory_symlink;
  for (fs::recursive_directory_iterator it(root, options, error), end; !error && it != end; it.increment(error)) {
    const bool hidden = it->path().filename().string().front() == '.';
    if (!it->is_directory(none)) continue;
    if (hidden || it.depth() > 0) it.disable_recursion_pending();
    if (!hidden) names.push_back(it->path().lexically_relative(root).generic_string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

std::string schema_of_folders(const std::set<std::string>& names, const fs::path& json) {
  std::string exclusive = "\"background\": 0", overlapping, planes_list;
  for (const std::string& name : names)
    if (schema_names::names_background(name)) exclusive = message('"', name, "\": 0");
  int labels = 0, planes = 0;
  for (const std::string& name : names) {
    if (!schema_names::names_background(name)) exclusive += message(", \"", name, "\": ", ++labels);
    planes_list += message(planes ? ", \"" : "\"", name, '"');
    overlapping += message(planes ? ", \"" : "\"", name, "\": ", planes), ++planes;
  }
  return message(
      "write ", json.string(), ": {\"labels\": {", exclusive, "}}, or, if the classes overlap, {\"task\": \"multilabel\", \"labels\": {",
      overlapping,
      "}}, or, if their values are grades, {\"task\": \"ordinal\", \"labels\": {\"none\": 0, \"mild\": 1, \"severe\": 2}, \"planes\": [",
      planes_list, "]}");
}

std::string advice_on_folders(const fs::path& masks, const LabelSchema& schema, const fs::path& json) {
  std::set<std::string> names;
  for (const std::string& name : folders_in(masks))
    if (name.find('/') == std::string::npos) names.insert(name);
  if (names.empty()) return {};
  if (schema.names.empty())
    return message(masks.string(), " has no masks but folders: if each holds those of a class, ", schema_of_folders(names, json));
  return message(masks.string(), " has no masks but folders (", examples({names.begin(), names.end()}),
                 "), and none is called as a label of ", json.string(), " (", examples(schema.names), "); rename the one or the other");
}

std::string advice_on_endings(const Files& images, const Files& masks, const fs::path& root) {
  std::map<std::string, std::vector<fs::path>> masks_of;
  for (const auto& [stem, path] : masks)
    if (const std::string photo = photo_before_ending(stem, images); !photo.empty() && photo != stem) masks_of[photo].push_back(path);
  return fault_of_endings(masks_of, root);
}

std::string fault_of_other_folders(const fs::path& masks, const std::vector<std::string>& planes, const LabelSchema& schema) {
  std::vector<std::string> others;
  for (const std::string& name : folders_in(masks)) {
    std::error_code none;
    const fs::directory_iterator files(masks / name, none);
    if (std::find(planes.begin(), planes.end(), name) == planes.end() &&
        std::any_of(begin(files), end(files), [](const auto& file) { return has_image_extension(file.path()); }))
      others.push_back(name);
  }
  if (others.empty()) return {};
  for (const LabelSchema& head : schema.heads) {
    if (head.task != Task::multiclass || !others[0].starts_with(head.name + '/')) continue;
    std::string values;
    for (int k = 0; k < head.classes(); ++k)
      values += message(k ? ", " : "", head.values[static_cast<std::size_t>(k)], " ", head.names[static_cast<std::size_t>(k)]);
    return message((masks / others[0]).string(), ": the classes of the head '", head.name,
                   "' exclude each other, and of several heads such a one has one file a photograph, in ", (masks / head.name).string(),
                   ", with the values ", values, "; a folder a class is read where dataset.json has no heads");
  }
  return message((masks / others[0]).string(), " has masks of no label of dataset.json (folders of labels: ", examples(planes), "); add ",
                 examples(others), " to the labels, or move what is none out of ", masks.string());
}

}  // namespace lamina::data::detail
