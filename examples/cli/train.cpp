// lamina train: settings first, a progress line, one line an epoch, where the results are.
#include <csignal>
#include <cstdio>
#include <filesystem>

#include <nlohmann/json.hpp>

#include "lamina/train/sinks/log.hpp"
#include "lamina/train/trainer.hpp"
#include "open_data.hpp"
#include "progress.hpp"
#include "verbs.hpp"

namespace cli {
namespace {

std::atomic<bool> interrupted{false};

/// The first signal asks the trainer to save and stop; the second ends the process as usual.
void on_signal(int signal) {
  interrupted.store(true);
  std::signal(signal, SIG_DFL);
}

}  // namespace

int train(lamina::train::TrainConfig config, bool resume, const Common& common) {
  using namespace lamina;
  auto data_folder = std::filesystem::path(config.data).lexically_normal();
  if (!data_folder.has_filename()) data_folder = data_folder.parent_path();  // "data/", as shells complete it, is "data"
  config.data = data_folder.string();
  if (config.out.empty()) config.out = (std::filesystem::path("runs") / data_folder.filename()).string();
  config = train::resolved(config);
  train::check_settings(config);
  ThreadPool pool(common.threads);
  const ExecutorScope scope(pool);
  ProgressLine progress(common.quiet);
  const data::Dataset dataset = open_data({config.data, config.images, config.masks, config.ignore, config.seed}, progress);

  for (const Setting& s : settings_of(config)) {
    const std::string value = to_string(s.value);
    progress.note("  " + s.name + std::string(s.name.size() < 16 ? 16 - s.name.size() : 1, ' ') + (value.empty() ? "-" : value));
  }
  progress.note("  threads         " + std::to_string(pool.concurrency()) + "\n  out             " + config.out);

  int epochs = config.epochs;
  double rate = 0;
  train::TrainEvents events;
  events.step = [&](const train::StepEvent& e) {
    epochs = e.epochs;
    progress.update(step_line(e));
  };
  events.epoch = [&](const train::EpochRecord& r) {
    rate = r.images_per_second;
    progress.note(train::epoch_line(r, epochs));
  };
  events.message = [&](const std::string& m) { progress.note(m); };
  events.warning = [&](const std::string& m) { progress.note("warning: " + m); };

  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
  const train::Outcome outcome = train::train(config, dataset, resume, events, &interrupted);
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
  if (outcome == train::Outcome::interrupted) return kInterrupted;

  const train::RunFolder folder{config.out};
  const train::RunInfo info = train::run_info(io::ModelFile(folder.weights("last")));
  const train::RunState& state = info.state;
  const std::string report = folder.file("report.html").string();
  const bool scored = state.best_score >= 0;  // there are validation images
  if (common.json) {
    nlohmann::ordered_json result{
        {"run", config.out},     {"epochs", state.epoch},        {"steps", state.step}, {"best_epoch", state.best_epoch},
        {"best_score", nullptr}, {"images_per_second", nullptr}, {"report", report}};
    if (scored) result["best_score"] = state.best_score;
    if (rate > 0) result["images_per_second"] = rate;
    std::printf("%s\n", result.dump(2).c_str());
  } else {
    if (scored)
      std::printf("best epoch %d, %s %.4f\n", state.best_epoch, info.head->selection(info.head->confusion()).name, state.best_score);
    std::printf("report  %s\nnext    %s\n", report.c_str(), folder.file("next_steps.txt").string().c_str());
  }
  return kOk;
}

}  // namespace cli
