// lamina train: settings first, a progress line, one line an epoch, where the results are.
#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "json.hpp"
#include "lamina/core/text.hpp"
#include "lamina/io/file.hpp"
#include "lamina/train/folds.hpp"
#include "lamina/train/report.hpp"
#include "lamina/train/trainer.hpp"
#include "photographs.hpp"
#include "run_events.hpp"
#include "shared_options.hpp"

namespace cli {

using namespace lamina;

namespace {

/// The runs, the table, what to type next.
int cross_validate(const train::TrainConfig& config, const data::Dataset& dataset, int folds, bool resume, RunEvents& events,
                   const Common& common) {
  const std::filesystem::path out = config.out;
  train::CrossValidation c;
  const train::Outcome outcome = events.run([&](const std::atomic<bool>* stop) {
    return train::cross_validate(
        config, dataset, folds, resume, events.events(), c,
        [&](const data::Item& item, const data::LabelImage& decided) {
          io::create_folders(out / "out_of_fold");
          write_masks(out / "out_of_fold", item.name, decided, dataset.schema);
        },
        stop);
  });
  if (outcome == train::Outcome::interrupted) return kInterrupted;
  if (outcome == train::Outcome::stopped) return kStopped;
  if (common.json) {
    std::printf("%s", io::read_file(out / "folds.json").c_str());
    return kOk;
  }
  const auto head = heads::make_head(dataset.schema, config.head);
  const heads::Selection chosen = head->selection(c.all.confusion);
  std::printf("%s, each decided by the run that had not seen it: %s %s, %s\n", counted(std::ssize(c.all.images), "image").c_str(),
              chosen.name, decimal(chosen.value).c_str(), train::interval_text(c.intervals, c.intervals.selection).c_str());
  std::string ensemble;
  for (std::size_t k = 1; k < c.runs.size(); ++k) ensemble += " " + shell_word(c.runs[k]);
  std::printf("table   %s\nmasks   %s\nnext    %s predict %s%s PHOTO.jpg --weights last --out predictions\n", (out / "folds.csv").c_str(),
              (out / "out_of_fold").c_str(), program_word().c_str(), shell_word(c.runs[0]).c_str(), ensemble.c_str());
  return kOk;
}

/// `folds` > 0: so many runs, each of which holds out other images.
int train(train::TrainConfig config, int folds, bool resume, const Common& common) {
  auto data_folder = std::filesystem::path(config.data).lexically_normal();
  if (!data_folder.has_filename()) data_folder = data_folder.parent_path();  // "data/", as shells complete it, is "data"
  config.data = data_folder.string();
  if (config.out.empty()) config.out = default_out(data_folder);
  config = train::resolved(config);
  train::check_settings(config);
  keep_out_of_data("--out", config.out, {.data = config.data, .images = config.images, .masks = config.masks});
  ThreadPool pool(common.threads);
  const ExecutorScope scope(pool);
  ProgressLine progress(common.quiet);
  const data::Dataset dataset = open_data(data_of(config, config.data, config.seed), progress, true);

  note_settings(progress, settings_of(config), settings_of(train::usual_settings(config)), common.verbose, pool.concurrency(), config.out);
  RunEvents events(progress);
  if (folds > 0) return cross_validate(config, dataset, folds, resume, events, common);
  const train::Outcome outcome =
      events.run([&](const std::atomic<bool>* stop) { return train::train(config, dataset, resume, events.events(), stop); });
  if (outcome == train::Outcome::interrupted) return kInterrupted;
  if (outcome == train::Outcome::stopped) return kStopped;

  const train::RunFolder folder{config.out};
  const train::RunInfo info = train::run_info(io::ModelFile(folder.weights("last")));
  const train::RunState& state = info.state;
  const std::string report = folder.file("report.html").string();
  const bool scored = std::any_of(state.history.begin(), state.history.end(), [](const train::EpochRecord& r) { return !!r.validation; });
  if (common.json) {
    Json result{{"run", config.out},
                {"epochs", state.epoch},
                {"steps", state.step},
                {"best_epoch", state.best_epoch},
                {"best_score", json_number(state.best_score)},
                {"images_per_second", nullptr},
                {"report", report}};
    result["stopped_early"] = !state.history.back().note.empty();
    if (events.rate() > 0) result["images_per_second"] = events.rate();
    print_json(result);
  } else {
    if (scored)
      std::printf("best epoch %d, %s %s\n", state.best_epoch, info.head->selection(info.head->confusion()).name,
                  decimal(state.best_score).c_str());
    for (const auto& [what, file] : {std::pair("report ", folder.file("report.html")), {"next   ", folder.file("next_steps.txt")}})
      if (std::filesystem::exists(file)) std::printf("%s %s\n", what, file.string().c_str());
  }
  return kOk;
}

}  // namespace

Verb train_verb() {
  struct Options {
    train::TrainConfig config;
    int folds = 0;
    std::string resume = "auto";
  };
  const auto o = std::make_shared<Options>();
  Verb verb{"train", "train a network on a data set; the same command again resumes",
            [o](const Common& common) { return train(o->config, o->folds, o->resume == "auto", common); }};
  add_settings(verb, o->config);
  verb.add({.name = "--folds",
            .value = &o->folds,
            .help = "cross-validation: so many runs OUT/fold_N, each holding out other images of train and val; one table; 0: one run",
            .least = 0});
  add_resume(verb, o->resume);
  add_nearest_color(verb, o->config.others);
  verb.at("--model").help = models_help(true);
  verb.at("--preset").help = presets_help(true);
  verb.at("--loss").help = loss_terms_help();
  verb.footer = [] { return kDatasetHelp; };
  return verb;
}

}  // namespace cli
