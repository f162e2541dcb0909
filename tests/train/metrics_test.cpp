#include "lamina/metrics/confusion.hpp"

#include <cmath>

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
