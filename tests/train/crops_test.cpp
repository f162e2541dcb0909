// Training on crops: whole photographs are scored, as predict sees them; an epoch has as many crops as pixels ask for.
#include "lamina/infer/predictor.hpp"
#include "lamina/train/advice.hpp"
#include "lamina/train/evaluate.hpp"
#include "lamina/train/scores.hpp"
#include "support/painted.hpp"
#include "support/training.hpp"

using namespace lamina;
using namespace lamina::test;
namespace fs = std::filesystem;

namespace {

std::int64_t labelled_pixels(const data::Dataset& set, data::Split split) {
  std::int64_t n = 0;
  for (const data::Item& item : set.items(split)) n += std::accumulate(item.pixels.begin(), item.pixels.end(), std::int64_t{0});
  return n;
}

}  // namespace

TEST_CASE("scores of windows are those of predicted masks, photograph by photograph") {
  for (const bool planes : {false, true}) {
    CAPTURE(planes);
    TempFolder f;
    small_phantom(f / "data", 12, 40, 24);
    if (planes) {  // class 1 on the left, 2 at the top, with what is labelled there
      const data::Dataset skin = data::open_dataset(f / "data");
      for (const data::Item& item : skin.all_items()) {
        const data::LabelImage mask = data::read_mask(item, skin.masks);
        for (const char* name : {"left", "top"}) {
          data::LabelImage plane(40, 24);
          for (int y = 0; y < 24; ++y)
            for (int x = 0; x < 40; ++x) plane.at(x, y) = mask.at(x, y) != 0 && (*name == 'l' ? x < 20 + mask.at(x, y) : y < 14) ? 255 : 0;
          io::create_folders(f / "data/masks" / name);
          data::write_png(f / "data/masks" / name / (item.name + ".png"), plane);
        }
        fs::remove(item.mask);
      }
      io::write_file_atomically(f / "data/dataset.json", R"({"task": "multilabel", "labels": {"left": 0, "top": 1}})");
    }
    const data::Dataset set = data::open_dataset(f / "data");
    auto c = small(f / "data", f / "run");
    c.resize = "crop", c.width = 16, c.height = 12, c.epochs = 2;
    run(c);
    infer::Predictor predictor(f / "run");
    const auto predicted = [&](data::Split split) {
      train::Evaluation e{.confusion = predictor.head().confusion(), .probabilities = predictor.head().probability_counts()};
      for (const data::Item& item : set.items(split)) {
        const infer::Prediction said = predictor.predict(data::read_image(item.image));
        const data::LabelImage &labels = said.labels, truth = data::read_mask(item, set.masks);
        predictor.head().count(e.probabilities, truth.labels, said.probabilities.to_vector<float>());
        e.add(predictor.head(), static_cast<int>(e.images.size()), truth.labels, labels.labels, labels.height, labels.width,
              {.borders = true});
      }
      return e;
    };
    const auto same = [](const metrics::ConfusionMatrix& a, const metrics::ConfusionMatrix& b) {
      bool all = a.classes() == b.classes();
      for (int t = 0; t < a.classes(); ++t)
        for (int p = 0; p < a.classes(); ++p) all = all && a.at(t, p) == b.at(t, p);
      return all;
    };
    const train::Evaluation expected = predicted(data::Split::val);
    REQUIRE(expected.images.size() >= 2);
    const train::RunInfo info = train::run_info(io::ModelFile(f / "run/weights/best.safetensors"));
    for (const int batch : {1, 4, 5}) {  // 3 x 3 windows of a photograph
      c.batch = batch;
      data::Loader loader(set, data::Split::val, train::loader_options(c, info.input));
      const auto got = train::evaluate(predictor.model(), loader, {info.head}, nullptr, {}, {.borders = true, .probabilities = true})[0];
      for (int event = 0; event <= expected.probabilities.events(); ++event) {
        CHECK(got.probabilities.pixels(event) == expected.probabilities.pixels(event));
        CHECK(got.probabilities.calibration_error(event) == doctest::Approx(expected.probabilities.calibration_error(event)).epsilon(1e-6));
      }
      CHECK(got.border.near == expected.border.near);
      CHECK(got.border.near_wrong == expected.border.near_wrong);
      CHECK(got.border.far_wrong == expected.border.far_wrong);
      CHECK(same(got.confusion, expected.confusion));
      REQUIRE(got.images.size() == expected.images.size());
      for (std::size_t i = 0; i < got.images.size(); ++i) {
        CHECK(got.images[i].item == static_cast<int>(i));
        for (const auto& [name, value] : expected.images[i].scores) {
          const double other = got.images[i].scores.at(name);
          CHECK((other == value || (std::isnan(other) && std::isnan(value))));
        }
      }
    }
    // So did the run: its validation, and its report, which is of the test split where there is one.
    const train::EpochRecord& best = info.state.history.at(static_cast<std::size_t>(info.state.best_epoch - 1));
    CHECK(same(best.validation->counts.at(0).confusion, expected.confusion));
    const bool test = !set.items(data::Split::test).empty();
    const auto reported = predicted(test ? data::Split::test : data::Split::val).confusion;
    const auto rows = lines(f / "run/confusion.csv");
    for (std::size_t row = 1; row < rows.size(); ++row)
      for (std::size_t k = 1; k < fields(rows[row]).size(); ++k)
        CHECK(std::stoll(fields(rows[row])[k]) == reported.at(static_cast<int>(row) - 1, static_cast<int>(k) - 1));
  }
}

TEST_CASE("--resize crop: every pixel of every photograph is scored; log and report say so, and show whole photographs") {
  TempFolder f;
  small_phantom(f / "data", 6, 40, 24);
  auto c = small(f / "data", f / "run");
  c.resize = "crop", c.width = c.height = 16, c.epochs = 1;
  const Run r = run(c);
  const data::Dataset set = data::open_dataset(f / "data");
  const auto train_images = static_cast<std::int64_t>(set.items(data::Split::train).size());
  CHECK(r.epochs.at(0).validation->counts.at(0).confusion.total() == labelled_pixels(set, data::Split::val));
  CHECK(r.epochs.at(0).step == (4 * train_images + 1) / 2);  // 40 * 24 / 16 / 16 = 3.75 crops, two an update
  const std::string told = message("an epoch has ", 4 * train_images, " crops, as many as the photographs' pixels fill (--crops N");
  CHECK(io::read_file(f / "run/log.txt").find(told) != std::string::npos);
  CHECK(mentions(r.messages, told));
  CHECK(io::read_file(f / "run/report.html").find("Every pixel of every photograph is scored: windows of 16x16") != std::string::npos);
  const data::Image shown = data::read_image(f / "run/overlays/best_1.png");
  CHECK(shown.width == 3 * 40 + 8);
  CHECK(shown.height == 24);
  auto twice = c;
  twice.out = (f / "twice").string(), twice.crops = 2;
  CHECK(run(twice).epochs.at(0).step == train_images);
  CHECK(io::read_file(f / "twice/log.txt").find(message("an epoch has ", 2 * train_images, " crops, --crops of each")) !=
        std::string::npos);
  auto focused = c;
  focused.out = (f / "focused").string(), focused.crop_foreground = 1;
  CHECK(run(focused).epochs.at(0).train.at("loss") != r.epochs.at(0).train.at("loss"));
}

TEST_CASE("crops are asked for with --resize crop; runs of before have one of each photograph") {
  auto c = small("d", "o");
  CHECK_NOTHROW(train::check_settings(c));
  c.crop_foreground = 0.25;
  CHECK_THROWS_WITH_AS(train::check_settings(c), "--crop-foreground 0.25 needs --resize crop, not stretch", OptionError);
  c.crop_foreground = 0, c.crops = 2;
  CHECK_THROWS_WITH_AS(train::check_settings(c), "--crops 2 needs --resize crop, not stretch", OptionError);
  c.resize = "crop";
  CHECK_NOTHROW(train::check_settings(c));
  CHECK(train::config_from_json(train::to_json(c)).crops == 2);
  CHECK(train::config_from_json(R"({"format": 3, "resize": "crop"})").crops == 1);
  CHECK(train::config_from_json(R"({"format": 3, "resize": "pad"})").crops == 0);
}
