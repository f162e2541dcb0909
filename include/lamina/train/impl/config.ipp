#include "lamina/train/config.hpp"

#include <nlohmann/json.hpp>

#include "lamina/core/names.hpp"

namespace lamina::train {
namespace {

using Json = nlohmann::ordered_json;

/// Visits every field that the result depends on: the one list of them.
template <class Config, class F>
void for_fields(Config& c, F&& f) {
  f("data", c.data);
  f("images", c.images);
  f("masks", c.masks);
  f("model", c.model);
  f("preset", c.preset);
  f("base", c.base);
  f("depth", c.depth);
  f("init", c.init);
  f("width", c.width);
  f("height", c.height);
  f("resize", c.resize);
  f("augment", c.augment);
  f("head", c.head);
  f("loss", c.loss);
  f("class_weights", c.class_weights);
  f("optimizer", c.optimizer);
  f("lr", c.lr);
  f("weight_decay", c.weight_decay);
  f("momentum", c.momentum);
  f("clip_norm", c.clip_norm);
  f("clip_value", c.clip_value);
  f("schedule", c.schedule);
  f("epochs", c.epochs);
  f("steps", c.steps);
  f("batch", c.batch);
  f("seed", c.seed);
  f("ignore", c.ignore);
  f("val_every", c.val_every);
  f("device", c.device);
  f("precision", c.precision);
}

Json json_of(const TrainConfig& config) {
  Json j;
  for_fields(config, [&](const char* name, const auto& value) { j[name] = value; });
  return j;
}

}  // namespace

std::string to_json(const TrainConfig& config) { return json_of(config).dump(2); }

TrainConfig config_from_json(const std::string& text) {
  try {
    const Json j = Json::parse(text);
    TrainConfig config;
    for_fields(config, [&](const char* name, auto& value) {
      if (j.contains(name)) j.at(name).get_to(value);
    });
    return config;
  } catch (const nlohmann::json::exception& e) {
    throw DataError(message("not a training configuration: ", e.what()));
  }
}

std::string differences(const TrainConfig& a, const TrainConfig& b) {
  const Json x = json_of(a), y = json_of(b);
  std::string out;
  for (const auto& [name, value] : x.items())
    if (value != y.at(name)) out += (out.empty() ? "" : "; ") + name + ": " + value.dump() + " here, " + y.at(name).dump() + " there";
  return out;
}

TrainConfig resolved(TrainConfig config) {
  if (const auto network = models::unet_options(model_config(config, 0))) {
    config.base = network->base;
    config.depth = network->depth;
    config.init = nn::name_of(network->init);
  }
  return config;
}

DType parse_precision(const std::string& name) {
  constexpr Named<DType> kPrecisions[] = {{DType::f32, name_of(DType::f32)}, {DType::bf16, name_of(DType::bf16)}};
  return parse_name("precision", name, kPrecisions);
}

models::ModelConfig model_config(const TrainConfig& c, int classes) {
  return {.model = c.model, .preset = c.preset, .in_channels = 3, .classes = classes, .base = c.base, .depth = c.depth, .init = c.init};
}

std::vector<Setting> settings(const TrainConfig& config) {
  std::vector<Setting> out;
  const Json all = json_of(config);
  for (const auto& [name, value] : all.items()) out.push_back({name, value.is_string() ? value.get<std::string>() : value.dump()});
  return out;
}

data::LoaderOptions loader_options(const TrainConfig& c) {
  return {.batch = c.batch, .width = c.width, .height = c.height, .resize = data::resize_named(c.resize), .seed = c.seed};
}

}  // namespace lamina::train
