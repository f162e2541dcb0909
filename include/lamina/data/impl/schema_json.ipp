// A label schema as the text of a dataset.json.
#include <nlohmann/json.hpp>

#include "lamina/data/impl/schema_names.hpp"
#include "lamina/data/label_schema.hpp"

namespace lamina::data {

using Json = nlohmann::ordered_json;
using namespace schema_names;

namespace {
void put_fields(Json& json, const LabelSchema& schema) {
  for (const LabelSchema& head : schema.heads) put_fields(json["heads"][head.name], head);
  if (!schema.heads.empty()) {
    json["file_ending"] = schema.file_ending;
    if (schema.reading.as_stored) json["mask_frame"] = name_in(kFrames, true);
    return;
  }
  schema.require_complete(schema.has_colors);
  Json labels = Json::object(), colors = Json::object();
  for (std::size_t k = 0; k < schema.names.size(); ++k) {
    labels[schema.names[k]] = schema.values[k];
    if (schema.has_colors) colors[schema.names[k]] = schema.colors[k];
  }
  if (schema.has_colors && schema.ignore_color) colors["ignore"] = *schema.ignore_color;
  json["labels"] = labels;
  if (schema.name.empty() || schema.file_ending != LabelSchema{}.file_ending) json["file_ending"] = schema.file_ending;
  json["task"] = name_of(schema.task);
  if (!schema.planes.empty()) json["planes"] = schema.planes;
  if (schema.ignore) json["ignore"] = *schema.ignore;
  Json roles = Json::object();
  roles["background"] = Json::array();
  if (schema.background >= 0) roles["background"].push_back(schema.names[static_cast<std::size_t>(schema.background)]);
  if (!schema.uncertain.empty()) roles["uncertain"] = Json::array();
  for (const int k : schema.uncertain) roles["uncertain"].push_back(schema.names[static_cast<std::size_t>(k)]);
  if (!schema.names.empty()) json["roles"] = roles;
  if (schema.has_colors) json["colors"] = colors;
  if (schema.reading.encoding) json["encoding"] = name_of(*schema.reading.encoding);
  if (schema.reading.threshold > 0) json["mask_threshold"] = schema.reading.threshold;
  if (schema.reading.alpha) json["mask_channel"] = name_in(kChannels, true);
  if (schema.reading.as_stored) json["mask_frame"] = name_in(kFrames, true);
  if (schema.reading.in_channels) json["planes_in"] = name_in(kPlaces, true);
  if (!schema.reading.class_folders.empty()) json["class_folders"] = schema.reading.class_folders;
  if (!schema.reading.unmarked.empty()) json["unmarked"] = schema.reading.unmarked;
  if (schema.reading.others != Others::error) json["others"] = name_in(kOthers, schema.reading.others);
}
}  // namespace

std::string to_json(const LabelSchema& schema, std::int64_t items) {
  Json json;
  if (items) {
    json["channel_names"] = {{"0", "red"}, {"1", "green"}, {"2", "blue"}};
    json["numTraining"] = items;
  }
  put_fields(json, schema);
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

}  // namespace lamina::data
