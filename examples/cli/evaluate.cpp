// lamina evaluate: scores of a run on a split, as a table or JSON.
#include <cstdio>
#include <filesystem>

#include "json.hpp"
#include "lamina/core/text.hpp"
#include "lamina/data/draw.hpp"
#include "lamina/infer/predictor.hpp"
#include "lamina/io/file.hpp"
#include "lamina/train/folds.hpp"
#include "lamina/train/run_report.hpp"
#include "lamina/train/scores.hpp"
#include "lamina/train/thresholds.hpp"
#include "lamina/train/trainer.hpp"
#include "shared_options.hpp"

namespace cli {

using namespace lamina;

namespace {

struct EvaluateOptions {
  std::string run;
  DataOptions data;
  std::string split = "val", weights = "best";
  bool original_size = false, fit_thresholds = false;
  double tolerance = metrics::SurfaceOptions{}.tolerance;
  std::string undefined = "n/a";  ///< n/a | 0 | 1
  std::string missed = "worst";   ///< worst | n/a
  std::string overlay = "fill", out;
  std::string device = "cpu";
};

/// A line of a table of 100 columns at most: a name, then words to the right of their columns.
void print_row(const std::string& name, std::initializer_list<std::string> words) {
  constexpr std::size_t kNames = 40;
  std::string line = padded(shortened(name, kNames), kNames);
  for (const std::string& word : words) line += formatted(" %11s", word.c_str());
  std::printf("%s\n", line.substr(0, line.find_last_not_of(' ') + 1).c_str());
}

void print_table(const metrics::ConfusionMatrix& m, const heads::Head& head, double undefined) {
  const std::vector<std::string> names = head.outcomes();
  const auto s = head.scores(m, undefined), base = head.scores(head.baseline(m), undefined);
  const bool foreground = head.has_neutral();
  const auto row = [](const std::string& name, const metrics::Scores& from, auto value) {
    print_row(name, {decimal(value(from.dice)), decimal(value(from.iou)), decimal(value(from.precision)), decimal(value(from.recall)),
                     decimal(value(from.specificity))});
  };
  const auto mean = [&](const char* name, const metrics::Scores& from, double metrics::ClassScores::*member) {
    row(name, from, [&](const metrics::ClassScores& c) { return c.*member; });
  };
  print_row("class", {"Dice", "IoU", "precision", "recall", "specificity"});
  for (std::size_t c = 0; c < names.size(); ++c) row(names[c], s, [&](const metrics::ClassScores& k) { return k.per_class[c]; });
  mean("macro", s, &metrics::ClassScores::macro);
  if (foreground) mean("macro foreground", s, &metrics::ClassScores::macro_foreground);
  mean("micro", s, &metrics::ClassScores::micro);
  if (foreground) mean("micro foreground", s, &metrics::ClassScores::micro_foreground);
  mean("always the most frequent class: macro", base, &metrics::ClassScores::macro);
  std::printf("pixel accuracy %s (always the most frequent class: %s)\n", decimal(s.accuracy).c_str(), decimal(base.accuracy).c_str());
  std::printf("additive Dice %s: the sum of the foreground classes', no share\n", decimal(s.additive_dice).c_str());
  if (const std::string note = head.note(m); !note.empty()) std::printf("%s\n", wrapped(note, 100, 2).c_str());
}

void print_borders(const train::SurfaceSummary& s, double tolerance, bool background) {
  std::printf("borders, in pixels of the scored size, means over images; within %g pixels for surface Dice\n", tolerance);
  print_row("class", {"Hausdorff95", "surfaceDice", "missed in"});
  const auto row = [](const train::SurfaceSummary::Row& r, const std::string& missed) {
    print_row(r.name, {decimal(r.hausdorff95), decimal(r.surface_dice), missed});
  };
  for (const auto& r : s.regions) row(r, std::to_string(r.missed));
  row(s.macro, "");
  if (background) row(s.macro_foreground, "");
}

void fit_thresholds(const std::filesystem::path& weights, const data::Dataset& dataset, Device device, ProgressLine& progress) {
  require<OptionError>(weights.stem() != "last" && weights.stem() != "prev",
                       "--fit-thresholds is of the best weights: training goes on with ", weights.string());
  for (const std::string& line : train::fit_thresholds(weights, dataset, device)) progress.note(line);
}

/// {"seen": {"pixels": 5, "right": 4}, "unseen": ...}, of several heads by their names.
Json json_of(const std::vector<train::SeenAndUnseen>& combinations) {
  Json all = Json::object();
  for (const train::SeenAndUnseen& c : combinations)
    for (const auto& [name, count] : {std::pair("seen", c.seen), std::pair("unseen", c.unseen)}) {
      Json& of = c.head.empty() ? all[name] : all[c.head][name];
      of["pixels"] = count.pixels, of["right"] = count.right;
    }
  return all;
}

/// At the photographs' own size, or at that of training.
train::Evaluation evaluated(const io::ModelFile& file, const train::RunInfo& info, const data::Dataset& dataset, data::Split split,
                            const EvaluateOptions& options, const train::Looks& looks, ProgressLine& progress) {
  const Device device = parse_device(options.device);
  if (options.original_size) {
    const infer::Predictor predictor(file.path(), device);
    return train::evaluate_at_original_size(predictor, dataset, split, looks, [&](int item, const data::LabelImage&) {
      progress.update("evaluated " + std::to_string(item + 1) + " of " + std::to_string(dataset.items(split).size()));
    });
  }
  const auto model = file.network();
  model->to(device);
  data::Loader loader(dataset, split, train::loader_options(info.config, info.input));
  return std::move(train::evaluate(
      *model, loader, {info.head}, nullptr,
      [&](std::int64_t done, std::int64_t all) {
        progress.update("evaluated batch " + std::to_string(done) + " of " + std::to_string(all));
      },
      looks)[0]);
}

/// Where the report goes; empty: nowhere. Throws IoError where it, or what else is asked for, could not be written.
std::filesystem::path place_of_report(const EvaluateOptions& options, const std::filesystem::path& weights) {
  std::filesystem::path out = options.out;
  if (out.empty() && std::filesystem::is_directory(options.run)) out = std::filesystem::path(options.run) / ("evaluate-" + options.split);
  if (!out.empty()) before_work([&] { io::require_writable_folder(out); }, "--out FOLDER puts the results elsewhere");
  if (options.fit_thresholds)
    before_work([&] { io::require_writable_file(weights); },
                "--fit-thresholds keeps the thresholds in the weights; copy the run to where it can be written");
  return out;
}

int evaluate(const EvaluateOptions& options, const Common& common) {
  ThreadPool pool(common.threads);
  const ExecutorScope scope(pool);
  ProgressLine progress(common.quiet);
  const data::LabelStyle style = data::label_style_named(options.overlay);
  require<OptionError>(options.out.empty() || std::filesystem::is_directory(options.run), "--out ", options.out,
                       " needs a run folder, and ", options.run, " is none");
  std::optional<io::ModelFile> file(std::in_place, io::find_weights(options.run, options.weights));
  train::RunInfo info = train::run_info(*file);
  if (!options.out.empty()) keep_out_of_data("--out", options.out, as_in_run(options.data, info.config));
  const data::Split split = data::split_named(options.split);
  const std::filesystem::path out = place_of_report(options, file->path());
  const data::Dataset dataset = open_data_of_run(options.data, options.run, info, progress);
  require<DataError>(!dataset.items(split).empty(), options.data.data, ": ", dataset.items(split).empty() ? dataset.why_empty(split) : "");

  if (options.fit_thresholds) {
    fit_thresholds(file->path(), dataset, parse_device(options.device), progress);
    file.emplace(std::filesystem::path(file->path()));
    info = train::run_info(*file);
  }
  const double undefined = train::undefined_score(options.undefined);
  const train::Looks looks{
      .surfaces = metrics::SurfaceOptions{options.tolerance, options.missed == "worst"}, .probabilities = true, .combinations = true};
  const train::Evaluation evaluation = evaluated(*file, info, dataset, split, options, looks, progress);
  const metrics::ConfusionMatrix& confusion = evaluation.confusion;
  const train::ScoreIntervals intervals = train::score_intervals(*info.head, evaluation.images, undefined);
  const train::SurfaceSummary borders = train::surface_summary(*info.head, evaluation.images);
  const auto combinations = train::seen_and_unseen(dataset, evaluation.combinations, options.split);
  if (!out.empty()) {
    train::write_evaluation_report({.run = {options.run},
                                    .out = {out},
                                    .split = split,
                                    .weights = options.weights,
                                    .device = options.device,
                                    .style = style,
                                    .undefined = undefined,
                                    .surfaces = *looks.surfaces,
                                    .original_size = options.original_size},
                                   dataset, evaluation);
  }
  progress.clear();
  if (common.json) {
    Json result = json_scores(confusion, *info.head, undefined);
    result["baseline"] = json_scores(info.head->baseline(confusion), *info.head, undefined);
    result["classes"] = info.head->outcomes();
    result["images"] = dataset.items(split).size();
    result["epoch"] = info.state.epoch;
    result["intervals"] = Json::parse(train::to_json(intervals));
    result["undefined"] = options.undefined;
    result["missed"] = options.missed;
    result["borders"] = Json::parse(train::to_json(borders, options.tolerance));
    for (const auto& [name, value] : train::image_means(*info.head, evaluation.images, undefined))
      result["image_means"][name] = json_number(value);
    if (!combinations.empty()) result["combinations"] = json_of(combinations);
    if (!out.empty()) result["report"] = (out / "report.html").string();
    print_json(result);
  } else {
    print_table(confusion, *info.head, undefined);
    for (const train::SeenAndUnseen& c : combinations) std::printf("%s\n", wrapped(c.text, 100, 2).c_str());
    print_borders(borders, options.tolerance, info.head->has_neutral());
    const heads::Selection chosen = info.head->selection(confusion, undefined);
    std::printf("%s %s, %s\n", chosen.name, decimal(chosen.value).c_str(), train::interval_text(intervals, intervals.selection).c_str());
    if (!train::is_data_of(info, dataset))
      std::printf("%s\n", wrapped(train::told_of_other_data(info), 100, 2).c_str());
    else if (split == data::Split::val)
      std::printf("the epoch was chosen on this split: its scores are optimistic\n");
    if (!out.empty()) std::printf("report  %s\n", (out / "report.html").c_str());
  }
  return kOk;
}

}  // namespace

Verb evaluate_verb() {
  const auto o = std::make_shared<EvaluateOptions>();
  Verb verb{"evaluate", "score a trained run on a split of a data set", [o](const Common& common) { return evaluate(*o, common); }};
  add_run(verb, o->run);
  add_data(verb, o->data);
  verb.add({.name = "--split", .value = &o->split, .help = "photographs to score", .choices = kSplitChoices});
  add_weights(verb, o->weights);
  verb.add({.name = "--original-size",
            .value = &o->original_size,
            .help = "score at the photographs' own size instead of the training size (with --resize crop that is always so)"});
  verb.add({.name = "--fit-thresholds",
            .value = &o->fit_thresholds,
            .help = "first fit a regression head's thresholds to val and keep them in the weights"});
  add_overlay(verb, o->overlay);
  verb.add({.name = "--out", .value = &o->out, .help = "folder for scores, tables, pictures and report; empty: RUN/evaluate-SPLIT"});
  verb.add({.name = "--tolerance",
            .value = &o->tolerance,
            .help = "pixels, at the scored size, within which a border counts as found (surface Dice)",
            .least = 0});
  verb.add({.name = "--undefined",
            .value = &o->undefined,
            .help = "what 0 / 0 counts as, such as the Dice of a class that neither labels nor predictions have",
            .choices = train::kUndefinedChoices});
  verb.add({.name = "--missed",
            .value = &o->missed,
            .help = "border distance of a class that only labels or only predictions have",
            .choices = kMissedChoices});
  add_device(verb, o->device);
  return verb;
}

}  // namespace cli
