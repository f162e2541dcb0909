// What each augmentation does by itself, by the definition of its amount.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>
#include <set>

#include "lamina/data/augment.hpp"

using namespace lamina;
using namespace lamina::data;

namespace {

constexpr TransformSizes kSizes{100, 60, 40, 30};  // a window of 40x30 in a picture of 100x60
constexpr int kDraws = 600;

std::vector<Transform> draws(const std::string& list, const TransformSizes& sizes = kSizes, bool random_crop = false, double mean = 0) {
  std::vector<Transform> all;
  for (std::uint64_t i = 0; i < kDraws; ++i) all.push_back(draw_transform(parse_augment(list), {11, i}, sizes, random_crop, mean));
  return all;
}
double determinant(const AffineMap& f) { return f.xx * f.yy - f.xy * f.yx; }
/// The source point seen at a point of the window.
std::pair<double, double> seen(const AffineMap& f, double x, double y) { return {f.xx * x + f.xy * y + f.x, f.yx * x + f.yy * y + f.y}; }
/// How far from the picture's center the window's center lies.
std::pair<double, double> moved(const AffineMap& f, const TransformSizes& s = kSizes) {
  const auto [x, y] = seen(f, s.width / 2.0, s.height / 2.0);
  return {x - s.source_width / 2.0, y - s.source_height / 2.0};
}
bool is_identity(const AffineMap& f) { return f.xx == 1 && f.xy == 0 && f.yx == 0 && f.yy == 1; }

/// Values that are to fill [least, most] evenly: none outside, both ends reached within 2% of the range, half of them in each half.
void fills(std::vector<double> values, double least, double most) {
  std::sort(values.begin(), values.end());
  const double range = most - least;
  CHECK(values.front() >= least - 1e-9);
  CHECK(values.back() <= most + 1e-9);
  CHECK(values.front() < least + 0.02 * range);
  CHECK(values.back() > most - 0.02 * range);
  for (const double share : {0.25, 0.5, 0.75})
    CHECK(std::abs(values[static_cast<std::size_t>(share * static_cast<double>(values.size()))] - (least + share * range)) < 0.08 * range);
}
std::vector<double> each(const std::vector<Transform>& all, const std::function<double(const Transform&)>& value) {
  std::vector<double> out;
  for (const Transform& t : all) out.push_back(value(t));
  return out;
}
double correlation(const std::vector<double>& a, const std::vector<double>& b) {
  const double n = static_cast<double>(a.size());
  double sa = 0, sb = 0, aa = 0, bb = 0, ab = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sa += a[i], sb += b[i], aa += a[i] * a[i], bb += b[i] * b[i], ab += a[i] * b[i];
  return (ab - sa * sb / n) / std::sqrt((aa - sa * sa / n) * (bb - sb * sb / n));
}

}  // namespace

TEST_CASE("rotate: a rotation about the middle, by up to the angle, either way") {
  const auto all = draws("rotate=30");
  for (const Transform& t : all) {
    const AffineMap& f = t.geometry;
    REQUIRE(determinant(f) == doctest::Approx(1).epsilon(1e-12));
    REQUIRE(f.xx == doctest::Approx(f.yy).epsilon(1e-12));
    REQUIRE(f.xy == doctest::Approx(-f.yx).epsilon(1e-12));
    REQUIRE(f.xx * f.xx + f.yx * f.yx == doctest::Approx(1).epsilon(1e-12));
    const auto [x, y] = moved(f);
    REQUIRE(std::hypot(x, y) < 1e-9);
    REQUIRE(t.color.identity);
  }
  fills(each(all, [](const Transform& t) { return std::atan2(t.geometry.yx, t.geometry.xx) * 180 / std::numbers::pi; }), -30, 30);
}

TEST_CASE("zoom: magnified about the middle, by a factor within the amount of 1") {
  const auto all = draws("zoom=0.3");
  for (const Transform& t : all) {
    REQUIRE(t.geometry.xx == t.geometry.yy);
    REQUIRE(t.geometry.xy == 0);
    REQUIRE(t.geometry.yx == 0);
    const auto [x, y] = moved(t.geometry);
    REQUIRE(std::hypot(x, y) < 1e-9);
  }
  fills(each(all, [](const Transform& t) { return 1 / t.geometry.xx; }), 0.7, 1.3);
}

TEST_CASE("shear: rows slide along themselves, the middle one stays") {
  const auto all = draws("shear=20");
  for (const Transform& t : all) {
    const AffineMap& f = t.geometry;
    REQUIRE(f.xx == 1);
    REQUIRE(f.yx == 0);
    REQUIRE(f.yy == 1);
    const auto [x, y] = moved(f);
    REQUIRE(std::hypot(x, y) < 1e-9);
  }
  fills(each(all, [](const Transform& t) { return std::atan(t.geometry.xy) * 180 / std::numbers::pi; }), -20, 20);
}

TEST_CASE("flips: of one axis each, as often as they say, independently") {
  for (const Transform& t : draws("hflip=1")) {
    REQUIRE(t.geometry.xx == -1);
    REQUIRE(t.geometry.yy == 1);
    REQUIRE(moved(t.geometry) == std::pair(0.0, 0.0));
  }
  for (const Transform& t : draws("vflip=1")) {
    REQUIRE(t.geometry.xx == 1);
    REQUIRE(t.geometry.yy == -1);
    REQUIRE(moved(t.geometry) == std::pair(0.0, 0.0));
  }
  for (const double share : {0.2, 0.8}) {
    int across = 0, down = 0;
    for (const Transform& t : draws(message("hflip=", share))) across += t.geometry.xx < 0;
    for (const Transform& t : draws(message("vflip=", share))) down += t.geometry.yy < 0;
    CHECK(std::abs(across / double{kDraws} - share) < 0.06);
    CHECK(std::abs(down / double{kDraws} - share) < 0.06);
  }
  int kinds[4] = {0, 0, 0, 0};
  for (const Transform& t : draws("hflip,vflip")) ++kinds[2 * (t.geometry.xx < 0) + (t.geometry.yy < 0)];
  for (const int n : kinds) CHECK(std::abs(n / double{kDraws} - 0.25) < 0.06);
}

TEST_CASE("shift: by up to the share of the window's width and of its height") {
  const auto all = draws("shift=0.25");
  std::vector<double> x, y;
  for (const Transform& t : all) {
    REQUIRE(is_identity(t.geometry));
    x.push_back(moved(t.geometry).first);
    y.push_back(moved(t.geometry).second);
    REQUIRE(t.geometry.x == std::floor(t.geometry.x));  // whole pixels
    REQUIRE(t.geometry.y == std::floor(t.geometry.y));
  }
  CHECK(*std::min_element(x.begin(), x.end()) == -10);
  CHECK(*std::max_element(x.begin(), x.end()) == 10);
  CHECK(std::abs(*std::min_element(y.begin(), y.end()) + 7.5) <= 0.5);
  CHECK(std::abs(*std::max_element(y.begin(), y.end()) - 7.5) <= 0.5);
  CHECK(std::abs(correlation(x, y)) < 0.15);
  // Things move by that share of what is seen, however it is magnified.
  const auto zoomed = draws("scale=4:4,shift=0.25", {10, 10, 40, 40});
  for (const Transform& t : zoomed) REQUIRE(std::abs(moved(t.geometry, {10, 10, 40, 40}).first) <= 2.5 + 1e-9);
  fills(each(zoomed, [](const Transform& t) { return moved(t.geometry, {10, 10, 40, 40}).first; }), -2.5, 2.5);
}

TEST_CASE("scale: things become that much larger, evenly in the logarithm, seen anywhere in the picture") {
  const auto twice = draws("scale=2:2");
  for (const Transform& t : twice) {
    REQUIRE(t.geometry.xx == doctest::Approx(0.5));
    REQUIRE(t.geometry.yy == doctest::Approx(0.5));
    REQUIRE(t.geometry.xy == 0);
    REQUIRE(t.geometry.yx == 0);
  }
  const auto left = each(twice, [](const Transform&t) { return seen(t.geometry, 0, 0).first; }),
             top = each(twice, [](const Transform&t) { return seen(t.geometry, 0, 0).second; });
  fills(left, 0, 100 - 20);  // the window covers 20x15
  fills(top, 0, 60 - 15);
  CHECK(std::abs(correlation(left, top)) < 0.15);
  fills(each(draws("scale=0.25:4"), [](const Transform& t) { return -std::log(t.geometry.xx); }), -std::log(4.0), std::log(4.0));
  // A picture that is smaller than what is seen lies anywhere in the window.
  const auto small = draws("scale=0.25:0.25", {40, 30, 40, 30});
  fills(each(small, [](const Transform& t) { return seen(t.geometry, 0, 0).first; }), 40 - 160, 0);
  fills(each(small, [](const Transform& t) { return seen(t.geometry, 0, 0).second; }), 30 - 120, 0);
  // Stripes of three columns are six wide.
  LabelImage stripes(40, 6);
  for (int y = 0; y < 6; ++y)
    for (int x = 0; x < 40; ++x) stripes.at(x, y) = static_cast<std::uint8_t>(x / 3 % 2);
  for (std::uint64_t round = 0; round < 20; ++round) {
    const Transform t = draw_transform(parse_augment("scale=2:2"), {3, round}, {40, 6, 40, 6}, false, 0);
    std::vector<std::uint8_t> out(40 * 6);
    sample(stripes, t, {}, 40, 6, out.data());
    const auto row = std::vector<std::uint8_t>(out.begin() + 80, out.begin() + 120);
    const auto first = std::adjacent_find(row.begin(), row.end(), std::not_equal_to<>()) + 1;
    REQUIRE(std::adjacent_find(first, row.end(), std::not_equal_to<>()) + 1 - first == 6);
  }
}

TEST_CASE("crops: the middle, or anywhere, and then both borders are reached") {
  for (const Transform& t : draws("none")) {
    REQUIRE(is_identity(t.geometry));
    REQUIRE(t.geometry.x == 30);
    REQUIRE(t.geometry.y == 15);
    REQUIRE(t.color.identity);
  }
  CHECK(center_window(kSizes).geometry.x == 30);
  CHECK(center_window(kSizes).geometry.y == 15);
  for (const TransformSizes& s : {kSizes, TransformSizes{24, 18, 40, 30}, TransformSizes{100, 18, 40, 30}}) {
    CAPTURE(s.source_width);
    const auto all = draws("none", s, true);
    std::set<double> x, y;
    for (const Transform& t : all) {
      REQUIRE(is_identity(t.geometry));
      x.insert(t.geometry.x);
      y.insert(t.geometry.y);
    }
    const int across = s.source_width - s.width, down = s.source_height - s.height;
    CHECK(*x.begin() == std::min(across, 0));
    CHECK(*x.rbegin() == std::max(across, 0));
    CHECK(*y.begin() == std::min(down, 0));
    CHECK(*y.rbegin() == std::max(down, 0));
    CHECK(x.size() == static_cast<std::size_t>(std::abs(across)) + 1);  // every one of them
    CHECK(y.size() == static_cast<std::size_t>(std::abs(down)) + 1);
    CHECK(std::abs(correlation(each(all, [](const Transform& t) { return t.geometry.x; }),
                               each(all, [](const Transform& t) { return t.geometry.y; }))) < 0.15);
  }
}

namespace {

double at(const Transform& t, int row, int column) { return static_cast<double>(t.color.matrix[row][column]); }
/// A map of the form factor * v + offset, the same for each channel.
void is_gain(const Transform& t) {
  for (int r = 0; r < 3; ++r) {
    for (int c = 0; c < 3; ++c) REQUIRE(at(t, r, c) == (r == c ? at(t, 0, 0) : 0));
    REQUIRE(t.color.offset[r] == t.color.offset[0]);
  }
  REQUIRE_FALSE(t.color.identity);
  REQUIRE(is_identity(t.geometry));
}

}  // namespace

TEST_CASE("brightness is a factor; contrast is one about the mean of what brightness made") {
  const auto bright = draws("brightness=0.4", kSizes, false, 90);
  for (const Transform& t : bright) {
    is_gain(t);
    REQUIRE(t.color.offset[0] == 0);
  }
  fills(each(bright, [](const Transform& t) { return at(t, 0, 0); }), 0.6, 1.4);
  const auto contrast = draws("contrast=0.4", kSizes, false, 90);
  for (const Transform& t : contrast) {
    is_gain(t);
    REQUIRE(at(t, 0, 0) * 90 + static_cast<double>(t.color.offset[0]) == doctest::Approx(90).epsilon(1e-5));
  }
  fills(each(contrast, [](const Transform& t) { return at(t, 0, 0); }), 0.6, 1.4);
  const auto both = draws("brightness=0.4,contrast=0.3", kSizes, false, 90);
  const auto brightness = [](const Transform& t) { return (at(t, 0, 0) * 90 + static_cast<double>(t.color.offset[0])) / 90; };
  std::vector<double> first, second;
  for (const Transform& t : both) {
    is_gain(t);
    first.push_back(std::clamp(brightness(t), 0.6 - 1e-6, 1.4 + 1e-6) == brightness(t) ? std::clamp(brightness(t), 0.6, 1.4) : -1);
    const double factor = at(t, 0, 0) / brightness(t);
    second.push_back(std::clamp(factor, 0.7 - 1e-6, 1.3 + 1e-6) == factor ? std::clamp(factor, 0.7, 1.3) : -1);
  }
  fills(first, 0.6, 1.4);
  fills(second, 0.7, 1.3);
  CHECK(std::abs(correlation(first, second)) < 0.15);
}

TEST_CASE("saturation moves a color towards its own luma or away from it") {
  const double luma[] = {0.299, 0.587, 0.114};
  const auto all = draws("saturation=0.5");
  const auto factor = [&](const Transform& t) { return 1 - at(t, 0, 1) / luma[1]; };
  for (const Transform& t : all)
    for (int r = 0; r < 3; ++r) {
      REQUIRE(t.color.offset[r] == 0);
      for (int c = 0; c < 3; ++c)
        REQUIRE(at(t, r, c) == doctest::Approx((1 - factor(t)) * luma[c] + (r == c ? factor(t) : 0)).epsilon(1e-5));
    }
  std::vector<double> factors = each(all, factor);
  for (double& f : factors) f = std::round(f * 1e5) / 1e5;  // floats
  fills(factors, 0.5, 1.5);
}

TEST_CASE("hue turns colors about the gray axis, by up to the share of a turn, either way") {
  const auto all = draws("hue=0.25");
  std::vector<double> turns;
  for (const Transform& t : all) {
    double trace = 0;
    for (int r = 0; r < 3; ++r) {
      REQUIRE(at(t, r, 0) + at(t, r, 1) + at(t, r, 2) == doctest::Approx(1).epsilon(1e-5));  // gray stays
      for (int q = 0; q < 3; ++q) {
        double product = 0;
        for (int c = 0; c < 3; ++c) product += at(t, r, c) * at(t, q, c);
        REQUIRE(std::abs(product - (r == q)) < 1e-5);  // orthogonal
      }
      trace += at(t, r, r);
      REQUIRE(t.color.offset[r] == 0);
    }
    const double sine = (at(t, 1, 0) - at(t, 0, 1) + at(t, 2, 1) - at(t, 1, 2) + at(t, 0, 2) - at(t, 2, 0)) / (2 * std::sqrt(3.0));
    turns.push_back(std::round(std::atan2(sine, (trace - 1) / 2) / (2 * std::numbers::pi) * 1e5) / 1e5);
  }
  fills(turns, -0.25, 0.25);
}

TEST_CASE("a color map: rows are red, green and blue; results stay in 0..255; gray is repeated first") {
  Transform exact;
  exact.color = {{{0, 1, 0}, {0, 0, 2}, {1, 0, 0}}, {0, 0, -100}, false};  // red from green, green from twice blue, blue from red - 100
  Transform blended = exact;
  blended.geometry.x = 1e-9;  // no longer a map of whole pixels
  Image image(1, 1, 3);
  image.pixels = {50, 100, 150};
  const Image gray(1, 1, 1, 120);
  for (const Transform& t : {exact, blended}) {
    float out[3];
    sample(image, t, {}, 1, 1, out);
    CHECK(out[0] == doctest::Approx(100 * 2.0 / 255 - 1));
    CHECK(out[1] == 1);   // 300
    CHECK(out[2] == -1);  // -50
    sample(gray, t, {}, 1, 1, out);
    CHECK(out[0] == doctest::Approx(120 * 2.0 / 255 - 1));
    CHECK(out[1] == doctest::Approx(240 * 2.0 / 255 - 1));
    CHECK(out[2] == doctest::Approx(20 * 2.0 / 255 - 1));
  }
}

TEST_CASE("the mean gray of a photograph weighs red, green and blue as luma does") {
  Image image(2, 1, 3);
  image.pixels = {100, 50, 20, 0, 0, 0};
  CHECK(mean_gray(image) == doctest::Approx((29.9 + 29.35 + 2.28) / 2));
  Image gray(2, 1, 1);
  gray.pixels = {100, 50};
  CHECK(mean_gray(gray) == 75);
}
