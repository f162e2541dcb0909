#include "lamina/train/config.hpp"

#include <algorithm>

#include "lamina/core/names.hpp"
#include "lamina/io/model_file.hpp"

namespace lamina::train {
namespace {

constexpr int kTrainingFormat = 3;
constexpr const char* kNoTraining = "not a training configuration";

}  // namespace

std::vector<const models::FamilyOption*> family_options() {
  std::vector<const models::FamilyOption*> all;
  for (const std::string& name : models::family_names()) {
    const models::Family& family = models::find_family(name);
    if (family.discriminator) continue;
    for (const models::FamilyOption& option : family.options) {
      const bool known = option.name == "base" || option.name == "depth" || option.name == "init" ||
                         std::any_of(all.begin(), all.end(), [&](const auto* seen) { return option.name == seen->name; });
      if (!known) all.push_back(&option);
    }
  }
  return all;
}

void drop_output_options(std::vector<Setting>& settings) {
  for (const models::FamilyOption* option : family_options())
    if (option->adds_output) std::erase_if(settings, [&](const Setting& s) { return s.name == option->name; });
}

void take_family_options(const models::ModelConfig& network, models::OptionValues& to) {
  for (const models::FamilyOption* option : family_options())
    if (const auto it = network.options.find(option->name); it != network.options.end()) to[option->name] = it->second;
}

const Field& training_field(std::string_view name) {
  static const std::vector<Field> fields = [] {
    std::vector<Field> all;
    TrainConfig config;
    describe(config, [&](const Field& field, const auto&) { all.push_back(field); });
    return all;
  }();
  return *std::find_if(fields.begin(), fields.end(), [&](const Field& field) { return field.name == name; });
}

std::string to_json(const TrainConfig& config) { return settings_to_json(settings_of(config), kTrainingFormat); }

TrainConfig config_from_json(const std::string& text) {
  int format = 0;
  std::vector<Setting> settings = settings_from_json(text, kNoTraining, kTrainingFormat, format);
  TrainConfig config;
  // Fields of older formats: width and height were two, head was stored here.
  std::erase_if(settings, [&](const Setting& s) {
    if (s.name == "head" && format < 3) return detail::assign({"head", ""}, config.head, s.value), true;
    if (s.name == "width" && format < 2) return detail::assign({"width", ""}, config.width, s.value), true;
    if (s.name == "height" && format < 2) return detail::assign({"height", ""}, config.height, s.value), true;
    return false;
  });
  const auto says = [&](const char* name) {
    return std::any_of(settings.begin(), settings.end(), [&](const Setting& s) { return s.name == name; });
  };
  assign_settings(config, settings, kNoTraining);
  // As it was before there was a choice.
  if (!says("crops") && config.resize == data::name_of(data::Resize::crop)) config.crops = 1;
  if (!says("absent_classes")) config.absent_classes = "penalize";
  return config;
}

bool names_a_file(const std::string& init) {
  constexpr std::string_view kEndings[] = {".safetensors", ".pth", ".pt", ".ckpt", ".bin"};  // of which the first is read
  return std::any_of(std::begin(kEndings), std::end(kEndings), [&](std::string_view ending) { return init.ends_with(ending); });
}

TrainConfig resolved(TrainConfig config) {
  const models::ModelConfig network = models::resolved(model_config(config));
  config.preset = network.preset;
  if (network.options.contains("base")) config.base = network.number("base");
  if (network.options.contains("depth")) config.depth = network.number("depth");
  if (network.options.contains("init") && !names_a_file(config.init)) config.init = network.options.at("init");
  take_family_options(network, config.options);
  return config;
}

DType parse_precision(const std::string& name) {
  constexpr Named<DType> kPrecisions[] = {{DType::f32, name_of(DType::f32)}, {DType::bf16, name_of(DType::bf16)}};
  return parse_name("precision", name, kPrecisions);
}

bool parse_crop_center(const std::string& name, const std::string& resize) {
  constexpr Named<bool> kCenters[] = {{false, "inside"}, {true, "anywhere"}};
  const bool anywhere = parse_name("crop center", name, kCenters);
  require<OptionError>(!anywhere || resize == data::name_of(data::Resize::crop), "--crop-center ", name, " needs --resize crop, not ",
                       resize);
  return anywhere;
}

std::optional<infer::InputConfig> input_of_network(const std::string& run_or_file) {
  if (run_or_file.empty()) return std::nullopt;
  try {
    const io::ModelFile file(io::find_best_or_last(run_or_file));
    const auto& metadata = file.metadata();
    const auto task = metadata.find("task"), input = metadata.find("input");
    if (task != metadata.end() && task->second == "colorization") return infer::InputConfig{};  // x * 2 - 1
    if (input != metadata.end()) return infer::input_config_from_json(input->second, run_or_file);
  } catch (const Error&) {  // of weights that are gone, or none: said where they are loaded
  }
  return std::nullopt;
}

infer::InputConfig input_config(const TrainConfig& c, const data::PhotoStatistics& photos) {
  enum class Rule { automatic, half, data, imagenet };
  constexpr Named<Rule> kRules[] = {{Rule::automatic, "auto"}, {Rule::half, "half"}, {Rule::data, "data"}, {Rule::imagenet, "imagenet"}};
  const Rule rule = parse_name("normalization", c.normalize, kRules);
  infer::InputConfig input{.width = c.width, .height = c.height, .resize = c.resize, .border = c.border};
  input.channels = c.channels ? c.channels : photos.channels ? photos.channels : 3;
  input.bits = photos.channels ? photos.bits : 0;
  require<DataError>(photos.channels == 0 || input.channels == photos.channels || (input.channels == 1 && photos.channels == 3),
                     "the photographs have ", photos.channels, " bands, not ", input.channels, " (--channels)");
  const bool plain = photos.bits == 8 && (photos.channels == 0 || photos.channels == 3);
  if (rule == Rule::imagenet) {
    require<OptionError>(input.channels == 3, "--normalize imagenet is of red, green and blue, and these photographs have ", input.channels,
                         " channels; use --normalize data");
    input.mean = kImagenetMean, input.sd = kImagenetSd;
    return input;
  }
  const std::string init = names_a_file(c.init) ? c.init : "";
  if (rule == Rule::automatic && !(c.from + init).empty())
    for (const std::string& known : {c.out, c.from, init})  // the run itself, where it goes on
      if (const auto seen = input_of_network(known); seen && seen->channels == input.channels) {
        input.mean = seen->mean, input.sd = seen->sd;
        return input;
      }
  if (rule == Rule::half || (rule == Rule::automatic && plain)) return input;
  require<DataError>(photos.channels > 0, "--normalize data needs the photographs: open the data set with compare_photos");
  const bool to_gray = input.channels == 1 && photos.channels == 3;
  for (int k = 0; k < input.channels; ++k) {
    const auto of = [&](const std::vector<double>& v) {
      return to_gray ? 0.299 * v[0] + 0.587 * v[1] + 0.114 * v[2] : v.at(static_cast<std::size_t>(k));
    };
    input.mean += (k ? "," : "") + to_string(SettingValue(of(photos.mean)));
    input.sd += (k ? "," : "") + to_string(SettingValue(of(photos.sd)));
  }
  return input;
}

data::LoaderOptions loader_options(const TrainConfig& config, const infer::InputConfig& input) {
  data::LoaderOptions options = infer::loader_options(input);
  options.batch = config.batch;
  options.seed = config.seed;
  options.windows = true;
  return options;
}

models::ModelConfig model_config(const TrainConfig& c, const heads::Head* head, int channels) {
  models::ModelConfig network{
      .model = c.model, .preset = c.preset, .in_channels = channels, .classes = head ? head->outputs() : 0, .options = c.options};
  if (head && !head->tied().empty()) network.outputs = {{head->name(), head->outputs(), head->tied()}};
  if (c.base) network.options["base"] = std::to_string(c.base);
  if (c.depth) network.options["depth"] = std::to_string(c.depth);
  network.options["init"] = names_a_file(c.init) ? "" : c.init;
  return network;
}

}  // namespace lamina::train
