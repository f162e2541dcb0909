// lamina evaluate: scores of a run on a split, as a table or JSON.
#include <cstdio>
#include <filesystem>

#include "json.hpp"
#include "lamina/data/draw.hpp"
#include "lamina/infer/predictor.hpp"
#include "lamina/train/run_report.hpp"
#include "lamina/train/scores.hpp"
#include "lamina/train/trainer.hpp"
#include "open_data.hpp"
#include "progress.hpp"
#include "verbs.hpp"

namespace cli {

using namespace lamina;

namespace {

/// Every photograph at its own size, against its own mask.
train::Evaluation evaluate_at_original_size(const std::filesystem::path& checkpoint, const data::Dataset& dataset, data::Split split,
                                            Device device, ProgressLine& progress) {
  infer::Predictor predictor(checkpoint, device);
  train::Evaluation all{predictor.head().confusion(), {}, {}};
  const auto& items = dataset.items(split);
  for (std::size_t i = 0; i < items.size(); ++i) {
    const data::Image photo = data::read_bands(items[i].image);
    predictor.require_fits(photo, items[i].image.string());
    const auto labels = predictor.predict(photo).labels;
    const auto truth = data::read_mask(items[i], dataset.masks);
    require<DataError>(truth.width == labels.width && truth.height == labels.height, items[i].mask.string(),
                       ": the mask and its image differ in size");
    metrics::ConfusionMatrix one = predictor.head().confusion();
    predictor.head().count(one, truth.labels, labels.labels);
    all.add(predictor.head(), static_cast<int>(i), one);
    progress.update("evaluated " + std::to_string(i + 1) + " of " + std::to_string(items.size()));
  }
  return all;
}

void print_table(const metrics::ConfusionMatrix& m, const heads::Head& head) {
  const std::vector<std::string> names = head.outcomes();
  const auto s = m.scores(head.neutral_outcome()), base = head.baseline(m).scores(head.neutral_outcome());
  std::size_t width = 40;
  for (const std::string& n : names) width = std::max(width, n.size());
  auto cell = [](double v) {
    if (std::isnan(v))
      std::printf("  %9s", "n/a");
    else
      std::printf("  %9.4f", v);
  };
  auto row = [&](const std::string& name, double dice, double iou, double precision, double recall) {
    std::printf("%-*s", static_cast<int>(width), name.c_str());
    for (double v : {dice, iou, precision, recall}) cell(v);
    std::printf("\n");
  };
  std::printf("%-*s  %9s  %9s  %9s  %9s\n", static_cast<int>(width), "class", "Dice", "IoU", "precision", "recall");
  for (std::size_t c = 0; c < names.size(); ++c)
    row(names[c], s.dice.per_class[c], s.iou.per_class[c], s.precision.per_class[c], s.recall.per_class[c]);
  row("macro", s.dice.macro, s.iou.macro, s.precision.macro, s.recall.macro);
  if (head.neutral_outcome() >= 0)
    row("macro foreground", s.dice.macro_foreground, s.iou.macro_foreground, s.precision.macro_foreground, s.recall.macro_foreground);
  row("micro", s.dice.micro, s.iou.micro, s.precision.micro, s.recall.micro);
  row("always the most frequent class: macro", base.dice.macro, base.iou.macro, base.precision.macro, base.recall.macro);
  std::printf("pixel accuracy %.4f (always the most frequent class: %.4f)\n", s.accuracy, base.accuracy);
  if (const std::string note = head.note(m); !note.empty()) std::printf("%s\n", note.c_str());
}

}  // namespace

int evaluate(const EvaluateOptions& options, const Common& common) {
  ThreadPool pool(common.threads);
  const ExecutorScope scope(pool);
  ProgressLine progress(common.quiet);
  const data::LabelStyle style = data::label_style_named(options.overlay);
  require<OptionError>(options.out.empty() || std::filesystem::is_directory(options.run), "--out ", options.out,
                       " needs a run folder, and ", options.run, " is none");
  const io::ModelFile file(io::find_weights(options.run, options.weights));
  const train::RunInfo info = train::run_info(file);
  const data::Dataset dataset = open_data(as_in_run(options.data, info.config), progress);
  require<DataError>(heads::make_head(dataset.schema, info.config.head)->outcomes() == info.head->outcomes(), options.data.data,
                     ": its classes are not those that ", options.run, " was trained on");
  const data::Split split = data::split_named(options.split);
  require<DataError>(!dataset.items(split).empty(), options.data.data, ": ", dataset.items(split).empty() ? dataset.why_empty(split) : "");

  const Device device = parse_device(options.device);
  train::Evaluation evaluation{info.head->confusion(), {}, {}};
  if (options.original_size) {
    evaluation = evaluate_at_original_size(file.path(), dataset, split, device, progress);
  } else {
    const auto model = file.network();
    model->to(device);
    data::Loader loader(dataset, split, train::loader_options(info.config, info.input));
    evaluation = std::move(train::evaluate(*model, loader, {info.head}, nullptr, [&](std::int64_t done, std::int64_t all) {
      progress.update("evaluated batch " + std::to_string(done) + " of " + std::to_string(all));
    })[0]);
  }
  const metrics::ConfusionMatrix& confusion = evaluation.confusion;
  const train::ScoreIntervals intervals = train::score_intervals(*info.head, evaluation.images);
  std::filesystem::path out = options.out;
  if (out.empty() && std::filesystem::is_directory(options.run)) out = std::filesystem::path(options.run) / ("evaluate-" + options.split);
  if (!out.empty() && std::filesystem::is_directory(options.run)) {
    data::require_no_dataset("--out", out);
    train::write_evaluation_report({.run = {options.run},
                                    .out = {out},
                                    .split = split,
                                    .weights = options.weights,
                                    .device = options.device,
                                    .original_size = options.original_size,
                                    .style = style},
                                   dataset, evaluation);
  }
  progress.clear();
  if (common.json) {
    Json result = json_scores(confusion, *info.head);
    result["baseline"] = json_scores(info.head->baseline(confusion), *info.head);
    result["classes"] = info.head->outcomes();
    result["images"] = dataset.items(split).size();
    result["epoch"] = info.state.epoch;
    result["intervals"] = Json::parse(train::to_json(intervals));
    if (!out.empty()) result["report"] = (out / "report.html").string();
    print_json(result);
  } else {
    print_table(confusion, *info.head);
    const heads::Selection chosen = info.head->selection(confusion);
    std::printf("%s %.4f, %s\n", chosen.name, chosen.value, train::interval_text(intervals, intervals.selection).c_str());
    if (split == data::Split::val) std::printf("the epoch was chosen on this split: its scores are optimistic\n");
    if (!out.empty()) std::printf("report  %s\n", (out / "report.html").c_str());
  }
  return kOk;
}

}  // namespace cli
