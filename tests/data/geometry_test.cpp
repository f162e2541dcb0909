// Where the pixels of a photograph and of its mask go: padding, each augmentation alone, both together through the loader.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>

#include "lamina/data/augment.hpp"
#include "lamina/data/loader.hpp"
#include "lamina/io/file.hpp"
#include "support/temp_folder.hpp"

using namespace lamina;
using namespace lamina::data;

namespace {

struct Range {
  double least = 1e300, most = -1e300;
  void add(double v) {
    least = std::min(least, v);
    most = std::max(most, v);
  }
  /// All values are within [a, b], and the ends are reached but for a twentieth of the range.
  bool fills(double a, double b) const {
    const double slack = (b - a) / 20, rounding = 1e-9 * (b - a);
    return least >= a - rounding && least <= a + slack && most <= b + rounding && most >= b - slack;
  }
};

double determinant(const Affine& g) { return g.xx * g.yy - g.xy * g.yx; }

void for_draws(const Augment& augment, const TransformSizes& sizes, bool crop, const std::function<void(const Transform&)>& f) {
  for (std::uint64_t i = 0; i < 400; ++i) f(draw_transform(augment, {11, i}, sizes, crop, 100));
}

/// One picture as photograph (200 where the label is 1) and as mask.
struct Picture {
  Image photo;
  LabelImage mask;
  Picture(int width, int height) : photo(width, height, 3), mask(width, height) {
    for (int y = 0; y < height; ++y)
      for (int x = 0; x < width; ++x) {
        mask.at(x, y) = (x * x + 3 * x * y + 5 * y) % 7 < 3;
        std::fill_n(photo.at(x, y), 3, static_cast<std::uint8_t>(mask.at(x, y) ? 200 : 40));
      }
  }
};

/// The picture through a loader: its pixels (1 for 200, 0 for 40, -1 for the border's black), and its labels.
struct Loaded {
  std::vector<int> pixels, labels;
  Loaded(const Picture& picture, const LoaderOptions& options) {
    test::TempFolder f;
    for (const char* sub : {"images", "masks"}) io::create_folders(f / sub);
    write_png(f / "images/a.png", picture.photo);
    write_png(f / "masks/a.png", picture.mask);
    write_png(f / "images/b.png", picture.photo);
    write_png(f / "masks/b.png", picture.mask);
    io::write_file_atomically(f / "train.txt", "a\n");
    io::write_file_atomically(f / "val.txt", "b\n");
    Loader loader(open_dataset(f.path()), Split::train, options);
    loader.start(3);
    Batch batch;
    REQUIRE(loader.next(batch));
    const auto values = batch.at(kImage).to_vector<float>();
    for (std::size_t i = 0; i < values.size(); i += 3) {
      const auto level = static_cast<int>(std::lround((values[i] + 1) * 127.5f));
      pixels.push_back(level == 200 ? 1 : level == 40 ? 0 : level == 0 ? -1 : 9);
    }
    for (const std::uint8_t l : batch.at(kLabels).to_vector<std::uint8_t>()) labels.push_back(l == kIgnoreLabel ? -1 : l);
  }
};

}  // namespace

TEST_CASE("pad: photograph and mask lie on each other, in the middle, the odd pixel below and to the right") {
  struct Case {
    int width, height, to_width, to_height, inner_width, inner_height, left, top;
  };
  for (const Case& c : {Case{9, 4, 12, 10, 12, 5, 0, 2}, Case{4, 9, 10, 12, 5, 12, 2, 0}, Case{6, 5, 9, 5, 6, 5, 1, 0},
                        Case{5, 6, 5, 11, 5, 6, 0, 2}, Case{40, 10, 20, 8, 20, 5, 0, 1}, Case{3, 3, 7, 10, 7, 7, 0, 1}}) {
    CAPTURE(c.width);
    CAPTURE(c.height);
    CHECK(fit_inside(c.width, c.height, c.to_width, c.to_height) == std::pair(c.inner_width, c.inner_height));
    const Image photo = fitted(Image(c.width, c.height, 3, 200), c.to_width, c.to_height, Resize::pad, {{9, 9, 9}, 7});
    const LabelImage mask = fitted(LabelImage(c.width, c.height, 1), c.to_width, c.to_height, Resize::pad, {{9, 9, 9}, 7});
    for (int y = 0; y < c.to_height; ++y)
      for (int x = 0; x < c.to_width; ++x) {
        const bool inside = x >= c.left && x < c.left + c.inner_width && y >= c.top && y < c.top + c.inner_height;
        REQUIRE(photo.at(x, y)[0] == (inside ? 200 : 9));
        REQUIRE(mask.at(x, y) == (inside ? 1 : 7));
      }
  }
}

TEST_CASE("the loader keeps photograph and mask of one picture on each other: every mode, odd margins, flips") {
  const Picture picture(13, 8);
  struct Case {
    const char* name;
    LoaderOptions options;
  };
  const Case cases[] = {
      {"same size", {.batch = 1, .width = 13, .height = 8}},
      {"pad below", {.batch = 1, .width = 13, .height = 11, .resize = Resize::pad}},
      {"pad right", {.batch = 1, .width = 16, .height = 8, .resize = Resize::pad}},
      {"crop", {.batch = 1, .width = 6, .height = 5, .resize = Resize::crop}},
      {"crop of something smaller", {.batch = 1, .width = 16, .height = 13, .resize = Resize::crop}},
      {"crop anywhere", {.batch = 1, .width = 6, .height = 5, .resize = Resize::crop, .random_crop = true}},
      {"hflip", {.batch = 1, .width = 13, .height = 8, .augment = parse_augment("hflip=1")}},
      {"vflip", {.batch = 1, .width = 13, .height = 8, .augment = parse_augment("vflip=1")}},
      {"flips of odd margins", {.batch = 1, .width = 16, .height = 8, .resize = Resize::pad, .augment = parse_augment("hflip=1,vflip=1")}}};
  for (const Case& c : cases) {
    CAPTURE(c.name);
    const Loaded l(picture, c.options);
    CHECK(l.pixels == l.labels);
    CHECK(std::count(l.labels.begin(), l.labels.end(), 1) > 0);
  }
  const auto at = [&](const std::vector<int>& v, int x, int y) { return v[static_cast<std::size_t>(y * 13 + x)]; };
  const Loaded plain(picture, cases[0].options), h(picture, cases[6].options), v(picture, cases[7].options);
  for (int y = 0; y < 8; ++y)
    for (int x = 0; x < 13; ++x) {
      REQUIRE(at(plain.labels, x, y) == picture.mask.at(x, y));
      REQUIRE(at(h.labels, x, y) == picture.mask.at(12 - x, y));
      REQUIRE(at(v.labels, x, y) == picture.mask.at(x, 7 - y));
    }
  // Turned by up to half a circle, blended pixels lie on edges alone.
  const Picture large(60, 50);
  const Loaded turned(large, {.batch = 1, .width = 60, .height = 50, .augment = parse_augment("rotate=180,zoom=0.3")});
  int agree = 0, sure = 0;
  for (std::size_t i = 0; i < turned.pixels.size(); ++i)
    if (turned.pixels[i] != 9) ++sure, agree += turned.pixels[i] == turned.labels[i];
  CHECK(sure > 200);
  CHECK(agree == sure);
}

TEST_CASE("rotation alone: orthogonal, about the middle, either way, up to the angle") {
  const TransformSizes sizes{100, 60, 100, 60};
  Range degrees;
  for_draws({.rotate = 30}, sizes, false, [&](const Transform& t) {
    const Affine& g = t.geometry;
    REQUIRE(g.xx == g.yy);
    REQUIRE(g.xy == -g.yx);
    REQUIRE(determinant(g) == doctest::Approx(1));
    REQUIRE(g.xx * 50 + g.xy * 30 + g.x == doctest::Approx(50));
    REQUIRE(g.yx * 50 + g.yy * 30 + g.y == doctest::Approx(30));
    degrees.add(std::atan2(g.xy, g.xx) * 180 / std::numbers::pi);
    REQUIRE(t.color.identity);
  });
  CHECK(degrees.fills(-30, 30));
}

TEST_CASE("zoom alone: a magnification between 1 - z and 1 + z of both axes about the middle") {
  Range magnification;
  for_draws({.zoom = 0.5}, {100, 60, 100, 60}, false, [&](const Transform& t) {
    const Affine& g = t.geometry;
    REQUIRE(g.xx == g.yy);
    REQUIRE(g.xy == 0);
    REQUIRE(g.yx == 0);
    REQUIRE(g.xx * 50 + g.x == doctest::Approx(50));
    REQUIRE(g.yy * 30 + g.y == doctest::Approx(30));
    magnification.add(1 / g.xx);
  });
  CHECK(magnification.fills(0.5, 1.5));
}

TEST_CASE("scale alone: 2:2 shows everything twice as large; a range is drawn evenly in its logarithm; any place is reached") {
  Range x, y, logarithm;
  for_draws({.scale_least = 2, .scale_most = 2}, {100, 60, 40, 20}, false, [&](const Transform& t) {
    REQUIRE(t.geometry.xx == 0.5);
    REQUIRE(t.geometry.yy == 0.5);
    x.add(t.geometry.x);
    y.add(t.geometry.y);
  });
  CHECK(x.fills(0, 80));  // a window of 20 x 10 pixels of the source
  CHECK(y.fills(0, 50));
  int larger = 0;
  for_draws({.scale_least = 0.25, .scale_most = 4}, {100, 60, 40, 20}, false, [&](const Transform& t) {
    logarithm.add(-std::log2(t.geometry.xx));
    larger += t.geometry.xx < 1;
  });
  CHECK(logarithm.fills(-2, 2));
  CHECK(larger > 160);
  CHECK(larger < 240);
  // Two pixels of the result show one of the source.
  Image image(4, 1, 1);
  image.pixels = {0, 0, 255, 255};
  Transform t;
  t.geometry = {.xx = 0.5, .xy = 0, .yx = 0, .yy = 0.5, .x = 1, .y = 0};
  float out[4 * 3];
  sample(image, t, {}, 4, 1, out);
  CHECK(out[0] == -1);
  CHECK(out[9] == 1);
}

TEST_CASE("shear alone: rows slide along themselves, either way, up to the angle") {
  Range degrees;
  for_draws({.shear = 20}, {100, 60, 100, 60}, false, [&](const Transform& t) {
    const Affine& g = t.geometry;
    REQUIRE(g.xx == 1);
    REQUIRE(g.yy == 1);
    REQUIRE(g.yx == 0);
    REQUIRE(g.xy * 30 + 50 + g.x == doctest::Approx(50));
    degrees.add(std::atan(g.xy) * 180 / std::numbers::pi);
  });
  CHECK(degrees.fills(-20, 20));
}

TEST_CASE("shift alone: up to its share of each side, either way, in whole pixels") {
  Range x, y;
  for_draws({.shift = 0.25}, {400, 200, 400, 200}, false, [&](const Transform& t) {
    const Affine& g = t.geometry;
    REQUIRE(g.xx == 1);
    REQUIRE(g.yy == 1);
    REQUIRE(g.x == std::floor(g.x));
    REQUIRE(g.y == std::floor(g.y));
    x.add(g.x);
    y.add(g.y);
  });
  CHECK(x.fills(-100, 100));
  CHECK(y.fills(-50, 50));
}

TEST_CASE("flips alone: one axis each, as often as asked") {
  int h = 0, v = 0;
  for_draws({.hflip = 0.25, .vflip = 0.75}, {100, 60, 100, 60}, false, [&](const Transform& t) {
    REQUIRE(std::abs(t.geometry.xx) == 1);
    REQUIRE(std::abs(t.geometry.yy) == 1);
    h += t.geometry.xx < 0;
    v += t.geometry.yy < 0;
    REQUIRE(t.geometry.x == (t.geometry.xx < 0 ? 100 : 0));
    REQUIRE(t.geometry.y == (t.geometry.yy < 0 ? 60 : 0));
  });
  CHECK(h == doctest::Approx(100).epsilon(0.25));
  CHECK(v == doctest::Approx(300).epsilon(0.1));
}

TEST_CASE("crops: both borders of both axes are reached and never crossed; otherwise the middle") {
  Range x, y, small_x, small_y;
  for_draws({}, {1000, 700, 400, 300}, true, [&](const Transform& t) { x.add(t.geometry.x), y.add(t.geometry.y); });
  CHECK(x.fills(0, 600));
  CHECK(y.fills(0, 400));
  for_draws({}, {200, 100, 400, 300}, true, [&](const Transform& t) { small_x.add(t.geometry.x), small_y.add(t.geometry.y); });
  CHECK(small_x.fills(-200, 0));  // the window lies anywhere around a source that is smaller
  CHECK(small_y.fills(-200, 0));
  const Affine g = center_window({1000, 700, 400, 300}).geometry;
  CHECK(g.x == 300);
  CHECK(g.y == 200);
  CHECK(draw_transform({}, {1, 1}, {1000, 700, 400, 300}, false, 0).geometry.x == 300);
}

TEST_CASE("colors alone: factors within their ranges, of the right things") {
  const TransformSizes sizes{8, 8, 8, 8};
  const auto m = [](const Transform& t, int r, int c) { return static_cast<double>(t.color.matrix[r][c]); };
  Range brightness, contrast, saturation, hue;
  for_draws({.brightness = 0.4}, sizes, false, [&](const Transform& t) {
    for (int r = 0; r < 3; ++r)
      for (int c = 0; c < 3; ++c) REQUIRE(m(t, r, c) == (r == c ? m(t, 0, 0) : 0));
    REQUIRE(t.color.offset[1] == 0);
    brightness.add(m(t, 0, 0));
  });
  CHECK(brightness.fills(0.6 - 1e-6, 1.4 + 1e-6));
  for_draws({.contrast = 0.4}, sizes, false, [&](const Transform& t) {
    REQUIRE(m(t, 0, 0) * 100 + static_cast<double>(t.color.offset[0]) == doctest::Approx(100));  // the mean stays
    REQUIRE(m(t, 0, 1) == 0);
    contrast.add(m(t, 1, 1));
  });
  CHECK(contrast.fills(0.6 - 1e-6, 1.4 + 1e-6));
  for_draws({.saturation = 0.4}, sizes, false, [&](const Transform& t) {
    const double f = m(t, 0, 0) - m(t, 1, 0);  // what is left of the difference between red and gray
    for (int r = 0; r < 3; ++r) REQUIRE(m(t, r, 0) + m(t, r, 1) + m(t, r, 2) == doctest::Approx(1));
    REQUIRE(m(t, 1, 0) == doctest::Approx((1 - f) * 0.299).epsilon(1e-4));
    REQUIRE(m(t, 0, 2) == doctest::Approx((1 - f) * 0.114).epsilon(1e-4));
    saturation.add(f);
  });
  CHECK(saturation.fills(0.6 - 1e-6, 1.4 + 1e-6));
  for_draws({.hue = 0.1}, sizes, false, [&](const Transform& t) {
    for (int r = 0; r < 3; ++r) REQUIRE(m(t, r, 0) + m(t, r, 1) + m(t, r, 2) == doctest::Approx(1));
    for (int r = 0; r < 3; ++r)
      for (int s = 0; s < 3; ++s)
        REQUIRE(m(t, r, 0) * m(t, s, 0) + m(t, r, 1) * m(t, s, 1) + m(t, r, 2) * m(t, s, 2) == doctest::Approx(r == s).epsilon(1e-5));
    const double trace = m(t, 0, 0) + m(t, 1, 1) + m(t, 2, 2);
    hue.add(std::copysign(std::acos(std::clamp((trace - 1) / 2, -1.0, 1.0)), m(t, 1, 0) - m(t, 0, 1)) / (2 * std::numbers::pi));
  });
  CHECK(hue.fills(-0.1 - 1e-6, 0.1 + 1e-6));
}

TEST_CASE("values: black is -1, white is 1, channels keep their order, gray is repeated") {
  Image image(1, 2, 3);
  image.pixels = {0, 51, 255, 102, 153, 204};
  CHECK(to_tensor(image).to_vector<float>() ==
        std::vector<float>{-1, 51 * (2.0f / 255) - 1, 1, 102 * (2.0f / 255) - 1, 153 * (2.0f / 255) - 1, 204 * (2.0f / 255) - 1});
  Image gray(1, 1, 1);
  gray.pixels = {51};
  CHECK(to_tensor(gray).to_vector<float>() == std::vector<float>(3, 51 * (2.0f / 255) - 1));
}

TEST_CASE("the order of images: another permutation each epoch, those of the seed") {
  test::TempFolder f;
  for (const char* sub : {"images", "masks"}) io::create_folders(f / sub);
  std::string list;
  for (int i = 10; i < 22; ++i) {
    const std::string file = std::to_string(i) + ".png";
    write_png(f / ("images/" + file), Image(4, 4, 3, static_cast<std::uint8_t>(i)));
    write_png(f / ("masks/" + file), LabelImage(4, 4, i % 2));
    list += std::to_string(i) + "\n";
  }
  io::write_file_atomically(f / "train.txt", list);
  const Dataset dataset = open_dataset(f.path());
  const auto order = [&](std::uint64_t seed, std::int64_t epoch, bool shuffle = true) {
    Loader loader(dataset, Split::train, {.batch = 5, .width = 4, .height = 4, .shuffle = shuffle, .seed = seed});
    loader.start(epoch);
    std::vector<int> indices;
    for (Batch b; loader.next(b);) indices.insert(indices.end(), b.indices.begin(), b.indices.end());
    return indices;
  };
  const std::vector<int> in_order{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  std::vector<std::vector<int>> seen;
  for (const std::uint64_t seed : {0, 1})
    for (const std::int64_t epoch : {1, 2, 3}) {
      std::vector<int> indices = order(seed, epoch);
      CHECK(indices == order(seed, epoch));
      CHECK(std::find(seen.begin(), seen.end(), indices) == seen.end());
      seen.push_back(indices);
      std::sort(indices.begin(), indices.end());
      CHECK(indices == in_order);
    }
  CHECK(order(1, 2, false) == in_order);
}
