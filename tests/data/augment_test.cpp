#include "lamina/data/augment.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "lamina/io/safetensors.hpp"
#include "support/temp_folder.hpp"

using namespace lamina;
using namespace lamina::data;

namespace {

template <class Source>
concept sampled_as_photo = requires(const Source& s, float* out) {
  sample(s, Transform{}, Border{}, 1, 1, out);
};
static_assert(sampled_as_photo<Image>);
static_assert(!sampled_as_photo<LabelImage>, "a mask must not be blended");
static_assert(!std::is_convertible_v<LabelImage, Image> && !std::is_convertible_v<Image, LabelImage>);

/// A mask of blobs, and a photograph that shows the label as its brightness (40 a class).
LabelImage example_mask(int width, int height) {
  LabelImage m(width, height);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      m.at(x, y) = static_cast<std::uint8_t>((x - 20) * (x - 20) + (y - 30) * (y - 30) < 200 ? 5
                                             : x > 2 * width / 3                             ? 2
                                             : y > height / 2                                ? 1
                                                                                             : 0);
  return m;
}
Image picture_of(const LabelImage& m) {
  Image image(m.width, m.height, 3);
  for (std::size_t i = 0; i < m.labels.size(); ++i)
    std::fill_n(image.pixels.data() + 3 * i, 3, static_cast<std::uint8_t>(40 * m.labels[i]));
  return image;
}

const char* kEverything = "hflip,vflip,rotate=30,zoom=0.2,shift=0.2,shear=15,scale=0.5:2";

}  // namespace

TEST_CASE("lists are read, written and checked") {
  CHECK(parse_augment("none") == Augment{});
  CHECK(parse_augment("hflip").hflip == 0.5);
  CHECK(parse_augment("hflip=0.25,rotate=15").rotate == 15);
  CHECK(parse_augment("scale=0.5:2").scale_most == 2);
  CHECK(parse_augment("jitter=0.2").hue == doctest::Approx(0.02));
  for (const char* list : {"none", "hflip", kEverything, "jitter=0.3,shift=0.05"})
    CHECK(parse_augment(to_string(parse_augment(list))) == parse_augment(list));
  const auto bad = [](const char* list, const char* reason) {
    CHECK_THROWS_WITH_AS(parse_augment(list), doctest::Contains(reason), OptionError);
  };
  bad("hfilp", "did you mean \"hflip\"");
  bad("rotat=5", "did you mean \"rotate\"");
  bad("rotate", "needs an amount");
  bad("rotate=x", "no number");
  bad("rotate=-5", "not in [0, 180]");
  bad("zoom=nan", "no number");
  bad("hflip=2", "not in [0, 1]");
  bad("scale=2", "not like scale=0.5:2");
  bad("scale=2:1", "ascending");
  bad("none,hflip", "'none' stands alone");
  bad("rotate=15,hflip,rotate=20", "'rotate' is there twice");
  bad("hflip,", "unknown augmentation \"\"");
  CHECK_THROWS_WITH_AS(resize_named("strech"), doctest::Contains("did you mean \"stretch\""), OptionError);
}

TEST_CASE("flips are exact mirror images") {
  const LabelImage mask = example_mask(31, 17);
  Image image(31, 17, 3);
  for (std::size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = static_cast<std::uint8_t>(i * 31);
  const Transform t = draw_transform({.hflip = 1, .vflip = 1}, {1, 2}, {31, 17, 31, 17}, false, 0);
  std::vector<float> out(31 * 17 * 3);
  std::vector<std::uint8_t> labels(31 * 17);
  sample(image, t, {}, 31, 17, out.data());
  sample(mask, t, {}, 31, 17, labels.data());
  for (int y = 0; y < 17; ++y)
    for (int x = 0; x < 31; ++x) {
      const std::size_t i = static_cast<std::size_t>(y * 31 + x);
      REQUIRE(labels[i] == mask.at(30 - x, 16 - y));
      for (std::size_t c = 0; c < 3; ++c) REQUIRE(out[3 * i + c] == static_cast<float>(image.at(30 - x, 16 - y)[c]) * (2.0f / 255) - 1);
    }
}

TEST_CASE("whole-pixel moves and mirrors agree with the general rule, border included") {
  for (const int channels : {1, 3}) {
    Image image(9, 7, channels);
    for (std::size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = static_cast<std::uint8_t>(i * 13);
    const Border border{{1, 2, 3}, 77};
    for (std::uint64_t round = 0; round < 40; ++round) {
      Transform t = draw_transform({.hflip = 0.5, .vflip = 0.5, .shift = 1}, {4, round}, {9, 7, 12, 5}, true, 0);
      std::vector<float> exact(12 * 5 * 3), general(exact.size());
      std::vector<std::uint8_t> labels(12 * 5);
      sample(image, t, border, 12, 5, exact.data());
      sample(LabelImage(9, 7, 1), t, border, 12, 5, labels.data());
      t.color.identity = false;  // the identity matrix, applied
      sample(image, t, border, 12, 5, general.data());
      REQUIRE(exact == general);
      for (std::size_t i = 0; i < labels.size(); ++i)
        REQUIRE((labels[i] == 77) == (exact[3 * i + 2] == 3 * (2.0f / 255) - 1 && exact[3 * i] == 1 * (2.0f / 255) - 1));
    }
  }
}

TEST_CASE("a half-pixel shift blends neighbours: the bilinear rule by hand") {
  Image image(2, 1, 1);
  image.pixels = {0, 100};
  Transform t;
  t.geometry.x = 0.5;
  t.geometry.xx = 0.999999;  // not a whole-pixel map
  float out[3];
  sample(image, t, {}, 1, 1, out);
  CHECK(out[0] == doctest::Approx(50 * 2.0 / 255 - 1).epsilon(1e-4));
  CHECK(out[0] == out[2]);
}

TEST_CASE("labels stay labels, and the mask stays on the picture") {
  const LabelImage mask = example_mask(80, 60);
  const Image image = picture_of(mask);
  const std::set<std::uint8_t> known(mask.labels.begin(), mask.labels.end());
  const Augment augment = parse_augment(kEverything);
  std::vector<float> out(64 * 48 * 3);
  std::vector<std::uint8_t> labels(64 * 48);
  std::int64_t inside = 0, agree = 0;
  for (std::uint64_t round = 0; round < 60; ++round) {
    const Transform t = draw_transform(augment, {7, round}, {80, 60, 64, 48}, true, 0);
    const Border border{{255, 0, 0}, 250};
    sample(image, t, border, 64, 48, out.data());
    sample(mask, t, border, 64, 48, labels.data());
    for (std::size_t i = 0; i < labels.size(); ++i) {
      const bool border_pixel = labels[i] == 250;
      REQUIRE((border_pixel || known.count(labels[i])));
      REQUIRE(border_pixel == (out[3 * i] != out[3 * i + 1]));  // only the border is not gray
      if (border_pixel) continue;
      ++inside;
      agree += std::abs((out[3 * i] + 1) * 127.5f - 40.0f * labels[i]) <= 20.5f;  // nearest label of the blended brightness
    }
  }
  CHECK(inside > 60 * 64 * 48 / 3);
  // A blend of 0 and 200 passes through the other labels' brightness; only edges can disagree.
  CHECK(static_cast<double>(agree) > 0.97 * static_cast<double>(inside));
}

TEST_CASE("draws depend on the key alone and cover the range") {
  const Augment augment = parse_augment("rotate=10,hflip,scale=0.5:2,jitter=0.5");
  const TransformSizes sizes{100, 100, 50, 50};
  const Transform a = draw_transform(augment, {1, 5}, sizes, true, 100), b = draw_transform(augment, {1, 5}, sizes, true, 100),
                  c = draw_transform(augment, {1, 6}, sizes, true, 100);
  CHECK(a.geometry.x == b.geometry.x);
  CHECK(a.color.matrix[0][0] == b.color.matrix[0][0]);
  CHECK(a.geometry.x != c.geometry.x);
  double least = 9, most = 0;
  int mirrored = 0;
  for (std::uint64_t i = 0; i < 400; ++i) {
    const Transform t = draw_transform(augment, {3, i}, sizes, true, 100);
    const double determinant = t.geometry.xx * t.geometry.yy - t.geometry.xy * t.geometry.yx;
    least = std::min(least, 1 / std::sqrt(std::abs(determinant)));
    most = std::max(most, 1 / std::sqrt(std::abs(determinant)));
    mirrored += determinant < 0;
  }
  CHECK(least == doctest::Approx(0.5).epsilon(0.05).scale(0));
  CHECK(most == doctest::Approx(2).epsilon(0.05).scale(0));
  CHECK(mirrored > 150);
  CHECK(mirrored < 250);
}

TEST_CASE("color changes keep gray gray under saturation and hue, and the mean under contrast") {
  Image gray(16, 16, 3);
  for (std::size_t i = 0; i < gray.pixels.size(); ++i) gray.pixels[i] = static_cast<std::uint8_t>(60 + i / 3 % 100);
  std::vector<float> plain(16 * 16 * 3), out(plain.size());
  sample(gray, center_window({16, 16, 16, 16}), {}, 16, 16, plain.data());
  for (std::uint64_t round = 0; round < 10; ++round) {
    const Transform t = draw_transform({.saturation = 0.8, .hue = 0.5}, {9, round}, {16, 16, 16, 16}, false, mean_gray(gray));
    sample(gray, t, {}, 16, 16, out.data());
    for (std::size_t i = 0; i < out.size(); ++i) REQUIRE(out[i] == doctest::Approx(plain[i]).epsilon(1e-4));
    const Transform u = draw_transform({.contrast = 0.5}, {9, round}, {16, 16, 16, 16}, false, mean_gray(gray));
    sample(gray, u, {}, 16, 16, out.data());
    double before = 0, after = 0;
    for (std::size_t i = 0; i < out.size(); ++i) before += static_cast<double>(plain[i]), after += static_cast<double>(out[i]);
    REQUIRE(after == doctest::Approx(before).epsilon(1e-3).scale(0));
    REQUIRE(out != plain);
  }
}

TEST_CASE("resizing: constant stays constant, halving averages, masks take the nearest") {
  Image image(7, 5, 3, 77);
  for (const auto v : resized(image, 13, 2).pixels) CHECK(v == 77);
  Image four(4, 1, 1);
  four.pixels = {0, 0, 200, 200};
  // Triangle of half-width 2 about 1.0: weights 0.75, 0.75, 0.25 over samples at 0.5, 1.5, 2.5 -> 200 * 0.25 / 1.75.
  CHECK(resized(four, 2, 1).pixels[0] == 29);
  CHECK(resized(four, 2, 1).pixels[1] == 171);
  LabelImage mask(4, 1);
  mask.labels = {1, 2, 3, 4};
  CHECK(resized(mask, 2, 1).labels == std::vector<std::uint8_t>{2, 4});
  CHECK(resized(mask, 8, 1).labels == std::vector<std::uint8_t>{1, 1, 2, 2, 3, 3, 4, 4});
  CHECK_THROWS_AS(resized(mask, 0, 1), OptionError);
}

TEST_CASE("resizing agrees with Pillow: bilinear within one level of rounding, nearest exactly") {
  const io::TensorArchive files = io::read_safetensors(test::golden("images.safetensors"));
  const auto bytes = files.at("resize_source.png").to_vector<std::uint8_t>();
  const Image source = decode_image(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()), "source");
  LabelImage index(source.width, source.height);
  index.labels = files.at("resize_source.png/index").to_vector<std::uint8_t>();
  for (const auto& [w, h] : {std::pair(5, 4), std::pair(29, 20), std::pair(6, 20), std::pair(29, 3)}) {
    CAPTURE(w);
    const auto want = files.at(message("resize_source.png/", w, "x", h)).to_vector<std::uint8_t>();
    const Image got = resized(source, w, h);
    REQUIRE(got.pixels.size() == want.size());
    int worst = 0;
    for (std::size_t i = 0; i < want.size(); ++i) worst = std::max(worst, std::abs(want[i] - got.pixels[i]));
    CHECK(worst <= 1);
    const std::string name = message("resize_source.png/index_", w, "x", h);
    if (files.contains(name)) CHECK(resized(index, w, h).labels == files.at(name).to_vector<std::uint8_t>());
  }
}

TEST_CASE("pad keeps the shape of things and marks the rest") {
  const LabelImage mask(8, 4, 3);
  const LabelImage out = fitted(mask, 6, 6, Resize::pad);
  CHECK(out.width == 6);
  CHECK(out.height == 6);
  CHECK(std::count(out.labels.begin(), out.labels.end(), 3) == 18);
  CHECK(std::count(out.labels.begin(), out.labels.end(), kIgnoreLabel) == 18);
  CHECK(fitted(Image(8, 4, 3, 9), 6, 6, Resize::pad, {{1, 2, 3}, 0}).at(0, 0)[2] == 3);
  CHECK(fitted(Image(8, 4, 3, 9), 6, 6, Resize::crop).width == 8);
}

TEST_CASE("overlapping planes are sampled, resized and padded as each of them alone is") {
  LabelImage both(20, 14, 0, 2);
  for (int y = 0; y < 14; ++y)
    for (int x = 0; x < 20; ++x) {
      (&both.at(x, y))[0] = (x + y) % 3 == 0;
      (&both.at(x, y))[1] = x * y % 4 == 1 ? kIgnoreLabel : x > 8;
    }
  const Transform t = draw_transform(parse_augment("hflip,rotate=40,zoom=0.3,shift=0.2"), {1, 2}, {20, 14, 16, 12}, false, 0);
  std::vector<std::uint8_t> sampled(2 * 16 * 12), alone(16 * 12);
  sample(both, t, {}, 16, 12, sampled.data());
  for (int k = 0; k < 2; ++k) {
    const LabelImage plane = both.plane(k);
    sample(plane, t, {}, 16, 12, alone.data());
    for (std::size_t i = 0; i < alone.size(); ++i) REQUIRE(sampled[2 * i + static_cast<std::size_t>(k)] == alone[i]);
    CHECK(resized(both, 31, 9).plane(k).labels == resized(plane, 31, 9).labels);
    for (const Resize mode : {Resize::stretch, Resize::crop, Resize::pad})
      CHECK(fitted(both, 17, 17, mode).plane(k).labels == fitted(plane, 17, 17, mode).labels);
  }
  CHECK(std::count(alone.begin(), alone.end(), kIgnoreLabel) > 0);
}
