#include "lamina/train/replay.hpp"

#include <nlohmann/json.hpp>

#include "lamina/train/impl/parts.hpp"
#include "lamina/train/trainer.hpp"

namespace lamina::train {
namespace {

/// A run's task without its data; its commands are the run's.
class ReplayedTask : public SegmentationTask {
 public:
  ReplayedTask(Parts parts, TrainConfig config) : SegmentationTask(std::move(parts)), config_(std::move(config)) {}
  std::string command(const std::string& options) const override { return command_with(config_, options); }

 private:
  TrainConfig config_;
};

}  // namespace

Replay replay(const std::filesystem::path& run, const std::string& device) {
  const bool is_folder = std::filesystem::is_directory(run);
  const std::filesystem::path file = is_folder ? failed_step_file(run) : run;
  require<DataError>(std::filesystem::exists(file), run.string(), is_folder ? " holds no failed step" : " does not exist",
                     ": a run that is watched (--sentinels) leaves ", failed_step_file("RUN").string(), " where a number is not finite");
  std::vector<nn::NamedTensor> model;
  Replay out{read_failed_step(file, model), {}};
  Metadata about = out.step.metadata;
  about["trainer"] = to_json(RunState{});
  RunInfo info = run_info(about, file.string());
  if (!device.empty()) info.config.device = device;
  if (is_folder) info.config.out = run.string();
  if (info.config.head == heads::make_head(info.schema)->kind()) info.config.head.clear();  // the run need not have named it
  const auto data = about.find("data");
  losses::Criterion criterion(info.config.loss);
  take_loss(criterion, data == about.end() ? nlohmann::json::object() : nlohmann::json::parse(data->second),
            empty_class_of(info.config, info.head.get()));
  const std::shared_ptr<models::Network> network = models::build_meta(model_config(info.config, info.head.get(), info.input.channels));
  network->fill(std::move(model));
  network->to(parse_device(info.config.device));
  network->to(parse_precision(info.config.precision));
  network->train();
  std::unique_ptr<optim::Optimizer> optimizer = make_optimizer(info.config, *network);
  optimizer->set_lr(out.step.lr);
  ReplayedTask task({.network = network,
                     .heads = {info.head},
                     .auxiliary = auxiliary_of(info.config, *network, *info.head),
                     .criterion = std::move(criterion),
                     .optimizer = std::move(optimizer),
                     .part = info.config.batch,
                     .merge_single = needs_two_images(info.config, *info.head)},
                    info.config);
  out.fault = look_into(task, out.step);
  return out;
}

}  // namespace lamina::train
