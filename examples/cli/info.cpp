// lamina info and lamina doctor.
#include <cstdio>
#include <filesystem>

#include "json.hpp"
#include "lamina/train/trainer.hpp"
#include "progress.hpp"
#include "verbs.hpp"

namespace cli {

using namespace lamina;

namespace {

/// "key  value" lines, or one JSON object.
void print_items(const Json& items, bool json) {
  if (json) {
    std::printf("%s\n", items.dump(2).c_str());
    return;
  }
  for (const auto& [key, value] : items.items())
    std::printf("%-18s %s\n", key.c_str(), value.is_string() ? value.get<std::string>().c_str() : value.dump().c_str());
}

}  // namespace

int info(const InfoOptions& options, const Common& common) {
  auto [width, height] = parse_extent(options.size);
  models::ModelConfig config = options.model;
  Json result;
  if (!options.target.empty()) {
    const auto path = io::find_weights(options.target);
    const train::RunInfo run = train::run_info(io::load_checkpoint(path), path.string());
    config = train::model_config(run.config, run.head->outputs());
    width = run.config.width, height = run.config.height;
    result = {{"checkpoint", path.string()},        {"data", run.config.data},
              {"epoch", run.state.epoch},           {"best_epoch", run.state.best_epoch},
              {"best_score", run.state.best_score}, {"classes", run.schema.names}};
  }
  const models::ModelCost cost = models::model_cost(config, height, width);
  const Json network{
      {"model", config.model},         {"preset", config.preset},     {"size", std::to_string(width) + "x" + std::to_string(height)},
      {"parameters", cost.parameters}, {"trainable", cost.trainable}, {"macs", cost.macs},
      {"layers", cost.layers}};
  result.update(network);
  print_items(result, common.json);
  return kOk;
}

int doctor(const Common& common) {
  ThreadPool pool(common.threads);
  Json result;
  for (const auto& [key, value] : train::environment()) result[key] = value;
  result["threads used"] = pool.concurrency();
  print_items(result, common.json);
  return kOk;
}

}  // namespace cli
