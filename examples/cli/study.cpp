// lamina study: what it costs first, then a line a run, then the tables.
#include <cstdio>
#include <filesystem>

#include "help.hpp"
#include "json.hpp"
#include "lamina/io/file.hpp"
#include "lamina/train/study.hpp"
#include "open_data.hpp"
#include "run_events.hpp"
#include "verbs.hpp"

namespace cli {

using namespace lamina;
namespace fs = std::filesystem;

namespace {

int study(train::StudyConfig config, bool plan_only, const Common& common) {
  fs::path data_folder = fs::path(config.data).lexically_normal();
  if (!data_folder.has_filename()) data_folder = data_folder.parent_path();
  config.data = data_folder.string();
  if (config.out.empty()) config.out = default_out(data_folder, "study_" + config.preset + "_");
  config = train::resolved(config);
  keep_out_of_data("--out", config.out, {.data = config.data});
  ThreadPool pool(common.threads);
  const ExecutorScope scope(pool);
  ProgressLine progress(common.quiet);
  const data::Dataset dataset = open_data(data_of(config.segmentation, config.data, config.first_seed), progress, true);
  note_settings(progress, settings_of(config), settings_of(train::StudyConfig{}), common.verbose, pool.concurrency(), config.out);

  train::Study study(config, dataset);
  const train::StudyPlan plan = study.plan();
  const auto say = [&](const std::string& line) { progress.note(wrapped(line, 100, 2)); };
  for (const std::string& note : study.notes()) say(note);
  if (!plan_only || common.json)
    for (const std::string& line : plan.text()) say(line);
  if (plan_only) {
    const nlohmann::ordered_json result{{"segmentations", plan.runs.size()},
                                        {"colorizations", plan.colorizations},
                                        {"seconds_to_go", plan.seconds},
                                        {"bytes_of_tensors", plan.memory},
                                        {"seconds_a_colorization_update", plan.colorization_step},
                                        {"seconds_a_segmentation_update", plan.segmentation_step}};
    if (common.json) print_json(result);
    if (!common.json)
      for (const std::string& line : plan.text()) std::printf("%s\n", wrapped(line, 100, 2).c_str());
    return kOk;
  }
  RunEvents events(progress);
  train::TrainEvents shown = events.events();
  shown.epoch = {};  // a line a run is enough; each run's log.txt has its epochs
  shown.message = {};
  const train::Outcome outcome = events.run([&](const std::atomic<bool>* stop) { return study.run(shown, say, stop); });
  if (outcome == train::Outcome::interrupted) return kInterrupted;
  const fs::path out = config.out;
  if (common.json)
    std::printf("%s", io::read_file(out / "table.json").c_str());
  else
    std::printf("%stable   %s\nreport  %s\n", io::read_file(out / "table.csv").c_str(), (out / "table.csv").c_str(),
                (out / "report.html").c_str());
  return kOk;
}

}  // namespace

Verb study_verb() {
  struct Options {
    train::StudyConfig config;
    bool plan = false;
  };
  const auto o = std::make_shared<Options>();
  Verb verb{"study", "does learning to color photographs help to segment them? from scratch against pretrained",
            [o](const Common& common) { return study(o->config, o->plan, common); }};
  add_settings(verb, o->config);
  add_nearest_color(verb, o->config.segmentation.others);
  verb.at("--loss").help = loss_terms_help();
  verb.add({.name = "--plan", .value = &o->plan, .help = "say what it takes, in time and memory, and stop"});
  return verb;
}

}  // namespace cli
