// Augmentations: as text, and drawn at random.
#include "lamina/data/augment.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numbers>

#include "lamina/core/names.hpp"
#include "lamina/data/color.hpp"

namespace lamina::data {
namespace {

/// The amounts that have a plain name, with the largest that makes sense.
struct Amount {
  std::string_view name;
  double Augment::*field;
  double most;
};
constexpr Amount kAmounts[] = {{"hflip", &Augment::hflip, 1},           {"vflip", &Augment::vflip, 1},
                               {"rotate", &Augment::rotate, 180},       {"shear", &Augment::shear, 60},
                               {"zoom", &Augment::zoom, 0.9},           {"shift", &Augment::shift, 1},
                               {"brightness", &Augment::brightness, 1}, {"contrast", &Augment::contrast, 1},
                               {"saturation", &Augment::saturation, 1}, {"hue", &Augment::hue, 0.5}};

double number(std::string_view text, std::string_view item) {
  double v = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), v);
  require<OptionError>(error == std::errc() && end == text.data() + text.size() && std::isfinite(v), "augmentation '", std::string(item),
                       "': '", std::string(text), "' is no number");
  return v;
}

void read_item(Augment& a, std::string_view item) {
  const std::size_t equals = item.find('=');
  const std::string_view name = item.substr(0, equals),
                         value = equals == std::string_view::npos ? std::string_view() : item.substr(equals + 1);
  const auto amount = [&](double most) {
    require<OptionError>(!value.empty(), "augmentation '", std::string(name), "' needs an amount: ", std::string(name), "=",
                         shortest(most / 10));
    const double v = number(value, item);
    require<OptionError>(v >= 0 && v <= most, "augmentation '", std::string(item), "': the amount is not in [0, ", shortest(most), "]");
    return v;
  };
  if (name == "scale") {
    const std::size_t colon = value.find(':');
    require<OptionError>(colon != std::string_view::npos, "augmentation '", std::string(item), "' is not like scale=0.5:2");
    a.scale_least = number(value.substr(0, colon), item);
    a.scale_most = number(value.substr(colon + 1), item);
    require<OptionError>(a.scale_least >= 0.05 && a.scale_least <= a.scale_most && a.scale_most <= 20, "augmentation '", std::string(item),
                         "': the factors are not ascending or not in [0.05, 20]");
    return;
  }
  if (name == "jitter") {
    a.brightness = a.contrast = a.saturation = amount(1);
    a.hue = a.brightness / 10;
    return;
  }
  for (const Amount& known : kAmounts)
    if (name == known.name) {
      const bool flip = name == "hflip" || name == "vflip";
      a.*known.field = flip && equals == std::string_view::npos ? 0.5 : amount(known.most);
      return;
    }
  require<OptionError>(name != "none", "augmentation 'none' stands alone: nothing else is beside it");
  std::vector<std::string_view> names{"scale", "jitter", "none"};
  for (const Amount& known : kAmounts) names.push_back(known.name);
  throw_unknown_name("augmentation", name, names);
}

struct Matrix2 {
  double a, b, c, d;  // rows (a b), (c d)
  friend Matrix2 operator*(const Matrix2& l, const Matrix2& r) {
    return {l.a * r.a + l.b * r.c, l.a * r.b + l.b * r.d, l.c * r.a + l.d * r.c, l.c * r.b + l.d * r.d};
  }
};

/// Does a map only flip and move?
bool by_whole_pixels(const AffineMap& f) { return std::abs(f.xx) == 1 && std::abs(f.yy) == 1 && f.xy == 0 && f.yx == 0; }

/// Source center + linear * (destination - destination center) + move.
AffineMap about_centers(const Matrix2& m, const TransformSizes& s, double move_x, double move_y) {
  AffineMap f{m.a, m.b, m.c, m.d, 0, 0};
  f.x = s.source_width / 2.0 + move_x - m.a * s.width / 2.0 - m.b * s.height / 2.0;
  f.y = s.source_height / 2.0 + move_y - m.c * s.width / 2.0 - m.d * s.height / 2.0;
  if (by_whole_pixels(f)) {
    f.x = std::floor(f.x + 0.5);
    f.y = std::floor(f.y + 0.5);
  }
  return f;
}

/// Applies `after` (a matrix on RGB) and an offset behind what `map` does.
void compose(ColorMap& map, const double (&after)[3][3], double offset) {
  ColorMap out;
  for (int r = 0; r < 3; ++r) {
    double moved = offset;
    for (int c = 0; c < 3; ++c) {
      double v = 0;
      for (int k = 0; k < 3; ++k) v += after[r][k] * static_cast<double>(map.matrix[k][c]);
      out.matrix[r][c] = static_cast<float>(v);
      moved += after[r][c] * static_cast<double>(map.offset[c]);
    }
    out.offset[r] = static_cast<float>(moved);
  }
  out.identity = false;
  map = out;
}

ColorMap draw_color(const Augment& a, Random& random, double mean) {
  ColorMap map;
  const auto factor = [&](double amount) { return 1 + random.uniform(-amount, amount); };
  if (a.brightness > 0) {
    const double f = factor(a.brightness);
    compose(map, {{f, 0, 0}, {0, f, 0}, {0, 0, f}}, 0);
    mean *= f;
  }
  if (a.contrast > 0) {
    const double f = factor(a.contrast);
    compose(map, {{f, 0, 0}, {0, f, 0}, {0, 0, f}}, (1 - f) * mean);
  }
  if (a.saturation > 0) {  // towards or away from the pixel's own luma
    const double f = factor(a.saturation), g = 1 - f;
    compose(map,
            {{g * kLuma[0] + f, g * kLuma[1], g * kLuma[2]},
             {g * kLuma[0], g * kLuma[1] + f, g * kLuma[2]},
             {g * kLuma[0], g * kLuma[1], g * kLuma[2] + f}},
            0);
  }
  if (a.hue > 0) {  // a rotation about the gray axis (1, 1, 1)
    const double angle = 2 * std::numbers::pi * random.uniform(-a.hue, a.hue);
    const double c = std::cos(angle), third = (1 - c) / 3, s = std::sin(angle) / std::numbers::sqrt3;
    compose(map, {{c + third, third - s, third + s}, {third + s, c + third, third - s}, {third - s, third + s, c + third}}, 0);
  }
  return map;
}

}  // namespace

Augment parse_augment(std::string_view list) {
  Augment a;
  if (list == "none" || list.empty()) return a;
  std::vector<std::string_view> known;
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    const std::string_view item = list.substr(begin, end - begin), name = item.substr(0, item.find('='));
    require<OptionError>(std::find(known.begin(), known.end(), name) == known.end(), "augmentation '", std::string(name),
                         "' is there twice in ", std::string(list), "; give it once");
    read_item(a, item);
    known.push_back(name);
    begin = end + 1;
  }
  return a;
}

std::string to_string(const Augment& a) {
  std::string s;
  const auto add = [&](std::string_view name, const std::string& value) {
    s += message(s.empty() ? "" : ",", std::string(name), "=", value);
  };
  for (const Amount& known : kAmounts)
    if (a.*known.field != 0) add(known.name, shortest(a.*known.field));
  if (a.scale_least != 1 || a.scale_most != 1) add("scale", shortest(a.scale_least) + ":" + shortest(a.scale_most));
  return s.empty() ? "none" : s;
}

Transform center_window(const TransformSizes& sizes) { return {about_centers({1, 0, 0, 1}, sizes, 0, 0), {}}; }

Transform draw_transform(const Augment& a, RandomKey key, const TransformSizes& s, bool random_crop, double mean) {
  Random random(key);
  Transform t;
  const bool mirror_x = a.hflip > 0 && random.uniform()<a.hflip, mirror_y = a.vflip> 0 && random.uniform() < a.vflip;
  const auto radians = [&](double degrees) { return degrees > 0 ? random.uniform(-degrees, degrees) * std::numbers::pi / 180 : 0; };
  const double angle = radians(a.rotate), shear = radians(a.shear);
  double magnification = a.zoom > 0 ? 1 + random.uniform(-a.zoom, a.zoom) : 1;
  const bool rescaled = a.scale_least != 1 || a.scale_most != 1;
  if (rescaled) magnification *= std::exp(random.uniform(std::log(a.scale_least), std::log(a.scale_most)));

  // Destination to source: undo the shear, the rotation, the magnification and the flips.
  const double c = std::cos(angle), n = std::sin(angle), m = 1 / magnification;
  const Matrix2 linear = Matrix2{mirror_x ? -m : m, 0, 0, mirror_y ? -m : m} * Matrix2{c, n, -n, c} * Matrix2{1, std::tan(shear), 0, 1};
  double move_x = a.shift > 0 ? random.uniform(-a.shift, a.shift) * s.width * m : 0;
  double move_y = a.shift > 0 ? random.uniform(-a.shift, a.shift) * s.height * m : 0;
  if (random_crop || rescaled) {  // half of what the window leaves of the source (or the source of the window), either way
    move_x += random.uniform(-0.5, 0.5) * (s.source_width - s.width * m);
    move_y += random.uniform(-0.5, 0.5) * (s.source_height - s.height * m);
  }
  t.geometry = about_centers(linear, s, move_x, move_y);
  t.color = draw_color(a, random, mean);
  return t;
}

void center_anywhere(Transform& transform, RandomKey key, const TransformSizes& s) {
  Random random(key.derive(1));
  transform.geometry.x += std::round(random.uniform(-0.5, 0.5) * s.source_width);
  transform.geometry.y += std::round(random.uniform(-0.5, 0.5) * s.source_height);
}

void center_on(Transform& t, int x, int y, const TransformSizes& s, bool inside) {
  AffineMap& f = t.geometry;
  const bool whole = by_whole_pixels(f);
  const auto move = [&](double& offset, double to_x, double to_y, double wanted, double size) {
    const double half = (std::abs(to_x) * s.width + std::abs(to_y) * s.height) / 2,
                 middle = offset + (to_x * s.width + to_y * s.height) / 2;
    if (inside) wanted = size > 2 * half ? std::clamp(wanted, half, size - half) : size / 2;
    offset += whole ? std::floor(wanted - middle + 0.5) : wanted - middle;
  };
  move(f.x, f.xx, f.xy, x + 0.5, s.source_width);
  move(f.y, f.yx, f.yy, y + 0.5, s.source_height);
}

double mean_gray(const Image& image) {
  require_valid("mean_gray", image);
  std::uint64_t sums[kMostChannels] = {};
  const std::size_t channels = static_cast<std::size_t>(image.channels), samples = image.samples();
  for (std::size_t i = 0; i < samples; i += channels)
    for (std::size_t c = 0; c < channels; ++c) sums[c] += image.sample(i + c);
  const double pixels = static_cast<double>(samples / channels) * (image.max_value / 255);
  double gray = 0;
  for (std::size_t c = 0; c < channels; ++c)
    gray += (channels == 3 ? kLuma[c] : 1.0 / static_cast<double>(channels)) * static_cast<double>(sums[c]);
  return gray / pixels;
}

}  // namespace lamina::data
