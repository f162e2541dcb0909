#include "lamina/metrics/confusion.hpp"

#include <cmath>

#include "lamina/metrics/surface.hpp"
#include "lamina/train/evaluate.hpp"
#include "lamina/train/session.hpp"
#include "support/golden.hpp"
#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::test;
using metrics::ConfusionMatrix;

TEST_CASE("scores of a confusion matrix against values by hand, absent classes included") {
  // Rows are labels, columns predictions. Class 2 is predicted but never labelled, class 3 is in neither.
  const auto m = ConfusionMatrix::from_counts({{50, 8, 2, 0}, {6, 30, 4, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}});
  const auto s = m.scores();
  CHECK(m.total() == 100);
  CHECK(s.accuracy == doctest::Approx(0.8));
  CHECK(s.dice.per_class[0] == doctest::Approx(100.0 / 116));
  CHECK(s.dice.per_class[1] == doctest::Approx(60.0 / 78));
  CHECK(s.dice.per_class[2] == 0);
  CHECK(std::isnan(s.dice.per_class[3]));
  CHECK(s.iou.per_class[0] == doctest::Approx(50.0 / 66));
  CHECK(s.iou.per_class[1] == doctest::Approx(30.0 / 48));
  CHECK(s.precision.per_class[0] == doctest::Approx(50.0 / 56));
  CHECK(s.precision.per_class[1] == doctest::Approx(30.0 / 38));
  CHECK(s.precision.per_class[2] == 0);
  CHECK(s.recall.per_class[0] == doctest::Approx(50.0 / 60));
  CHECK(s.recall.per_class[1] == doctest::Approx(30.0 / 40));
  CHECK(std::isnan(s.recall.per_class[2]));  // never labelled
  CHECK(s.dice.macro == doctest::Approx((100.0 / 116 + 60.0 / 78 + 0) / 3));
  CHECK(s.dice.macro_foreground == s.dice.macro);  // nothing says what is background
  CHECK(m.scores(0).dice.macro_foreground == doctest::Approx((60.0 / 78 + 0) / 2));
  CHECK(s.recall.macro == doctest::Approx((50.0 / 60 + 30.0 / 40) / 2));
  CHECK(s.dice.micro == doctest::Approx(0.8));
  CHECK(s.iou.micro == doctest::Approx(80.0 / 120));
  CHECK(s.precision.micro == doctest::Approx(0.8));
  // The background may be any class, or none.
  CHECK(m.scores(1).dice.macro_foreground == doctest::Approx((100.0 / 116 + 0) / 2));
  CHECK(m.scores(-1).dice.macro_foreground == doctest::Approx(s.dice.macro));
  check_throws<OptionError>([&] { m.scores(4); }, {"background 4"});
}

TEST_CASE("specificity, micro scores of the foreground, additive Dice, and 0 / 0 as it is wanted, by hand") {
  const auto m = ConfusionMatrix::from_counts({{50, 8, 2, 0}, {6, 30, 4, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}});
  const auto s = m.scores(0);
  CHECK(s.specificity.per_class[0] == doctest::Approx(34.0 / 40));  // of 40 that are not 0, 6 were called so
  CHECK(s.specificity.per_class[1] == doctest::Approx(52.0 / 60));
  CHECK(s.specificity.per_class[2] == doctest::Approx(94.0 / 100));
  CHECK(s.specificity.per_class[3] == 1);
  CHECK(s.specificity.micro == doctest::Approx(280.0 / 300));
  CHECK(s.specificity.micro_foreground == doctest::Approx(246.0 / 260));
  CHECK(s.specificity.macro_foreground == doctest::Approx((52.0 / 60 + 0.94 + 1) / 3));
  CHECK(s.dice.micro_foreground == doctest::Approx(60.0 / (60 + 14 + 10)));  // of classes 1 to 3: TP 30, FP 8 + 6, FN 10
  CHECK(s.precision.micro_foreground == doctest::Approx(30.0 / 44));
  CHECK(s.recall.micro_foreground == doctest::Approx(30.0 / 40));
  CHECK(m.scores(-1).dice.micro_foreground == doctest::Approx(m.scores(-1).dice.micro));
  CHECK(s.additive_dice == doctest::Approx(60.0 / 78));
  CHECK(m.scores(-1).additive_dice == doctest::Approx(60.0 / 78 + 100.0 / 116));
  const auto all_zero = ConfusionMatrix::from_counts({{5, 0}, {0, 0}}).scores();
  CHECK(std::isnan(all_zero.specificity.per_class[0]));  // nothing is not 0
  CHECK(all_zero.specificity.per_class[1] == 1);
  CHECK(std::isnan(ConfusionMatrix(2).scores().additive_dice));
  for (const double v : {0.0, 1.0}) {
    const auto as = m.scores(0, v);
    CHECK(as.dice.per_class[3] == v);
    CHECK(as.recall.per_class[2] == v);
    CHECK(as.dice.per_class[2] == 0);
    CHECK(as.dice.macro_foreground == doctest::Approx((60.0 / 78 + 0 + v) / 3));
  }
}

TEST_CASE("planes: what neither is nor was called a plane is counted in that plane, ignored values apart, and survives sums and cells") {
  ConfusionMatrix m(3);  // left, right, none
  // Four pixels of (left, right); the right of the last is ignored.
  const std::vector<std::uint8_t> truth{1, 0, 0, 0, 0, 1, 0, 255}, decided{1, 0, 1, 0, 0, 1, 0, 1};
  m.add_planes(truth, decided, 255);
  const auto check = [](const ConfusionMatrix& c, double times) {
    CHECK(c.true_negatives(0) == 2 * times);
    CHECK(c.true_negatives(1) == 2 * times);
    const auto s = c.scores(2);
    CHECK(s.specificity.per_class[0] == doctest::Approx(2.0 / 3));
    CHECK(s.specificity.per_class[1] == 1);
    CHECK(s.specificity.micro_foreground == doctest::Approx(4.0 / 5));
  };
  check(m, 1);
  ConfusionMatrix twice = m, again(3);
  twice.add(m);
  check(twice, 2);
  for (const metrics::Cell& cell : twice.cells()) again.add(cell);
  check(again, 2);
  CHECK(again.at(2, 2) == m.at(2, 2) * 2);
  CHECK(m.majority_baseline().true_negatives(0) == 3);  // always none: of 4 lefts, 3 are none
  CHECK(m.majority_baseline().true_negatives(1) == 2);
}

TEST_CASE("the counts of planes survive a checkpoint") {
  ConfusionMatrix m(3);
  m.add_planes(std::vector<std::uint8_t>{1, 0, 0, 0, 0, 0}, std::vector<std::uint8_t>{0, 0, 1, 0, 0, 0});
  train::RunState state;
  state.history.push_back({.epoch = 1, .validation = train::Validation{.counts = {{"labels", m}}}});
  const auto back = train::run_state_from_json(train::to_json(state)).history[0].validation->counts[0].confusion;
  CHECK(back.true_negatives(0) == 1);
  CHECK(back.true_negatives(1) == 3);
  CHECK(back.at(2, 2) == 4);
}

TEST_CASE("border distances are MONAI's") {
  const io::TensorArchive values = golden_archive("surface");
  for (int k = 0; k < 4; ++k) {
    const auto at = [&](const char* name) { return values.at("case" + std::to_string(k) + "." + name); };
    const auto truth = at("truth").to_vector<std::uint8_t>(), decided = at("decided").to_vector<std::uint8_t>();
    const std::int64_t h = at("truth").size(0), w = at("truth").size(1), classes = at("hausdorff95").numel();
    std::vector<metrics::Region> regions;
    for (int c = 0; c < classes; ++c) regions.push_back({0, c});
    const metrics::SurfaceOptions options{.tolerance = at("tolerance").item()};
    const auto got = metrics::surface_scores(truth, decided, h, w, 1, regions, 255, options);
    // The same as planes, and with a frame of ignored pixels around, cut from a larger image.
    std::vector<std::uint8_t> planes[2], framed[2];
    std::vector<metrics::Region> each;
    for (int c = 0; c < classes; ++c) each.push_back({c, 1});
    for (const int side : {0, 1}) {
      for (const std::uint8_t v : side ? decided : truth)
        for (int c = 0; c < classes; ++c) planes[side].push_back(v == c);
      framed[side].assign(static_cast<std::size_t>((h + 3) * (w + 2)), side ? 1 : 255);
      for (std::int64_t y = 0; y < h; ++y)
        for (std::int64_t x = 0; x < w; ++x)
          framed[side][static_cast<std::size_t>((y + 2) * (w + 2) + x + 1)] = (side ? decided : truth)[static_cast<std::size_t>(y * w + x)];
    }
    const auto of_planes = metrics::surface_scores(planes[0], planes[1], h, w, classes, each, 255, options),
               of_framed = metrics::surface_scores(framed[0], framed[1], h + 3, w + 2, 1, regions, 255, options);
    for (std::size_t c = 0; c < got.size(); ++c) {
      const double distance = at("hausdorff95").to_vector<double>()[c], dice = at("surface_dice").to_vector<double>()[c];
      for (const auto* scores : {&got, &of_planes, &of_framed}) {
        CHECK(std::abs((*scores)[c].hausdorff95 - distance) < 1e-5);  // MONAI measures in f32
        CHECK(std::abs((*scores)[c].surface_dice - dice) < 1e-6);
        CHECK(!(*scores)[c].missed);
      }
    }
  }
}

TEST_CASE("border distances are of what is labelled: decisions within what is ignored are no border") {
  const std::vector<std::uint8_t> truth{1, 1, 255, 1, 0}, decided{1, 1, 1, 1, 0};
  const metrics::Region region{0, 1};
  const auto s = metrics::surface_scores(truth, decided, 1, 5, 1, std::span(&region, 1), 255, {.tolerance = 0});
  CHECK(s[0].hausdorff95 == 0);
  CHECK(s[0].surface_dice == 1);
}

TEST_CASE("border distances of what only one has, or neither") {
  const std::vector<std::uint8_t> truth{0, 0, 1, 1, 0, 0}, decided{0, 0, 2, 2, 0, 0};  // 2 x 3
  const metrics::Region regions[] = {{0, 0}, {0, 1}, {0, 2}, {0, 3}};
  for (const bool counts : {true, false}) {
    const auto s = metrics::surface_scores(truth, decided, 2, 3, 1, regions, 255, {.missed_counts = counts});
    CHECK(s[0].hausdorff95 == 0);
    CHECK(s[0].surface_dice == 1);
    for (const std::size_t k : {1u, 2u}) {
      CHECK(s[k].missed);
      CHECK((counts ? s[k].hausdorff95 == doctest::Approx(std::sqrt(13.0)) : std::isnan(s[k].hausdorff95)));
      CHECK((counts ? s[k].surface_dice == 0 : std::isnan(s[k].surface_dice)));
    }
    CHECK(!s[3].missed);
    CHECK(std::isnan(s[3].hausdorff95));
    CHECK(std::isnan(s[3].surface_dice));
  }
  check_throws<ShapeError>([&] { metrics::surface_scores(truth, decided, 2, 2, 1, regions, 255); }, {"6 labels", "2 x 2"});
  check_throws<OptionError>([&] { metrics::surface_scores(truth, decided, 2, 3, 1, regions, 255, {.tolerance = -1}); }, {"tolerance -1"});
}

TEST_CASE("an empty matrix has no scores") {
  const auto s = ConfusionMatrix(3).scores();
  for (const double v : {s.accuracy, s.dice.macro, s.dice.micro, s.iou.macro_foreground, s.recall.per_class[0]}) CHECK(std::isnan(v));
}

TEST_CASE("always the most frequent class") {
  const auto m = ConfusionMatrix::from_counts({{1, 4}, {5, 90}}).majority_baseline();
  CHECK(m.at(0, 1) == 5);
  CHECK(m.at(1, 1) == 95);
  CHECK(m.at(0, 0) + m.at(1, 0) == 0);
  const auto s = m.scores();
  CHECK(s.accuracy == doctest::Approx(0.95));
  CHECK(s.dice.per_class[0] == 0);
  CHECK(s.dice.per_class[1] == doctest::Approx(190.0 / 195));
}

TEST_CASE("counting pixels: the ignored label, wrong labels, sums") {
  ConfusionMatrix m(3);
  const std::uint8_t truth[] = {0, 0, 1, 2, 255, 2}, prediction[] = {0, 1, 1, 0, 2, 2};
  m.add(truth, prediction, 255);
  CHECK(m.total() == 5);
  CHECK(m.at(0, 1) == 1);
  CHECK(m.at(2, 0) == 1);
  CHECK(m.truth_count(2) == 2);
  CHECK(m.prediction_count(1) == 2);
  ConfusionMatrix twice = m;
  twice.add(m);
  CHECK(twice.at(2, 2) == 2);
  check_throws<DataError>([&] { m.add(truth, prediction); }, {"label 255", "3 classes"});
  const std::uint8_t wrong[] = {3};
  check_throws<DataError>([&] { m.add(std::span(truth).first(1), wrong); }, {"prediction 3"});
  check_throws<ShapeError>([&] { m.add(truth, wrong); }, {"6 labels and 1 predictions"});
  check_throws<ShapeError>([&] { m.add(ConfusionMatrix(2)); }, {"3 and 2 classes"});
  check_throws<OptionError>([] { ConfusionMatrix(1); }, {"got 1"});
  check_throws<DataError>([] { ConfusionMatrix::from_counts({{1, 2}, {3}}); }, {"row of 1"});
  check_throws<DataError>([] { ConfusionMatrix::from_counts({{1, -2}, {3, 4}}); }, {"-2"});
}

TEST_CASE("grades: how far predictions are off, against values by hand") {
  const auto m = ConfusionMatrix::from_counts({{20, 5, 1}, {3, 10, 6}, {0, 2, 13}});
  const auto s = m.ordinal_scores();
  CHECK(s.mean_absolute_error == doctest::Approx(18.0 / 60));  // 5 + 3 + 6 + 2 pixels off by one, one by two
  CHECK(s.within_one == doctest::Approx(59.0 / 60));
  // Observed 5 + 3 + 6 + 2 + 4 = 20; expected of rows 26 19 15 and columns 23 17 20:
  // (26*17 + 19*23 + 19*20 + 15*17 + 4 * (26*20 + 15*23)) / 60 = 4974 / 60.
  CHECK(s.quadratic_kappa == doctest::Approx(1 - 20 * 60 / 4974.0));
  CHECK(ConfusionMatrix::from_counts({{9, 0}, {0, 1}}).ordinal_scores().quadratic_kappa == 1);
  CHECK(ConfusionMatrix::from_counts({{0, 5}, {5, 0}}).ordinal_scores().quadratic_kappa == -1);
  CHECK(m.majority_baseline().ordinal_scores().quadratic_kappa == 0);
  CHECK(m.majority_baseline().ordinal_scores().mean_absolute_error == doctest::Approx((19 + 2 * 15) / 60.0));
  const std::int64_t many = 3000000019;  // products of counts that no longer fit
  CHECK(ConfusionMatrix::from_counts({{many, many}, {many, many}}).ordinal_scores().quadratic_kappa == 0);
  const auto one = ConfusionMatrix::from_counts({{0, 0, 0}, {0, 0, 0}, {0, 0, 7}}).ordinal_scores();
  CHECK(one.mean_absolute_error == 0);
  CHECK(std::isnan(one.quadratic_kappa));
  const auto none = ConfusionMatrix(3).ordinal_scores();
  for (const double v : {none.mean_absolute_error, none.within_one, none.quadratic_kappa}) CHECK(std::isnan(v));
}

TEST_CASE("a class's share is of the labels of its plane") {
  metrics::ConfusionMatrix classes(3), planes(3);
  classes.add(std::vector<std::uint8_t>{0, 0, 1, 2, 9}, std::vector<std::uint8_t>{0, 1, 1, 0, 0}, 9);
  for (int c = 0; c < 3; ++c) CHECK(classes.truth_share(c) == (c == 0 ? 0.5 : 0.25));
  // Two planes of four pixels, of which the second has one that is ignored.
  planes.add_planes(std::vector<std::uint8_t>{1, 0, 0, 9, 0, 1, 0, 0}, std::vector<std::uint8_t>{0, 0, 1, 0, 0, 1, 0, 1}, 9);
  CHECK(planes.truth_share(0) == 0.25);
  CHECK(planes.truth_share(1) == 1.0 / 3);
  CHECK(std::isnan(metrics::ConfusionMatrix(2).truth_share(0)));
}

TEST_CASE("planes: every value is a decision between its class and none") {
  ConfusionMatrix m(3);  // two planes, pixels (a, b)
  const std::uint8_t truth[] = {1, 0, 1, 1, 0, 255, 0, 1, 0, 0}, prediction[] = {1, 1, 0, 1, 0, 1, 1, 1, 0, 0};
  m.add_planes(truth, prediction, 255);
  CHECK(m.total() == 9);
  const auto s = m.scores(2);
  CHECK(s.dice.per_class[0] == doctest::Approx(2.0 * 1 / (2 * 1 + 1 + 1)));  // plane a: truth 1 1 0 0 0, prediction 1 0 0 1 0
  CHECK(s.dice.per_class[1] == doctest::Approx(2.0 * 2 / (2 * 2 + 1 + 0)));  // plane b: truth 0 1 - 1 0, prediction 1 1 - 1 0
  CHECK(s.recall.per_class[0] == doctest::Approx(0.5));
  CHECK(s.precision.per_class[1] == doctest::Approx(2.0 / 3));
  CHECK(s.dice.macro_foreground == doctest::Approx((0.5 + 0.8) / 2));
  CHECK(s.accuracy == doctest::Approx(6.0 / 9));
  const std::uint8_t two[] = {2, 0}, odd[] = {0, 1, 0};
  check_throws<DataError>([&] { m.add_planes(two, two); }, {"0 and 1", "label 2"});
  check_throws<ShapeError>([&] { m.add_planes(odd, odd); }, {"3 labels", "2 planes"});
}

TEST_CASE("an image has each score, without the background where there is one") {
  data::LabelSchema schema;
  schema.names = {"skin", "wound"}, schema.values = {0, 1}, schema.background = 0;
  const auto head = heads::make_head(schema);
  const auto counts = ConfusionMatrix::from_counts({{50, 10}, {5, 15}});
  const Scalars s = train::image_columns(*head, {0, head->image_summary(counts), 0, counts.cells()});
  CHECK(s.at("dice") == 30. / 45);
  CHECK(s.at("iou") == 15. / 30);
  CHECK(s.at("precision") == 15. / 25);
  CHECK(s.at("recall") == 15. / 20);
  CHECK(s.at("specificity") == 50. / 60);
}
