// Data sets of classes that overlap, and of grades, from their files to the scores.
#include <cmath>
#include <map>
#include <numeric>

#include "lamina/core/text.hpp"
#include "lamina/data/check.hpp"
#include "lamina/infer/predictor.hpp"
#include "lamina/io/checkpoint.hpp"
#include "lamina/train/evaluate.hpp"
#include "lamina/train/thresholds.hpp"
#include "lamina/train/trainer.hpp"
#include "support/charts.hpp"
#include "support/op_check.hpp"
#include "support/runs.hpp"

using namespace lamina;
using namespace lamina::test;
namespace fs = std::filesystem;

namespace {

constexpr int kSize = 32;

/// A red band and a bright band that cross; in every third image there is no bright one. Each plane is a file.
void write_bands(const fs::path& out, int count) {
  for (const char* folder : {"images", "masks/red", "masks/bright"}) io::create_folders(out / folder);
  io::write_file_atomically(out / "dataset.json", R"({"task": "multilabel", "labels": {"red": 0, "bright": 1}})");
  Random random(RandomKey{9});
  for (int i = 0; i < count; ++i) {
    data::Image image(kSize, kSize, 3);
    data::LabelImage red(kSize, kSize), bright(kSize, kSize);
    const int across = static_cast<int>(random.below(20)), down = static_cast<int>(random.below(20));
    for (int y = 0; y < kSize; ++y)
      for (int x = 0; x < kSize; ++x) {
        red.at(x, y) = x >= across && x < across + 10 ? 255 : 0;
        bright.at(x, y) = i % 3 && y >= down && y < down + 10 ? 255 : 0;
        for (int c = 0; c < 3; ++c)
          image.at(x, y)[c] =
              static_cast<std::uint8_t>(40 + random.below(20) + (red.at(x, y) && c == 0 ? 100 : 0) + (bright.at(x, y) && c ? 90 : 0));
      }
    const std::string file = std::to_string(i) + ".png";
    data::write_png(out / "images" / file, image);
    data::write_png(out / "masks/red" / file, red);
    if (i % 3) data::write_png(out / "masks/bright" / file, bright);
  }
}

train::Outcome run_task(const train::TrainConfig& config, std::int64_t stop_at = -1) {
  std::atomic<bool> stop{false};
  train::TrainEvents events;
  std::int64_t step = 0;
  events.step = [&](const train::StepEvent&) { stop = ++step == stop_at; };
  return train::train(config, data::open_dataset(config.data), true, events, &stop);
}

/// Trains "whole", and "run" once interrupted, on the folder's "data": they end the same.
void train_twice(const TempFolder& f, int epochs) {
  const auto config = [&](const char* out) {
    return train::resolved({.data = (f / "data").string(),
                            .base = 4,
                            .depth = 2,
                            .width = kSize,
                            .height = kSize,
                            .augment = "hflip,vflip",
                            .class_weights = "balanced",
                            .lr = 2e-2,
                            .epochs = epochs,
                            .batch = 2,
                            .out = (f / out).string()});
  };
  CHECK(run_task(config("whole")) == train::Outcome::finished);
  CHECK(run_task(config("run"), 20) == train::Outcome::interrupted);
  CHECK(run_task(config("run")) == train::Outcome::finished);
  check_same_run(f / "whole", f / "run");
}

/// Columns of a run's metrics.csv in the epoch that was best by `chosen_by`.
std::map<std::string, double> best_epoch(const fs::path& run, const std::string& chosen_by) {
  const auto rows = csv_records(io::read_file(run / "metrics.csv"));
  std::map<std::string, double> best{{chosen_by, -1}};
  for (std::size_t r = 1; r < rows.size(); ++r) {
    std::map<std::string, double> row;
    for (std::size_t c = 0; c < rows[0].size(); ++c) row[rows[0][c]] = csv_number(rows[r][c]);
    if (row.at(chosen_by) > best.at(chosen_by)) best = row;
  }
  return best;
}

}  // namespace

TEST_CASE("multilabel: training learns overlapping planes, scores count each plane, an interrupted run ends the same") {
  TempFolder f;
  write_bands(f / "data", 15);
  const data::CheckReport report = data::check_dataset(f / "data");
  CHECK(report.errors() == 0);
  CHECK(report.encoding == data::MaskEncoding::multilabel);
  CHECK(report.splits[0].without_foreground == 0);
  std::int64_t red = 0, bright = 0;
  for (const auto& split : report.splits) red += split.counts.pixels[0], bright += split.counts.pixels[1];
  CHECK(red == 15 * 10 * kSize);
  CHECK(bright == 10 * 10 * kSize);

  train_twice(f, 12);
  CHECK(csv_records(io::read_file(f / "run/confusion.csv"))[0] == std::vector<std::string>{"true\\predicted", "red", "bright", "(none)"});

  // The scores of the best epoch, from predictions.
  infer::Predictor predictor(f / "run");
  const data::Dataset dataset = data::open_dataset(f / "data");
  double hits[2] = {}, predicted[2] = {}, labelled[2] = {};
  for (const data::Item& item : dataset.items(data::Split::val)) {
    const infer::Prediction p = predictor.predict(data::read_image(item.image));
    REQUIRE(p.probabilities.shape() == Shape{kSize, kSize, 2});
    const auto probabilities = p.probabilities.to_vector<float>();
    const data::LabelImage truth = data::read_mask(item, dataset.masks);
    REQUIRE(p.labels.labels.size() == truth.labels.size());
    for (std::size_t i = 0; i < truth.labels.size(); ++i) {
      REQUIRE(p.labels.labels[i] == (probabilities[i] > 0.5f));
      hits[i % 2] += p.labels.labels[i] && truth.labels[i];
      predicted[i % 2] += p.labels.labels[i];
      labelled[i % 2] += truth.labels[i];
    }
  }
  const auto best = best_epoch(f / "run", "dice_macro_foreground");
  for (int k : {0, 1}) {
    const double dice = 2 * hits[k] / (predicted[k] + labelled[k]);
    CHECK(dice > 0.9);
    CHECK(best.at(k ? "dice_bright" : "dice_red") == doctest::Approx(dice).epsilon(1e-6));
  }
}

TEST_CASE("grades become the outputs that are to say yes, and are counted back") {
  for (int grades : {2, 3, 7, 255}) {
    data::LabelSchema schema;
    schema.task = data::Task::ordinal;
    schema.names.resize(static_cast<std::size_t>(grades));
    std::vector<std::uint8_t> labels;
    for (int g = 0; g < grades; ++g) labels.push_back(static_cast<std::uint8_t>(g));
    labels.push_back(data::kIgnoreLabel);
    schema.values.resize(schema.names.size());
    schema.colors.resize(schema.names.size());
    const auto head = heads::make_head(schema);
    const Tensor targets = head->targets(Tensor::from<std::uint8_t>(labels, {1, grades + 1, 1}));
    REQUIRE(targets.shape() == Shape{1, grades + 1, 1, grades - 1});
    const auto t = targets.to_vector<std::uint8_t>();
    std::vector<float> scores(t.begin(), t.end());
    for (float& v : scores) v = v > 0 ? 3.0f : -3.0f;
    auto counted = head->decide(Tensor::from<float>(scores, targets.shape())).to_vector<std::uint8_t>();
    CHECK(std::count(t.begin(), t.end(), data::kIgnoreLabel) == grades - 1);  // the last pixel
    counted.back() = data::kIgnoreLabel;
    CHECK(counted == labels);
  }
}

TEST_CASE("ordinal: training learns grades, the best epoch is that of the best kappa, an interrupted run ends the same") {
  TempFolder f;
  small_grades(f / "data", 15, kSize);
  const data::CheckReport report = data::check_dataset(f / "data");
  CHECK(report.errors() == 0);
  CHECK(report.encoding == data::MaskEncoding::index);
  train_twice(f, 24);
  CHECK(csv_records(io::read_file(f / "run/confusion.csv"))[0] ==
        std::vector<std::string>{"true\\predicted", "none", "mild", "moderate", "severe"});

  // The scores of the best epoch, from predictions.
  infer::Predictor predictor(f / "run");
  const data::Dataset dataset = data::open_dataset(f / "data");
  metrics::ConfusionMatrix confusion(4);
  double error = 0, pixels = 0;
  std::map<std::string, double> error_of;  // the mean in each image
  for (const data::Item& item : dataset.items(data::Split::val)) {
    const infer::Prediction p = predictor.predict(data::read_image(item.image));
    REQUIRE(p.probabilities.shape() == Shape{kSize, kSize, 3});
    const auto probabilities = p.probabilities.to_vector<float>();
    const data::LabelImage truth = data::read_mask(item, dataset.masks);
    REQUIRE(p.labels.labels.size() == truth.labels.size());
    const double error_before = error, pixels_before = pixels;
    for (std::size_t i = 0; i < truth.labels.size(); ++i) {
      int yes = 0;
      for (std::size_t k = 0; k < 3; ++k) yes += probabilities[3 * i + k] > 0.5f;
      REQUIRE(p.labels.labels[i] == yes);
      if (truth.labels[i] == data::kIgnoreLabel) continue;
      error += std::abs(int{truth.labels[i]} - yes);
      ++pixels;
    }
    confusion.add(truth.labels, p.labels.labels, data::kIgnoreLabel);
    error_of[item.name] = (error - error_before) / (pixels - pixels_before);
  }
  const auto best = best_epoch(f / "run", "quadratic_kappa");
  CHECK(pixels == 3 * kSize * (kSize - 1));
  CHECK(best.at("mean_absolute_error") == doctest::Approx(error / pixels).epsilon(1e-6));
  CHECK(best.at("quadratic_kappa") == doctest::Approx(confusion.ordinal_scores().quadratic_kappa).epsilon(1e-6));
  CHECK(best.at("within_one") == doctest::Approx(confusion.ordinal_scores().within_one).epsilon(1e-6));
  CHECK(best.at("quadratic_kappa") > 0.9);
  CHECK(error / pixels < 0.3 * confusion.majority_baseline().ordinal_scores().mean_absolute_error);
  const std::string report_text = io::read_file(f / "run/report.html");
  CHECK(report_text.find("mean absolute error") != std::string::npos);
  CHECK(report_text.find(": off by 0.") != std::string::npos);

  // Images are ranked by how far off their grades are.
  const auto rows = csv_records(io::read_file(f / "run/per_image.csv"));
  REQUIRE(rows.size() == 1 + error_of.size());
  CHECK(std::vector<std::string>(rows[0].begin(), rows[0].begin() + 4) ==
        std::vector<std::string>{"image", "dice", "accuracy", "absolute_error"});
  double last = 0;
  for (std::size_t i = 1; i < rows.size(); ++i) {
    const double listed = std::stod(rows[i][3]);
    CHECK(listed == doctest::Approx(error_of.at(rows[i][0])).epsilon(1e-5));
    CHECK(listed >= last);
    last = listed;
  }
}

TEST_CASE("regression: one number a pixel learns grades; losses that want probabilities are refused") {
  TempFolder f;
  small_grades(f / "data", 15, kSize);
  train::TrainConfig c = train::resolved({.data = (f / "data").string(),
                                          .base = 4,
                                          .depth = 2,
                                          .width = kSize,
                                          .height = kSize,
                                          .head = "regression",
                                          .loss = "mse",
                                          .lr = 2e-2,
                                          .epochs = 24,
                                          .batch = 2,
                                          .out = (f / "run").string()});
  CHECK(run_task(c) == train::Outcome::finished);
  const auto best = best_epoch(f / "run", "quadratic_kappa");
  CHECK(best.at("quadratic_kappa") > 0.8);
  CHECK(csv_records(io::read_file(f / "run/metrics.csv"))[0][4] == "mse");
  infer::Predictor predictor(f / "run");
  CHECK(std::string(predictor.head().kind()) == "regression");
  const data::Dataset dataset = data::open_dataset(f / "data");
  const infer::Prediction p = predictor.predict(data::read_image(dataset.items(data::Split::val)[0].image));
  REQUIRE(p.probabilities.shape() == Shape{kSize, kSize, 1});
  const auto values = p.probabilities.to_vector<float>();
  for (std::size_t i = 0; i < values.size(); ++i)
    CHECK(p.labels.labels[i] == static_cast<int>(std::clamp(std::ceil(values[i] - 0.5f), 0.f, 3.f)));

  // How often each grade occurs in training, as the report shows it.
  std::vector<double> pixels(4);
  for (const data::Item& item : dataset.items(data::Split::train))
    for (std::size_t grade = 0; grade < 4; ++grade) pixels[grade] += static_cast<double>(item.pixels[grade]);
  const auto drawn = chart(io::read_file(f / "run/plots/grades.svg")).at("Grades in training");
  REQUIRE(drawn.size() == 4);
  for (std::size_t grade = 0; grade < 4; ++grade) {
    CHECK(drawn[grade].first == doctest::Approx(grade).epsilon(0.02).scale(1));
    CHECK(drawn[grade].second ==
          doctest::Approx(pixels[grade] / std::accumulate(pixels.begin(), pixels.end(), 0.0)).epsilon(0.01).scale(1));
  }

  // Thresholds that are fitted to val: the weights stay, decisions and scores are by them.
  const fs::path weights = f / "run/weights/best.safetensors";
  const io::Checkpoint before = io::load_checkpoint(weights);
  const metrics::ConfusionMatrix usual = train::evaluate_at_original_size(predictor, dataset, data::Split::val).confusion;
  const std::vector<std::string> said = train::fit_thresholds(weights, dataset);
  REQUIRE(said.size() == 1);
  CHECK(said[0].find("instead of 0.5 1.5 2.5: quadratic kappa") != std::string::npos);
  const io::Checkpoint after = io::load_checkpoint(weights);
  CHECK(after.metadata.at("head").starts_with("regression:"));
  REQUIRE(after.model.size() == before.model.size());
  for (std::size_t i = 0; i < after.model.size(); ++i)
    CHECK(after.model[i].tensor.to_vector<float>() == before.model[i].tensor.to_vector<float>());
  infer::Predictor fitted(f / "run");
  const auto thresholds = fitted.head().thresholds().at(0);
  const infer::Prediction q = fitted.predict(data::read_image(dataset.items(data::Split::val)[0].image));
  CHECK(q.probabilities.to_vector<float>() == values);
  for (std::size_t i = 0; i < values.size(); ++i)
    CHECK(q.labels.labels[i] == std::count_if(thresholds.begin(), thresholds.end(), [&](float t) { return values[i] > t; }));
  const metrics::ConfusionMatrix now = train::evaluate_at_original_size(fitted, dataset, data::Split::val).confusion;
  CHECK(now.ordinal_scores().quadratic_kappa >= usual.ordinal_scores().quadratic_kappa);
  CHECK(said[0].find(decimal(now.ordinal_scores().quadratic_kappa, 4) + " instead of " +
                     decimal(usual.ordinal_scores().quadratic_kappa, 4)) != std::string::npos);
  c.epochs = 25;  // and the run can still go on
  CHECK(run_task(c) == train::Outcome::finished);
  c.epochs = 24;

  c.out = (f / "other").string();
  c.loss = "ce";
  check_throws<OptionError>([&] { run_task(c); }, {"ce", "regression", "--loss mae"});
  c.loss = "mse";
  c.class_weights = "1,2";
  check_throws<OptionError>([&] { run_task(c); }, {"2 numbers for 4 grades: none, mild, moderate, severe"});
  CHECK_FALSE(fs::exists(f / "other"));
}
