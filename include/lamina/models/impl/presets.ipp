#include "lamina/models/presets.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "lamina/core/names.hpp"
#include "lamina/models/unet_resnet50.hpp"

namespace lamina::models {

std::string to_json(const ModelConfig& c) {
  return nlohmann::ordered_json{{"model", c.model},     {"preset", c.preset}, {"in_channels", c.in_channels},
                                {"classes", c.classes}, {"base", c.base},     {"depth", c.depth},
                                {"init", c.init}}
      .dump();
}

ModelConfig model_config_from_json(const std::string& text) {
  try {
    const auto j = nlohmann::ordered_json::parse(text);
    return {.model = j.at("model"),
            .preset = j.at("preset"),
            .in_channels = j.at("in_channels"),
            .classes = j.at("classes"),
            .base = j.at("base"),
            .depth = j.at("depth"),
            .init = j.at("init")};
  } catch (const nlohmann::json::exception& e) {
    throw DataError(message("not a model description: ", e.what()));
  }
}

std::optional<UNetOptions> unet_options(const ModelConfig& config) {
  enum class Model { unet };
  constexpr Named<Model> kModels[] = {{Model::unet, "unet"}};
  (void)parse_name("model", config.model, kModels);
  if (config.preset == "smp") {
    require<OptionError>(config.base == 0 && config.depth == 0 && config.init.empty(),
                         "preset smp has a fixed ResNet-50 encoder: drop --base, --depth and --init");
    return {};
  }
  std::vector<std::string_view> known = unet_presets();
  known.emplace_back("smp");
  if (std::find(known.begin(), known.end(), config.preset) == known.end()) throw_unknown_name("preset", config.preset, known);
  UNetOptions o = unet_preset(config.preset, config.in_channels, config.classes);
  if (config.base) o.base = config.base;
  if (config.depth) o.depth = config.depth;
  if (!config.init.empty()) o.init = nn::parse_init(config.init);
  check_options(o);
  return o;
}

std::unique_ptr<Network> build_segmenter(const ModelConfig& config, std::uint64_t seed) {
  nn::RandomStream random({seed, 0x696e6974});
  if (const auto options = unet_options(config)) return std::make_unique<UNet>(*options, random);
  return std::make_unique<UNetResNet50>(config.in_channels ? config.in_channels : 3, config.classes ? config.classes : 1, random);
}

ModelCost model_cost(const ModelConfig& config, int height, int width) {
  const auto model = build_segmenter(config, 0);
  model->eval();
  const NoGrad no_grad;
  nn::CostScope cost;
  (void)model->run(Tensor::zeros({1, height, width, model->in_channels()}));
  const std::int64_t trainable = model->parameter_count();
  std::int64_t statistics = 0;
  for (const nn::NamedTensor& b : model->named_buffers())
    if (b.tensor.rank() > 0) statistics += b.tensor.numel();
  const bool keras = config.preset.starts_with("keras") || config.preset.starts_with("retina");
  return {trainable + (keras ? statistics : 0), trainable, cost.macs(), cost.layers()};
}

}  // namespace lamina::models
