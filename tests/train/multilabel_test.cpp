// A data set whose classes overlap, from its files to the scores.
#include "lamina/data/check.hpp"
#include "lamina/infer/predictor.hpp"
#include "lamina/train/trainer.hpp"
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

train::Outcome run(const train::TrainConfig& config, std::int64_t stop_at = -1) {
  std::atomic<bool> stop{false};
  train::TrainEvents events;
  std::int64_t step = 0;
  events.step = [&](const train::StepEvent&) { stop = ++step == stop_at; };
  return train::train(config, data::open_dataset(config.data), true, events, &stop);
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

  const auto config = [&](const char* out) {
    return train::resolved({.data = (f / "data").string(),
                            .base = 4,
                            .depth = 2,
                            .width = kSize,
                            .height = kSize,
                            .augment = "hflip,vflip",
                            .class_weights = "balanced",
                            .lr = 2e-2,
                            .epochs = 12,
                            .batch = 2,
                            .out = (f / out).string()});
  };
  CHECK(run(config("whole")) == train::Outcome::finished);
  CHECK(run(config("run"), 20) == train::Outcome::interrupted);
  CHECK(run(config("run")) == train::Outcome::finished);
  check_same_run(f / "whole", f / "run");
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
  const auto metrics = csv_records(io::read_file(f / "run/metrics.csv"));
  const auto column = [&](const std::string& name) {
    return static_cast<std::size_t>(std::find(metrics[0].begin(), metrics[0].end(), name) - metrics[0].begin());
  };
  double best = -1;
  std::size_t best_row = 0;
  for (std::size_t row = 1; row < metrics.size(); ++row)
    if (const double score = std::stod(metrics[row].at(column("dice_macro_foreground"))); score > best) best = score, best_row = row;
  for (int k : {0, 1}) {
    const double dice = 2 * hits[k] / (predicted[k] + labelled[k]);
    CHECK(dice > 0.9);
    CHECK(std::stod(metrics[best_row].at(column(k ? "dice_bright" : "dice_red"))) == doctest::Approx(dice).epsilon(1e-6));
  }
}
