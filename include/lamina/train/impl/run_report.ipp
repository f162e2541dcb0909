#include "lamina/train/run_report.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

#include "lamina/core/text.hpp"
#include "lamina/data/loader.hpp"
#include "lamina/io/file.hpp"
#include "lamina/train/report.hpp"
#include "lamina/train/sinks/metrics_files.hpp"
#include "lamina/train/trainer.hpp"

namespace lamina::train {
namespace {

std::string decimal(double v, int digits = 4) {
  if (std::isnan(v)) return "n/a";
  char text[32];
  std::snprintf(text, sizeof text, "%.*f", digits, v);
  return text;
}

/// Photograph, label and prediction side by side, at the network's size.
data::Image triptych(const data::Image& photo, const data::LabelImage& truth, const data::LabelImage& prediction,
                     std::span<const data::Rgb> colors) {
  const data::Image parts[] = {photo, data::overlay(photo, truth, colors), data::overlay(photo, prediction, colors)};
  data::Image out(3 * photo.width + 8, photo.height, 3, 255);
  for (int k = 0; k < 3; ++k)
    for (int y = 0; y < photo.height; ++y) std::copy_n(parts[k].at(0, y), 3 * photo.width, out.at(k * (photo.width + 4), y));
  return out;
}

std::vector<std::string> charts(const RunState& state, const heads::Head& head, const RunFolder& folder) {
  auto line = [&](std::string label, auto value) {
    Series s{std::move(label), {}};
    for (const EpochRecord& r : state.history)
      if (const double v = value(r); !std::isnan(v)) s.points.emplace_back(r.epoch, v);
    return s;
  };
  auto score = [&](std::string label, const std::string& name) {
    return line(std::move(label), [&](const EpochRecord& r) {
      const double* v = r.validation ? r.validation->scores.find(name) : nullptr;
      return v ? *v : std::numeric_limits<double>::quiet_NaN();
    });
  };
  const std::string loss =
      line_chart_svg({line("training", [](const EpochRecord& r) { return r.train.at("loss"); }), score("validation", "val_loss")},
                     {.title = "Loss", .x_label = "epoch", .y_label = "loss"});
  std::vector<Series> lines{score("Dice foreground", "dice_macro_foreground"), score("Dice macro", "dice_macro"),
                            score("IoU macro", "iou_macro"), score("accuracy", "accuracy")};
  const Scalars known = head.summary(head.confusion());
  for (const auto& [label, name] : {std::pair("quadratic kappa", "quadratic_kappa"), std::pair("within one grade", "within_one")})
    if (known.find(name)) lines.push_back(score(label, name));
  const std::string scores =
      line_chart_svg(lines, {.title = "Validation scores", .x_label = "epoch", .y_label = "score", .unit_range = true});
  std::vector<Series> classes;
  for (const std::string& outcome : head.outcomes())
    if (classes.size() < 20) classes.push_back(score(outcome, "dice_" + outcome));
  const std::string per_class =
      line_chart_svg(classes, {.title = "Dice of each class", .x_label = "epoch", .y_label = "Dice", .unit_range = true});
  const std::string rate = line_chart_svg({line("learning rate", [](const EpochRecord& r) { return r.lr; })},
                                          {.title = "Learning rate at the end of the epoch", .x_label = "epoch", .y_label = "lr"});
  const std::pair<const char*, const std::string*> files[] = {
      {"loss", &loss}, {"scores", &scores}, {"dice_per_class", &per_class}, {"learning_rate", &rate}};
  for (const auto& [name, svg] : files) io::write_file_atomically(folder.root / "plots" / (std::string(name) + ".svg"), *svg);
  const bool measured = std::any_of(state.history.begin(), state.history.end(), [](const EpochRecord& r) { return !!r.validation; });
  return measured ? std::vector{loss, scores, per_class, rate} : std::vector{loss, rate};
}

std::string confusion_csv(const metrics::ConfusionMatrix& m, const std::vector<std::string>& names) {
  std::string text = "true\\predicted";
  for (const std::string& n : names) text += "," + csv_field(n);
  for (int t = 0; t < m.classes(); ++t) {
    text += "\n" + csv_field(names[static_cast<std::size_t>(t)]);
    for (int p = 0; p < m.classes(); ++p) text += "," + std::to_string(m.at(t, p));
  }
  return text + "\n";
}

/// Everything that a report is made from.
class RunReport {
 public:
  RunReport(const RunFolder& folder, const data::Dataset& dataset)
      : folder_(folder),
        dataset_(dataset),
        best_(folder.weights("best")),
        info_(run_info(best_)),
        last_(run_info(io::ModelFile(folder.weights("last"))).state),
        head_(*info_.head),
        model_(best_.network()),
        loader_(dataset, data::Split::val, loader_options(info_.config)) {
    model_->to(parse_device(info_.config.device));
    model_->to(parse_precision(info_.config.precision));
  }

  void write() {
    for (const char* name : {"plots", "overlays"}) io::create_folders(folder_.root / name);
    const TrainConfig& config = info_.config;
    content_.title = "Lamina: " + config.model + " (" + config.preset + ") on " + std::filesystem::path(config.data).filename().string();
    content_.class_names = head_.outcomes();
    for (const data::Rgb& c : info_.schema.colors)
      content_.class_colors.push_back(c == data::Rgb{} ? "" : message("rgb(", int{c[0]}, ",", int{c[1]}, ",", int{c[2]}, ")"));
    content_.background = head_.neutral_outcome();
    for (const data::Finding& f : dataset_.findings) content_.warnings.push_back(f.text);
    for (const std::string& w : collapse_warnings(last_.history, head_)) content_.warnings.push_back(w);
    measure();
    pictures();
    content_.summary.push_back(summary());
    content_.charts = charts(last_, head_, folder_);
    for (const Setting& s : settings_of(config)) content_.settings.emplace_back(s.name, to_string(s.value));
    content_.settings.emplace_back("parameters", std::to_string(model_->parameter_count()));
    content_.environment = environment();
    next_steps();
    io::write_file_atomically(folder_.file("report.html"), render_report(content_));
  }

 private:
  const std::vector<data::Item>& items() const { return dataset_.items(data::Split::val); }

  /// Scores the validation split; best images first, those without a score last.
  void measure() {
    Evaluation e = std::move(evaluate(*model_, loader_, {info_.head}, nullptr)[0]);
    content_.confusion = e.confusion;
    content_.grades = head_.note(e.confusion);
    images_ = std::move(e.images);
    std::stable_sort(images_.begin(), images_.end(), [](const ImageScore& a, const ImageScore& b) {
      return !std::isnan(a.quality) && (std::isnan(b.quality) || a.quality > b.quality);
    });
    std::string per_image = "image";
    for (const auto& [name, value] : head_.image_summary(head_.confusion())) per_image += "," + name;
    for (const ImageScore& s : images_) {
      per_image += "\n" + csv_field(items()[static_cast<std::size_t>(s.item)].name);
      for (const auto& [name, value] : s.scores) per_image += "," + decimal(value, 6);
    }
    io::write_file_atomically(folder_.file("per_image.csv"), per_image + "\n");
    io::write_file_atomically(folder_.file("confusion.csv"), confusion_csv(content_.confusion, content_.class_names));
  }

  /// The best and the worst images, at most four each and none in both.
  void pictures() {
    const auto is_scored = [](const ImageScore& s) { return !std::isnan(s.quality); };
    const auto scored = static_cast<std::size_t>(std::count_if(images_.begin(), images_.end(), is_scored));
    const std::size_t best = std::min<std::size_t>(4, (scored + 1) / 2), worst = std::min(best, scored - best);
    for (std::size_t i = 0; i < best; ++i) content_.best.push_back(figure(images_[i], "best_" + std::to_string(i + 1)));
    for (std::size_t i = 0; i < worst; ++i) content_.worst.push_back(figure(images_[scored - 1 - i], "worst_" + std::to_string(i + 1)));
  }

  /// An image as the network sees it, its label and the prediction; also written to overlays/.
  Figure figure(const ImageScore& s, const std::string& file) {
    const TrainConfig& config = info_.config;
    loader_.start(0, s.item / config.batch);
    data::Batch batch;
    loader_.next(batch);
    const auto in_batch = static_cast<std::int64_t>(s.item % config.batch);
    const NoGrad no_grad;
    const Tensor x = batch.at(kImage).rows(in_batch, 1).clone();
    data::Image photo(config.width, config.height, 3);
    const auto values = x.to_vector<float>();
    for (std::size_t i = 0; i < photo.pixels.size(); ++i)
      photo.pixels[i] = static_cast<std::uint8_t>(std::lround(std::clamp((values[i] + 1) * 127.5f, 0.0f, 255.0f)));
    data::LabelImage truth(config.width, config.height, 0, dataset_.masks.planes()), prediction = truth;
    truth.labels = batch.at(kLabels).rows(in_batch, 1).clone().to_vector<std::uint8_t>();
    prediction.labels =
        decisions_at(head_, model_->output(x, head_.name()), config.height, config.width, model_->grid()).to_vector<std::uint8_t>();
    Figure f{data::encode_png(triptych(photo, truth, prediction, info_.schema.colors)),
             items()[static_cast<std::size_t>(s.item)].name + ": " + head_.quality_text(s.scores)};
    io::write_file_atomically(folder_.root / "overlays" / (file + ".png"), f.png);
    return f;
  }

  std::string summary() const {
    if (items().empty()) return "There is no val split: nothing was measured, and the weights are those of the last epoch.";
    const metrics::ConfusionMatrix baseline = content_.confusion.majority_baseline();
    const heads::Selection chosen = head_.selection(content_.confusion);
    return "Best epoch " + std::to_string(info_.state.epoch) + " of " + std::to_string(last_.epoch) + ": " + chosen.name + " (" +
           chosen.meaning + ") " + decimal(chosen.value, 3) + " on " + std::to_string(items().size()) +
           " validation images. Always answering the most frequent class scores " + decimal(head_.selection(baseline).value, 3) +
           ", at a pixel accuracy of " + decimal(baseline.scores().accuracy, 3) + ": accuracy alone says little here.";
  }

  void next_steps() {
    const std::string run = shell_word(folder_.root.string()), data = shell_word(info_.config.data);
    content_.next_steps = {{"Score the run again, as JSON:",
                            "lamina evaluate " + run + " " + data + (items().empty() ? " --split train" : " --split val") + " --json"},
                           {"Segment your own photographs:", "lamina predict " + run + " PHOTO.jpg --out predictions"},
                           {"See what the network is:", "lamina info " + run}};
    io::write_file_atomically(folder_.file("next_steps.txt"), steps_text(content_.next_steps));
  }

  const RunFolder& folder_;
  const data::Dataset& dataset_;
  io::ModelFile best_;
  RunInfo info_;
  RunState last_;
  const heads::Head& head_;
  std::unique_ptr<models::Network> model_;
  data::Loader loader_;
  std::vector<ImageScore> images_;
  ReportContent content_;
};

}  // namespace

void write_run_report(const RunFolder& folder, const data::Dataset& dataset) { RunReport(folder, dataset).write(); }

}  // namespace lamina::train
