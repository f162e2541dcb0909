// lamina info: what a run, a checkpoint or a preset is.
#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "json.hpp"
#include "lamina/core/text.hpp"
#include "lamina/io/pretrained.hpp"
#include "lamina/train/trainer.hpp"
#include "shared_options.hpp"

namespace cli {

using namespace lamina;

namespace {

struct InfoOptions {
  std::string target;  ///< a run folder or a checkpoint; empty: the model named below
  models::ModelConfig model;
  std::string size = "256";
};

/// A line of a table of 100 columns at most: what is told of a name that has the rest of them.
void print_row(const std::string& name, const std::string& told) {
  constexpr std::size_t kColumns = 100;
  const std::size_t width = kColumns - 1 - std::min(told.size(), kColumns - 20);
  const std::string line = padded(shortened(name, width), width) + ' ' + told;
  std::printf("%s\n", line.substr(0, line.find_last_not_of(' ') + 1).c_str());
}

/// A file that does not say of which network it is: its tensors, and what their names are like.
int info_of_tensors(const io::SafetensorsFile& file, const std::filesystem::path& path, const Common& common) {
  std::int64_t values = 0;
  for (const io::TensorInfo& t : file.tensors()) values += t.shape.numel();
  Json result{{"file", path.string()}, {"network", "the file does not say it"}, {"tensors", file.tensors().size()}, {"values", values}};
  std::string names;
  for (const io::PresetMatch& m : io::presets_like(file))
    names += (names.empty() ? "" : "; ") +
             message(m.names, " of ", models::command_options(m.model), ", which has ", m.of, " (", m.shapes, " in the same shape)");
  result["names"] = names.empty() ? "of no network that is known here" : names;
  if (common.json)
    for (const io::TensorInfo& t : file.tensors())
      result["tensor_list"].push_back({{"name", t.name}, {"dtype", name_of(t.dtype)}, {"shape", t.shape.str()}});
  print_items(result, common.json);
  if (common.json) return kOk;
  std::printf("\n");
  print_row("tensor", formatted("%-5s %-24s", "dtype", "shape"));
  for (const io::TensorInfo& t : file.tensors()) print_row(t.name, formatted("%-5s %-24s", name_of(t.dtype), t.shape.str().c_str()));
  return kOk;
}

/// The network's options by name, numbers as such.
Json options_of(const models::ModelConfig& config) {
  Json options = Json::object();
  for (const auto& [name, value] : config.options) {
    const Json number = Json::parse(value, nullptr, false);
    options[name] = number.is_number() ? number : Json(value);
  }
  return options;
}
/// The same as a table, with what a value means.
void print_options(const models::ModelConfig& config) {
  std::printf("\n%-22s %s\n", "option", "value");
  for (const models::FamilyOption& option : models::find_family(config.model).options) {
    const auto value = config.options.find(option.name);
    if (value == config.options.end()) continue;  // the preset has no choice of it
    const auto choice =
        std::find_if(option.choices.begin(), option.choices.end(), [&](const Choice& c) { return value->second == c.name; });
    std::printf("%-22s %s\n", option_name(option.name).c_str(),
                (value->second + (choice == option.choices.end() ? "" : message(": ", choice->help))).c_str());
  }
}

int info(const InfoOptions& options, const Common& common) {
  auto [width, height] = parse_extent(options.size);
  models::ModelConfig config = options.model;
  Json result;
  if (!options.target.empty()) {
    const std::filesystem::path path = io::find_best_or_last(options.target);
    if (const io::SafetensorsFile tensors(path); !tensors.metadata().contains("model")) return info_of_tensors(tensors, path, common);
    const io::ModelFile file(path);
    (void)file.blank();  // a file that does not hold what it claims has no layers to list
    config = file.model();
    const infer::InputConfig input = train::input_of(file);
    width = input.width, height = input.height;
    result = {{"checkpoint", file.path().string()}, {"channels", input.channels}};
    if (!input.mean.empty()) result["normalization"] = {{"mean", input.mean}, {"sd", input.sd}, {"bits", input.bits}};
    if (file.metadata().contains("colorization")) {
      result["task"] = "colorization";
    } else if (!file.metadata().contains("trainer")) {
      result["classes"] = infer::inference_info(file.metadata(), file.path().string()).head->schema().names;
    } else {
      const train::RunInfo run = train::run_info(file);
      result.update({{"classes", run.schema.heads.empty() ? run.schema.names : run.schema.counted()},
                     {"data", run.config.data},
                     {"epoch", run.state.epoch},
                     {"best_epoch", run.state.best_epoch},
                     {"best_score", json_number(run.state.best_score)}});
    }
  }
  config = models::settled(config);
  const models::ModelCost cost = models::model_cost(config, height, width);
  const Json network{
      {"model", config.model},         {"preset", config.preset},     {"size", std::to_string(width) + "x" + std::to_string(height)},
      {"parameters", cost.parameters}, {"trainable", cost.trainable}, {"macs", cost.macs},
      {"layers", cost.layers}};
  result.update(network);
  if (common.json) {
    result["options"] = options_of(config);
    for (const models::LayerCost& row : cost.rows)
      result["layer_list"].push_back({{"path", row.path},
                                      {"kind", row.op},
                                      {"output", std::vector<std::int64_t>(row.output.begin(), row.output.end())},
                                      {"parameters", row.parameters},
                                      {"macs", row.macs}});
    print_items(result, true);
    return kOk;
  }
  print_items(result, false);
  print_options(config);
  std::printf("\n");
  const auto told = [](const std::string& kind, const std::string& output, const std::string& parameters, const std::string& macs) {
    return formatted("%-16s %-20s %11s %13s", kind.c_str(), output.c_str(), parameters.c_str(), macs.c_str());
  };
  print_row("layer", told("kind", "output", "parameters", "macs"));
  std::int64_t parameters = 0;
  for (const models::LayerCost& row : cost.rows) {
    parameters += row.parameters;
    print_row(row.path.empty() ? "-" : row.path, told(row.op, row.output.str(), std::to_string(row.parameters), std::to_string(row.macs)));
  }
  print_row("total", told("", "", std::to_string(parameters), std::to_string(cost.macs)));
  return kOk;
}

}  // namespace

Verb info_verb() {
  const auto o = std::make_shared<InfoOptions>();
  Verb verb{"info", "what a run, a checkpoint or a model preset is: parameters, multiply-adds, layers",
            [o](const Common& common) { return info(*o, common); }};
  add_run(verb, o->target, false);
  add_model(verb, o->model);
  verb.add({.name = "--size", .value = &o->size, .help = "W[xH] for the multiply-adds"});
  return verb;
}

}  // namespace cli
