#include "lamina/train/config.hpp"

#include <charconv>
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
    for_fields(config, [&](const char* name, auto& value) { j.at(name).get_to(value); });
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
  const models::ModelConfig network = models::resolved(model_config(config, 0));
  config.preset = network.preset;
  if (network.options.contains("base")) config.base = network.number("base");
  if (network.options.contains("depth")) config.depth = network.number("depth");
  if (network.options.contains("init")) config.init = network.options.at("init");
  return config;
}

DType parse_precision(const std::string& name) {
  constexpr Named<DType> kPrecisions[] = {{DType::f32, name_of(DType::f32)}, {DType::bf16, name_of(DType::bf16)}};
  return parse_name("precision", name, kPrecisions);
}

models::ModelConfig model_config(const TrainConfig& c, int classes) {
  return {.model = c.model,
          .preset = c.preset,
          .in_channels = 3,
          .classes = classes,
          .options = {{"base", std::to_string(c.base)}, {"depth", std::to_string(c.depth)}, {"init", c.init}}};
}

std::vector<Setting> settings(const TrainConfig& config) {
  std::vector<Setting> out;
  const Json all = json_of(config);
  for (const auto& [name, value] : all.items()) out.push_back({name, value.is_string() ? value.get<std::string>() : value.dump()});
  return out;
}

LossTerms parse_loss(const std::string& expression) {
  enum class Term { ce, dice };
  constexpr Named<Term> kTerms[] = {{Term::ce, "ce"}, {Term::dice, "dice"}};
  LossTerms terms;
  std::size_t begin = 0;
  while (begin <= expression.size()) {
    const std::size_t end = std::min(expression.find('+', begin), expression.size());
    std::string name = expression.substr(begin, end - begin);
    double factor = 1;
    if (const std::size_t star = name.find('*'); star != std::string::npos) {
      const auto [stop, error] = std::from_chars(name.data(), name.data() + star, factor);
      require<OptionError>(error == std::errc() && stop == name.data() + star && factor >= 0, "loss: \"", name.substr(0, star),
                           "\" is not a factor; write for example 0.5*ce+dice");
      name = name.substr(star + 1);
    }
    (parse_name("loss term", name, kTerms) == Term::ce ? terms.ce : terms.dice) += factor;
    begin = end + 1;
  }
  require<OptionError>(terms.ce + terms.dice > 0, "loss \"", expression, "\" has no term with a positive factor");
  return terms;
}

}  // namespace lamina::train
