// Colors against published values.
#include "lamina/data/color.hpp"

#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::data;
using namespace lamina::test;

TEST_CASE("L*a*b* of the sRGB primaries, as scikit-image's rgb2lab has them, and back") {
  struct Case {
    std::array<double, 3> rgb, lab;
  };
  const Case cases[] = {{{1, 0, 0}, {53.2406, 80.0923, 67.2028}},
                        {{0, 1, 0}, {87.7351, -86.1830, 83.1795}},
                        {{0, 0, 1}, {32.2957, 79.1856, -107.8573}},
                        {{1, 1, 1}, {100, 0, 0}},
                        {{0, 0, 0}, {0, 0, 0}}};
  for (const Case& c : cases) {
    const auto lab = rgb_to_lab(c.rgb), back = lab_to_rgb(c.lab);
    for (std::size_t i = 0; i < 3; ++i) {
      CHECK(std::abs(lab[i] - c.lab[i]) < 0.02);
      CHECK(std::abs(back[i] - c.rgb[i]) < 1e-3);
    }
  }
  for (double r : {0.0, 0.02, 0.3, 1.0})
    for (double g : {0.0, 0.04, 0.7})
      for (double b : {0.01, 0.5, 1.0}) {
        const auto back = lab_to_rgb(rgb_to_lab({r, g, b}));
        CHECK(std::abs(back[0] - r) + std::abs(back[1] - g) + std::abs(back[2] - b) < 1e-9);
      }
}

TEST_CASE("colorfulness by hand: of gray 0, of red and cyan side by side from their opponents") {
  const float gray[] = {10, 10, 10, 200, 200, 200};
  CHECK(colorfulness(gray) == 0);
  // rg = 255 and -255, yb = 127.5 and -127.5: means 0, deviations 255 and 127.5.
  const float two[] = {255, 0, 0, 0, 255, 255};
  CHECK(colorfulness(two) == doctest::Approx(std::sqrt(255.0 * 255 + 127.5 * 127.5)));
  // One color: no deviations, means 255 and 127.5.
  const float red[] = {255, 0, 0};
  CHECK(colorfulness(red) == doctest::Approx(0.3 * std::sqrt(255.0 * 255 + 127.5 * 127.5)));
}

TEST_CASE("photographs taken apart into gray and color, and put together again") {
  const Tensor image = Tensor::uniform({2, 5, 7, 3}, {1, 2}, -1, 1);
  const Colors rgb = split_colors(ColorSpace::rgb, image);
  const float* p = image.data<float>();
  for (int c = 0; c < 3; ++c) CHECK(rgb.gray.data<float>()[30 + c] == doctest::Approx(0.299 * p[30] + 0.587 * p[31] + 0.114 * p[32]));
  CHECK(same_bytes(join_colors(ColorSpace::rgb, rgb.gray, rgb.color), image));
  const Colors lab = split_colors(ColorSpace::lab, image);
  CHECK(lab.color.shape() == Shape{2, 5, 7, 2});
  const auto expected = rgb_to_lab({(p[30] + 1) / 2.0, (p[31] + 1) / 2.0, (p[32] + 1) / 2.0});
  CHECK(lab.gray.data<float>()[32] == doctest::Approx(expected[0] / 50 - 1));
  CHECK(lab.color.data<float>()[20] == doctest::Approx(expected[1] / 110));
  CHECK(lab.color.data<float>()[21] == doctest::Approx(expected[2] / 110));
  CHECK(relative_error(join_colors(ColorSpace::lab, lab.gray, lab.color), image) < 1e-5);
  // Without colors the picture is gray.
  const Tensor gray = join_colors(ColorSpace::lab, lab.gray, Tensor::zeros(lab.color.shape()));
  CHECK(std::abs(gray.data<float>()[30] - gray.data<float>()[32]) < 1e-3);
  check_throws<ShapeError>([&] { split_colors(ColorSpace::rgb, lab.color); }, {"(N, H, W, 3)"});
  check_throws<ShapeError>([&] { join_colors(ColorSpace::rgb, lab.gray, lab.color); }, {"3 channels of color"});
  check_throws<OptionError>([] { color_space_named("lba"); }, {"did you mean \"lab\""});
}
