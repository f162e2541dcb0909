// The background after a value of the masks is ignored: foreground scores by hand.
#include <doctest/doctest.h>

#include <cmath>

#include "lamina/heads/head.hpp"

using namespace lamina;

TEST_CASE("the background is the same class whichever value is ignored") {
  const std::string labels = R"("labels": {"void": 0, "background": 1, "edge": 2, "core": 3})";
  const auto schema_of = [&](unsigned ignored) {
    data::LabelSchema s = data::parse_label_schema("{" + labels + R"(, "roles": {"uncertain": ["edge"]}})", "s");
    s.set_ignore(ignored);
    return s;
  };
  {  // below the background
    const data::LabelSchema s = schema_of(0);
    CHECK(s.names == std::vector<std::string>{"background", "edge", "core"});
    CHECK(s.values == std::vector<unsigned>{1, 2, 3});
    CHECK(s.background == 0);
    CHECK(s.uncertain == std::vector<int>{1});
    const auto written = data::parse_label_schema("{" + labels + R"(, "ignore": 0})", "s");  // the same in dataset.json
    CHECK(written.background == 0);
    CHECK(written.values == s.values);
    CHECK(data::parse_label_schema(R"({"labels": {"ignore": 0, "background": 1, "core": 2}})", "s").background == 0);
    // Rows are labels, columns decisions. Dice of edge 2 * 3 / (5 + 6), of core 2 * 4 / (7 + 6), of the background 2 * 6 / (8 + 8).
    const auto confusion = metrics::ConfusionMatrix::from_counts({{6, 1, 1}, {1, 3, 1}, {1, 2, 4}});
    const auto head = heads::make_head(s);
    const double edge = 6.0 / 11, core = 8.0 / 13, background = 12.0 / 16;
    CHECK(head->neutral_outcome() == 0);
    CHECK(head->selection(confusion).value == doctest::Approx((edge + core) / 2));
    CHECK(std::string(head->selection(confusion).name) == "foreground Dice");
    CHECK(head->summary(confusion).at("dice_macro_foreground") == doctest::Approx((edge + core) / 2));
    CHECK(head->summary(confusion).at("dice_macro") == doctest::Approx((edge + core + background) / 3));
    CHECK(head->summary(confusion).at("dice_background") == doctest::Approx(background));
    CHECK(head->image_summary(confusion).at("dice") == doctest::Approx((edge + core) / 2));
  }
  {  // above it
    const data::LabelSchema s = schema_of(3);
    CHECK(s.background == 1);
    CHECK(s.uncertain == std::vector<int>{2});
    // Dice of void 2 * 5 / (7 + 7), of edge 2 * 4 / (6 + 6).
    const auto confusion = metrics::ConfusionMatrix::from_counts({{5, 1, 1}, {1, 9, 1}, {1, 1, 4}});
    CHECK(heads::make_head(s)->selection(confusion).value == doctest::Approx((10.0 / 14 + 8.0 / 12) / 2));
  }
  {  // an ignored class that was uncertain is no class any more
    const data::LabelSchema s = schema_of(2);
    CHECK(s.background == 1);
    CHECK(s.uncertain.empty());
    CHECK(s.names == std::vector<std::string>{"void", "background", "core"});
  }
  {  // the background itself: then every class counts
    const data::LabelSchema s = schema_of(1);
    CHECK(s.background == -1);
    const auto confusion = metrics::ConfusionMatrix::from_counts({{5, 1, 1}, {1, 3, 1}, {1, 1, 4}});
    const auto head = heads::make_head(s);
    CHECK(head->neutral_outcome() == -1);
    CHECK(std::string(head->selection(confusion).name) == "macro Dice");
    CHECK(head->selection(confusion).value == doctest::Approx((10.0 / 14 + 6.0 / 10 + 8.0 / 12) / 3));
  }
  {  // no value of the masks: nothing moves
    const data::LabelSchema s = schema_of(200);
    CHECK(s.background == 1);
    CHECK(s.classes() == 4);
    CHECK(s.ignore == 200u);
  }
}

TEST_CASE("colors go with their classes when a value is ignored") {
  data::LabelSchema s = data::parse_label_schema(
      R"({"labels": {"void": 0, "background": 1, "core": 2}, "colors": {"void": [9, 9, 9], "background": [0, 0, 0], "core": [1, 2, 3]}})",
      "s");
  s.set_ignore(0);
  CHECK(s.colors == std::vector<data::Rgb>{{0, 0, 0}, {1, 2, 3}});
  CHECK(s.ignore_color == data::Rgb{9, 9, 9});
}
