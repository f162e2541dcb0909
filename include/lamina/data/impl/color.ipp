// Colors of photographs: L*a*b*, gray, colorfulness.
#include "lamina/data/color.hpp"

#include <algorithm>
#include <cmath>

#include "lamina/core/device.hpp"
#include "lamina/core/names.hpp"

namespace lamina::data {
namespace {

// IEC 61966-2-1 (sRGB) primaries to XYZ, and the white of D65 (2 degrees).
constexpr double kToXyz[3][3] = {{0.412453, 0.357580, 0.180423}, {0.212671, 0.715160, 0.072169}, {0.019334, 0.119193, 0.950227}};
constexpr double kFromXyz[3][3] = {{3.2404813432005266, -1.5371515162713185, -0.49853632616888793},
                                   {-0.9692549499965684, 1.8759900014898907, 0.04155592655829283},
                                   {0.05564663913517716, -0.20404133836651125, 1.0573110696453445}};  // the inverse
constexpr double kWhite[3] = {0.95047, 1, 1.08883};
constexpr double kEdge = 6.0 / 29;  // of the cube root's linear part

double linear(double v) { return v <= 0.04045 ? v / 12.92 : std::pow((v + 0.055) / 1.055, 2.4); }
double companded(double v) { return v <= 0.0031308 ? v * 12.92 : 1.055 * std::pow(v, 1 / 2.4) - 0.055; }

/// f(rows of n pixels) on all threads: the work of a pixel depends on nothing else.
template <class F>
void each_pixel(std::int64_t pixels, F&& f) {
  constexpr std::int64_t kRows = 4096;
  current_cpu().parallel((pixels + kRows - 1) / kRows, [&](std::int64_t block, int) {
    for (std::int64_t i = block * kRows; i < std::min(pixels, (block + 1) * kRows); ++i) f(i);
  });
}

}  // namespace

std::array<double, 3> rgb_to_lab(const std::array<double, 3>& rgb) {
  double f[3];
  for (int i = 0; i < 3; ++i) {
    double v = 0;
    for (int c = 0; c < 3; ++c) v += kToXyz[i][c] * linear(rgb[static_cast<std::size_t>(c)]);
    v /= kWhite[i];
    f[i] = v > kEdge * kEdge * kEdge ? std::cbrt(v) : v / (3 * kEdge * kEdge) + 4.0 / 29;
  }
  return {116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])};
}

std::array<double, 3> lab_to_rgb(const std::array<double, 3>& lab) {
  const double y = (lab[0] + 16) / 116, f[3] = {y + lab[1] / 500, y, y - lab[2] / 200};
  double xyz[3];
  for (int i = 0; i < 3; ++i) xyz[i] = kWhite[i] * (f[i] > kEdge ? f[i] * f[i] * f[i] : 3 * kEdge * kEdge * (f[i] - 4.0 / 29));
  std::array<double, 3> rgb;
  for (int c = 0; c < 3; ++c) {
    double v = 0;
    for (int i = 0; i < 3; ++i) v += kFromXyz[c][i] * xyz[i];
    rgb[static_cast<std::size_t>(c)] = companded(v);
  }
  return rgb;
}

double colorfulness(std::span<const float> rgb) {
  double sums[2] = {}, squares[2] = {};
  const double n = static_cast<double>(rgb.size() / 3);
  for (std::size_t i = 0; i + 2 < rgb.size(); i += 3) {
    const double r = rgb[i], g = rgb[i + 1], b = rgb[i + 2], opponent[2] = {r - g, (r + g) / 2 - b};
    for (int k = 0; k < 2; ++k) sums[k] += opponent[k], squares[k] += opponent[k] * opponent[k];
  }
  double variance = 0, mean = 0;
  for (int k = 0; k < 2; ++k) {
    variance += std::max(0.0, squares[k] / n - sums[k] / n * (sums[k] / n));
    mean += sums[k] / n * (sums[k] / n);
  }
  return std::sqrt(variance) + 0.3 * std::sqrt(mean);
}

ColorSpace color_space_named(std::string_view name) {
  constexpr Named<ColorSpace> kSpaces[] = {{ColorSpace::rgb, "rgb"}, {ColorSpace::lab, "lab"}};
  return parse_name("color space", name, kSpaces);
}

Colors split_colors(ColorSpace space, const Tensor& images) {
  require(images.rank() == 4 && images.size(3) == 3, "split_colors: expected images (N, H, W, 3), got ", images.shape());
  Colors out{Tensor::empty(images.shape()), space == ColorSpace::rgb ? images : Tensor::empty(images.shape().with(-1, 2))};
  const Tensor packed = images.packed();
  const float* from = packed.data<float>();
  float *gray = out.gray.data<float>(), *color = out.color.data<float>();
  each_pixel(packed.numel() / 3, [&](std::int64_t i) {
    const float* p = from + 3 * i;
    double g = 0;
    if (space == ColorSpace::rgb) {
      for (int c = 0; c < 3; ++c) g += kLuma[c] * double{p[c]};
    } else {
      const auto lab = rgb_to_lab({(p[0] + 1.0) / 2, (p[1] + 1.0) / 2, (p[2] + 1.0) / 2});
      g = lab[0] / 50 - 1;
      color[2 * i] = static_cast<float>(lab[1] / 110);
      color[2 * i + 1] = static_cast<float>(lab[2] / 110);
    }
    std::fill_n(gray + 3 * i, 3, static_cast<float>(g));
  });
  return out;
}

Tensor join_colors(ColorSpace space, const Tensor& gray, const Tensor& color) {
  require(gray.rank() == 4 && color.shape() == gray.shape().with(-1, color_channels(space)), "join_colors: gray ", gray.shape(),
          " and color ", color.shape(), " must be of one size, with ", color_channels(space), " channels of color");
  const auto host = [](const Tensor& t) { return t.detach().packed().to(kCpu).to(DType::f32); };
  const Tensor g = host(gray), c = host(color);
  Tensor out = Tensor::empty(gray.shape().with(-1, 3));
  const std::int64_t stride = g.size(3);
  each_pixel(out.numel() / 3, [&](std::int64_t i) {
    float* to = out.data<float>() + 3 * i;
    if (space == ColorSpace::rgb) {
      for (int k = 0; k < 3; ++k) to[k] = std::clamp(c.data<float>()[3 * i + k], -1.0f, 1.0f);
      return;
    }
    const float* ab = c.data<float>() + 2 * i;
    const auto rgb = lab_to_rgb({(g.data<float>()[stride * i] + 1.0) * 50, ab[0] * 110.0, ab[1] * 110.0});
    for (int k = 0; k < 3; ++k) to[k] = static_cast<float>(std::clamp(2 * rgb[static_cast<std::size_t>(k)] - 1, -1.0, 1.0));
  });
  return out;
}

}  // namespace lamina::data
