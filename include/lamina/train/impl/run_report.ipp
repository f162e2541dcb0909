#include "lamina/train/run_report.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <optional>

#include "lamina/core/text.hpp"
#include "lamina/data/draw.hpp"
#include "lamina/data/loader.hpp"
#include "lamina/io/file.hpp"
#include "lamina/train/impl/parts.hpp"
#include "lamina/train/impl/pictures.hpp"
#include "lamina/train/impl/sections.hpp"
#include "lamina/train/report.hpp"
#include "lamina/train/scores.hpp"
#include "lamina/train/sinks/alarms.hpp"
#include "lamina/train/sinks/metrics_files.hpp"
#include "lamina/train/trainer.hpp"

namespace lamina::train {
namespace {

/// Everything that a report is made from.
class RunReport {
 public:
  /// Of the files in `folder`, written to `out`; `info` says which epoch is reported on, `last` where the run stands.
  RunReport(const RunFolder& folder, const RunFolder& out, const data::Dataset& dataset, const RunInfo& info, const RunState& last,
            std::int64_t parameters)
      : folder_(folder), out_(out), dataset_(dataset), info_(info), last_(last), head_(*info_.head), parameters_(parameters) {}
  virtual ~RunReport() = default;

  void write() {
    for (const char* name : {"plots", "overlays"}) io::create_folders(out_.root / name);
    const TrainConfig& config = info_.config;
    content_.title = "Lamina: " + config.model + " (" + config.preset + ") on " + std::filesystem::path(config.data).filename().string();
    content_.class_names = head_.outcomes();
    for (const data::Rgb& color : info_.schema.counted_colors()) content_.class_colors.push_back(css(color));
    content_.class_colors.resize(content_.class_names.size());
    for (const data::LabelSchema::Label& label : info_.schema.counted_labels()) content_.class_planes.push_back(label.plane);
    for (const data::Rgb& color : data::error_colors(info_.schema)) content_.error_colors.push_back(css(color));
    content_.error_colors.erase(content_.error_colors.begin());  // of what is right
    content_.background = head_.neutral_outcome();
    content_.confusion = head_.confusion();
    for (const data::Finding& f : dataset_.findings) content_.warnings.push_back(f.text);
    for (const Alarm& a : read_alarms(folder_.root)) content_.warnings.push_back(a.text());
    for (const EpochRecord& r : last_.history)
      if (!r.note.empty()) content_.summary.push_back("The run " + r.note + ".");
    measure();
    content_.baseline = head_.baseline(content_.confusion);
    content_.shares = head_.truth_shares(content_.confusion);
    content_.scores = head_.scores(content_.confusion, content_.undefined);
    content_.baseline_scores = head_.scores(content_.baseline, content_.undefined);
    if (is_cropped())
      content_.summary.push_back(message("Every pixel of every photograph is scored: windows of ", config.width, "x", config.height,
                                         ", of which neighbours share ", std::lround(100 * data::kWindowOverlap), " %, cover it."));
    content_.sections.push_back(history_section(last_, head_, content_.class_colors));
    content_.sections.push_back(data_section(dataset_, content_.class_colors));
    for (const ReportSection& section : content_.sections) write_charts(section, out_.root / "plots");
    for (const Setting& s : settings_of(config))
      content_.settings.emplace_back(s.name, to_string(s.value).empty() ? "-" : to_string(s.value));
    content_.settings.emplace_back("parameters", std::to_string(parameters_));
    content_.environment = environment();
    next_steps();
    io::write_file_atomically(out_.file("report.html"), render_report(content_));
  }

 protected:
  const std::vector<data::Item>& items() const { return dataset_.items(split_); }
  bool is_cropped() const { return info_.config.resize == data::name_of(data::Resize::crop); }

  /// While a run goes on: the counts of its best validation.
  virtual void measure() {
    for (const EpochRecord& r : last_.history)
      if (r.validation && r.epoch == last_.best_epoch)
        for (const HeadCounts& counts : r.validation->counts)
          if (counts.head == head_.name()) content_.confusion = counts.confusion;
    content_.grades = head_.note(content_.confusion);
    content_.summary.push_back(message("The run is not finished: ", last_.epoch, " of ", counted(info_.config.epochs, "epoch"), ". ",
                                       program_word(), " report ", shell_path(folder_.root.string()), " adds pictures and intervals."));
    if (content_.confusion.total() > 0) content_.summary.push_back(summary());
  }

  std::string summary() const {
    if (items().empty()) return "There is no val split: nothing was measured, and the weights are those of the last epoch.";
    const metrics::ConfusionMatrix baseline = head_.baseline(content_.confusion);
    const heads::Selection chosen = head_.selection(content_.confusion, content_.undefined);
    const std::string which = info_.state.best_epoch > 0 ? message("Best epoch ", info_.state.epoch, " of ", last_.epoch)
                                                         : message("No validation yet, the last weights, of step ", info_.state.step);
    return which + ": " + chosen.name + " (" + chosen.meaning + ") " + decimal(chosen.value, 3) + " on " +
           counted(std::ssize(items()), content_.split + " image") + ". Always answering the most frequent class scores " +
           decimal(head_.selection(baseline, content_.undefined).value, 3) + ", at a pixel accuracy of " +
           decimal(baseline.scores().accuracy, 3) + ": accuracy alone says little here.";
  }

  void next_steps() {
    const std::string lamina = program_word(), run = shell_path(folder_.root.string()), data = shell_path(dataset_.root.string());
    const std::string split = items().empty() ? "train" : data::name_of(split_);
    const auto& photos = dataset_.items(data::split_named(split));
    const std::string photo = photos.empty() ? "PHOTO.jpg" : shell_path(photos[0].image.string());
    content_.next_steps = {{"Score the run again, as JSON:", lamina + " evaluate " + run + " " + data + " --split " + split + " --json"},
                           {"Segment your own photographs (here one of the data set):",
                            lamina + " predict " + run + " " + photo + " --out " + shell_path((folder_.root / "predictions").string())},
                           {"See what the network is:", lamina + " info " + run}};
    io::write_file_atomically(out_.file("next_steps.txt"), steps_text(content_.next_steps));
  }

  const RunFolder &folder_, &out_;
  const data::Dataset& dataset_;
  const RunInfo& info_;
  const RunState& last_;
  const heads::Head& head_;
  std::int64_t parameters_;
  data::Split split_ = data::Split::val;
  ReportContent content_;
};

/// The weights of the best epoch, or others, and what their file says.
struct Best {
  explicit Best(const RunFolder& folder) : Best(io::find_best_or_last(folder.root), folder) {}
  Best(const std::filesystem::path& weights, const RunFolder& folder, const std::string& device = {})
      : file(weights), info(run_info(file)), model(file.network()) {
    RunInfo now = run_info(io::ModelFile(folder.weights("last")));  // its settings may have changed since, as --epochs
    last = std::move(now.state), info.config = std::move(now.config);
    if (!device.empty()) info.config.device = device, info.config.precision = name_of(DType::f32);
    model->to(parse_device(info.config.device));
    model->to(parse_precision(info.config.precision));
  }
  io::ModelFile file;
  RunInfo info;
  RunState last;
  std::unique_ptr<models::Network> model;
};

/// Of a run that ended: the best weights look at the images, of the test split where there is one. Or of an evaluation.
class FullReport : Best, public RunReport {
 public:
  FullReport(const RunFolder& folder, const data::Dataset& dataset)
      : Best(folder),
        RunReport(folder, folder, dataset, Best::info, Best::last, model->parameter_count()),
        loader_(dataset, split_ = headline_split(dataset, Best::last, Best::info.config),
                loader_options(Best::info.config, Best::info.input)) {
    name_split();
  }
  FullReport(const EvaluationPlace& place, const data::Dataset& dataset, const Evaluation& evaluation)
      : Best(io::find_weights(place.run.root, place.weights), place.run, place.device),
        RunReport(place.run, place.out, dataset, Best::info, Best::last, model->parameter_count()),
        loader_(dataset, split_ = place.split, loader_options(Best::info.config, Best::info.input)),
        given_(evaluation),
        place_(place) {
    name_split();
    content_.undefined = place.undefined;
  }
  const std::string& headline() const { return headline_; }

 private:
  void name_split() {
    if (split_ != data::Split::val) content_.split = split_ == data::Split::test ? "test" : "training";
  }
  /// The test split of a run that is over: until then nobody looks at it.
  static data::Split headline_split(const data::Dataset& dataset, const RunState& last, const TrainConfig& c) {
    const bool over =
        (c.steps > 0 ? last.step >= c.steps : last.epoch >= c.epochs) || (!last.history.empty() && !last.history.back().note.empty());
    return over && !dataset.items(data::Split::test).empty() ? data::Split::test : data::Split::val;
  }

  /// Scores the split; best images first, those without a score last.
  void measure() override {
    Evaluation e = given_ ? *given_
                          : std::move(evaluate(*model, loader_, {Best::info.head}, nullptr, {},
                                               {.surfaces = metrics::SurfaceOptions{}, .probabilities = true, .combinations = true})[0]);
    content_.confusion = e.confusion;
    content_.grades = head_.note(e.confusion);
    const ScoreIntervals intervals = score_intervals(head_, e.images, content_.undefined);
    images_ = std::move(e.images);
    std::stable_sort(images_.begin(), images_.end(), [](const ImageScore& a, const ImageScore& b) {
      return !std::isnan(a.quality) && (std::isnan(b.quality) || a.quality > b.quality);
    });
    io::write_file_atomically(out_.file("per_image.csv"), per_image_csv(head_, images_, items(), content_.undefined));
    io::write_file_atomically(out_.file("confusion.csv"), confusion_csv(content_.confusion, content_.class_names));
    pictures();
    if (!given_) training_batch();
    content_.summary.push_back(summary());
    if (images_.empty()) return;
    tell(intervals);
    content_.sections = {images_section(head_, images_, items()), probabilities_section(head_, e.probabilities, content_.class_colors),
                         borders_section(surface_summary(head_, images_), place_.surfaces, sizes_scored(), content_.class_colors)};
    add_combinations(content_, dataset_, e.combinations);
  }

  std::string sizes_scored() const {
    return place_.original_size || is_cropped() ? "at their own size"
                                                : message("as they were scored, at ", info_.config.width, "x", info_.config.height);
  }

  /// The headline, with how sure it is.
  void tell(const ScoreIntervals& intervals) {
    const heads::Selection chosen = head_.selection(content_.confusion, content_.undefined);
    const std::string sure = interval_text(intervals, intervals.selection);
    const bool test = split_ == data::Split::test, train = split_ == data::Split::train, chosen_here = info_.state.best_epoch > 0,
               elsewhere = !is_data_of(info_, dataset_);
    headline_ = message(data::name_of(split_), ": ", chosen.name, " ", decimal(chosen.value, 4), ", ", sure,
                        elsewhere     ? "; of other data or splits than the run's"
                        : test        ? ""
                        : train       ? "; these are what it was trained on"
                        : chosen_here ? "; optimistic, for the epoch was chosen on these images"
                                      : "; of the last weights, for no validation chose any");
    content_.summary.push_back("How sure that is: " + sure + ".");
    const std::size_t chosen_on = dataset_.items(data::Split::val).size();
    if (elsewhere || train)
      content_.summary.push_back(elsewhere ? "Of other data or splits: " + told_of_other_data(info_) + '.'
                                           : "The network was trained on these images: the score says nothing of others.");
    else if (!test && chosen_here)
      content_.summary.push_back(
          "The epoch was chosen on these very images, so the score is optimistic: a test split (test.txt) that no "
          "choice depends on would say how good the network is.");
    else if (test && chosen_here && chosen_on > 0)
      content_.summary.push_back(
          message("The epoch was chosen on the ", counted(chosen_on, "image"), " of the val split; the test split had no say."));
    else if (chosen_on == 0)
      content_.summary.push_back("There is no val split: the weights are those of the last epoch.");
    content_.intervals_title = message("Every score with its ", std::lround(100 * intervals.options.level),
                                       " % interval; n/a: of a class that fewer than ", intervals.kFewest, " labels show");
    const Scalars scores = head_.summary(content_.confusion, content_.undefined);
    for (const auto& [name, interval] : intervals.each) content_.intervals.emplace_back(name, score_text(intervals, name, scores.at(name)));
    io::write_file_atomically(out_.file("scores.json"), scores_json({.split = data::name_of(split_),
                                                                     .epoch = info_.state.epoch,
                                                                     .score_name = chosen.name,
                                                                     .score = chosen.value,
                                                                     .scores = scores,
                                                                     .intervals = intervals,
                                                                     .images = scored_images(items(), images_),
                                                                     .image_means = image_means(head_, images_, content_.undefined),
                                                                     .surfaces = surface_summary(head_, images_),
                                                                     .tolerance = place_.surfaces.tolerance}));
  }

  void pictures() {
    const auto is_scored = [](const ImageScore& s) { return !std::isnan(s.quality); };
    const auto scored = static_cast<std::size_t>(std::count_if(images_.begin(), images_.end(), is_scored));
    const std::vector<Ranks> groups = ranks_to_show(scored, info_.config.seed);
    std::size_t all = 0;
    for (const Ranks& g : groups) all += g.ranks.size();
    content_.planes = info_.schema.plane_names();
    for (const Ranks& g : groups) {
      PictureGroup& group = content_.pictures.emplace_back();
      group.title = g.title;
      for (const std::size_t rank : g.ranks)
        group.pictures.push_back(picture(images_[rank], g.file + ("_" + std::to_string(group.pictures.size() + 1)), kPictureBytes / all));
    }
  }

  /// The photograph at its own size, or, where the network sees all of it at once, at most kMostShown pixels of it.
  Looked look(const data::Item& item, data::Image photo) {
    photo = data::with_channels(std::move(photo), info_.input.channels, item.image.string());
    data::LabelImage truth = data::read_mask(item, dataset_.masks);
    const double pixels = static_cast<double>(photo.width) * photo.height, scale = std::min(1.0, std::sqrt(kMostShown / pixels));
    if (!predictor().tiles({}) && scale < 1) {
      photo = data::resized(photo, std::max(1, static_cast<int>(photo.width * scale)), std::max(1, static_cast<int>(photo.height * scale)));
      truth = data::resized(truth, photo.width, photo.height);
    }
    Looked at;
    infer::PredictOptions options{.probabilities = false};
    if (!head_.events().empty() || !head_.schema().scales().empty()) {
      at.maps.emplace(head_, truth);
      options.rows = [&](std::int64_t first, const Tensor& p) { at.maps->add(truth, first, p); };
    }
    at.prediction = predictor().predict(photo, options).labels;
    at.photo = data::overlay(data::to_show(std::move(photo)), data::LabelImage(truth.width, truth.height), {});  // gray as RGB
    at.truth = std::move(truth);
    return at;
  }

  /// Also written to overlays/.
  Picture picture(const ImageScore& s, const std::string& file, std::size_t most_bytes) {
    const data::Item& item = items()[static_cast<std::size_t>(s.item)];
    const data::Image original = data::read_bands(item.image);
    const Looked at = look(item, original);
    const auto [w, h] =
        data::fit_inside(at.photo.width, at.photo.height, std::min(at.photo.width, kOverlaySide), std::min(at.photo.height, kOverlaySide));
    io::write_file_atomically(out_.root / "overlays" / (file + ".png"),
                              data::encode_png(data::triptych(data::resized(at.photo, w, h), data::resized(at.truth, w, h),
                                                              data::resized(at.prediction, w, h), info_.schema, place_.style)));
    Picture p = encoded(at, info_.schema, most_bytes);
    p.name = item.name;
    p.caption = item.name + ": " + head_.quality_text(s.scores);
    if (p.width != original.width)
      p.caption += message(", shown at ", p.width, "x", p.height, " of ", original.width, "x", original.height, " pixels");
    return p;
  }

  /// The first images that were trained on, as they came to the network, and their labels.
  void training_batch() {
    constexpr std::int64_t kMost = 8;
    constexpr int kSide = 256;
    if (dataset_.items(data::Split::train).empty()) return;
    data::LoaderOptions options = training_options(info_.config, dataset_, info_.input);
    options.batch = info_.config.batch, options.threads = 0;
    data::Loader loader(training_items(info_.config, dataset_), dataset_.masks, options);
    data::Batch batch;
    loader.start(0);
    if (!loader.next(batch)) return;
    content_.samples_title = "The first training batch as the network saw it (--augment " + info_.config.augment + "), and its labels";
    for (std::int64_t i = 0; i < std::min(kMost, batch.size()); ++i) {
      const data::Image photo = data::to_show(batch.at(kImage).rows(i, 1).clone(), options.normalization);
      data::LabelImage labels(photo.width, photo.height, 0, dataset_.masks.planes());
      labels.labels = batch.at(kLabels).rows(i, 1).clone().to_vector<std::uint8_t>();
      const data::Image both = data::side_by_side(std::vector{photo, data::draw_labels(photo, labels, info_.schema)});
      const auto [w, h] = data::fit_inside(both.width, both.height, std::min(both.width, 2 * kSide), std::min(both.height, kSide));
      content_.samples.push_back(
          {data::encode_jpeg(data::resized(both, w, h)), loader.name(batch.indices[static_cast<std::size_t>(i)]), "image/jpeg"});
    }
  }

  /// The best weights once more, for photographs of any size; those that scored are not needed any longer.
  infer::Predictor& predictor() {
    if (!predictor_) model.reset(), predictor_.emplace(file.path(), parse_device(info_.config.device));
    return *predictor_;
  }

  static constexpr std::size_t kPictureBytes = 3'000'000;  // of the report, before they become text
  static constexpr double kMostShown = 2e6;
  static constexpr int kOverlaySide = 640;
  data::Loader loader_;
  std::optional<infer::Predictor> predictor_;
  std::optional<Evaluation> given_;
  EvaluationPlace place_;
  std::vector<ImageScore> images_;
  std::string headline_;
};

}  // namespace

std::string write_run_report(const RunFolder& folder, const data::Dataset& dataset) {
  FullReport report(folder, dataset);
  report.write();
  return report.headline();
}

void write_evaluation_report(const EvaluationPlace& place, const data::Dataset& dataset, const Evaluation& evaluation) {
  FullReport(place, dataset, evaluation).write();
}

void write_progress_report(const RunFolder& folder, const data::Dataset& dataset, const RunInfo& info, const RunState& state,
                           std::int64_t parameters) {
  RunReport(folder, folder, dataset, info, state, parameters).write();
}

}  // namespace lamina::train
