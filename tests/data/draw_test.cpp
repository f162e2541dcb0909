#include "lamina/data/draw.hpp"

#include <doctest/doctest.h>

using namespace lamina;
using namespace lamina::data;

namespace {

LabelImage rows(int width, const std::vector<std::uint8_t>& labels, int planes = 0) {
  LabelImage m(width, static_cast<int>(labels.size()) / width / (planes ? planes : 1), 0, planes);
  m.labels = labels;
  return m;
}
LabelSchema schema() {
  LabelSchema s;
  s.names = {"ground", "a", "b"};
  s.values = {0, 1, 2};
  s.background = 0;
  s.colors = {{0, 0, 0}, {200, 0, 0}, {0, 0, 200}};
  return s;
}
using Labels = std::vector<std::uint8_t>;
constexpr std::uint8_t kNone = kIgnoreLabel;

}  // namespace

TEST_CASE("outlines keep what borders another label, and nothing else") {
  const LabelImage square = rows(5, {0, 0, 0, 0, 0,  //
                                     0, 1, 1, 1, 0,  //
                                     0, 1, 1, 1, 0,  //
                                     0, 1, 1, 1, 0,  //
                                     0, 0, 0, 0, 0});
  CHECK(outlines(square).labels == Labels{0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 1, kNone, 1, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0});
  CHECK(outlines(rows(6, {1, 1, 1, 2, 2, 2}), 2).labels == Labels{kNone, 1, 1, 2, 2, kNone});
  CHECK(outlines(rows(3, {1, 1, 1})).labels == Labels{kNone, kNone, kNone});
  CHECK(outlines(rows(4, {1, 0, 1, 0, 1, 1, 1, 1}, 2)).labels ==
        Labels{kNone, kNone, kNone, 0, kNone, 1, kNone, kNone});  // each plane by itself: 1 1 1 1 and 0 0 1 1
}

TEST_CASE("errors: missed, too much, another class; ignored pixels are none") {
  const LabelImage truth = rows(6, {0, 1, 0, 1, kNone, 2}), prediction = rows(6, {0, 0, 2, 2, 1, 2});
  CHECK(errors_of(prediction, truth, schema()).labels == Labels{0, 1, 2, 3, 0, 0});
  LabelSchema without = schema();
  without.background = -1;
  CHECK(errors_of(prediction, truth, without).labels == Labels{0, 3, 3, 3, 0, 0});
  CHECK(errors_of(rows(3, {1, 0, 0, 1, 0, 0}, 2), rows(3, {1, 0, 1, 1, 0, 1}, 2), schema()).labels == Labels{0, 1, 1});
  CHECK_THROWS_AS(errors_of(rows(3, {0, 0, 0}), truth, schema()), DataError);
}

TEST_CASE("pictures of a prediction: color over all of it, on its border, or where it is wrong") {
  const Image gray(6, 1, 3, 100);
  const LabelImage truth = rows(6, {0, 0, 0, 1, 1, 1}), prediction = rows(6, {0, 1, 1, 1, 1, 1});
  const auto colored = [&](LabelStyle style) {
    const Image image = draw_prediction(gray, prediction, truth, schema(), style);
    std::string where;
    for (int x = 0; x < 6; ++x) where += image.at(x, 0)[0] == 100 && image.at(x, 0)[1] == 100 && image.at(x, 0)[2] == 100 ? '.' : '#';
    return where;
  };
  CHECK(colored(LabelStyle::fill) == ".#####");
  CHECK(colored(LabelStyle::outline) == ".#....");
  CHECK(colored(LabelStyle::error) == ".##...");
  const Image wrong = draw_prediction(gray, prediction, truth, schema(), LabelStyle::error);
  CHECK(wrong.at(1, 0)[2] > wrong.at(1, 0)[0]);  // too much: blue
  CHECK(label_style_named("outline") == LabelStyle::outline);
  CHECK_THROWS_WITH_AS(label_style_named("dots"), doctest::Contains("fill, outline, error"), OptionError);
}
