// The sparse phantom: a few small objects of 31 kinds on a wide textured ground.
#include <array>
#include <numbers>

#include "lamina/data/phantoms/impl/drawing.hpp"
#include "lamina/data/phantoms/impl/phantoms.hpp"

namespace lamina::data {
namespace {

using namespace drawing;

constexpr int kShapes = 8;

/// Signed distance to a shape of size 1.
float shape_distance(int shape, Vec p) {
  switch (shape) {
    case 0: return circle(p, {0, 0}, 0.85f);
    case 1: return std::abs(circle(p, {0, 0}, 0.72f)) - 0.26f;  // ring
    case 2: return rounded_box(p, {0, 0}, {0.78f, 0.78f}, 0.08f);
    case 3: {  // triangle
      const float x = std::abs(p.x);
      return std::max(0.866f * x + 0.5f * p.y, -p.y) - 0.48f;
    }
    case 4: return std::min(rounded_box(p, {0, 0}, {0.95f, 0.3f}, 0.05f), rounded_box(p, {0, 0}, {0.3f, 0.95f}, 0.05f));  // cross
    case 5: return rounded_box(p, {0, 0}, {1.2f, 0.34f}, 0.1f);                                                           // bar
    case 6: {  // star with five points
      const float sector = 2 * std::numbers::pi_v<float> / 5, angle = std::remainder(std::atan2(p.x, -p.y), sector), radius = length(p);
      return radius * (std::cos(angle) * 0.5f + std::abs(std::sin(angle)) * 0.85f) - 0.5f;
    }
    default: return std::max(circle(p, {0, 0}, 0.95f), -circle(p, {0.45f, 0}, 0.72f));  // crescent
  }
}

const std::array<Color, 4>& object_colors() {
  static const std::array<Color, 4> colors{display(214, 58, 52), display(236, 190, 52), display(60, 104, 200), display(240, 240, 236)};
  return colors;
}

struct Object {
  Frame frame;
  int label, shape;
  Color color;
};

/// Objects that keep clear of each other; together about one percent of the picture.
std::vector<Object> objects(Random& r, Vec half) {
  std::vector<Object> placed;
  const float area = 4 * half.x * half.y;
  float covered = 0;
  for (int attempt = 0; attempt < 200 && covered < 0.0085f * area; ++attempt) {
    const float size = number(r, 0.038f, 0.06f);
    const Vec at{number(r, -half.x + size, half.x - size), number(r, -half.y + size, half.y - size)};
    const int label = 1 + static_cast<int>(r.below(31)), shape = (label - 1) % kShapes;
    const Frame frame(at, size, number(r, 0, 6.28f), chance(r, 0.5));
    const bool clear = std::all_of(placed.begin(), placed.end(),
                                   [&](const Object& o) { return length(o.frame.center - at) > 1.5f * (o.frame.scale + size); });
    if (!clear) continue;
    placed.push_back({frame, label, shape, object_colors()[static_cast<std::size_t>((label - 1) / kShapes)] * number(r, 0.85f, 1.1f)});
    covered += 2.0f * size * size;
  }
  return placed;
}

}  // namespace

PhantomSample detail::draw_sparse(int width, int height, RandomKey key) {
  Random r(key);
  const float pixel = 2.0f / static_cast<float>(std::min(width, height));
  const Noise noise(r.bits()), sensor(r.bits());
  const Color grounds[] = {display(148, 128, 104), display(104, 116, 92), display(128, 128, 130), display(168, 152, 132)};
  const Color ground = grounds[r.below(4)], dark = ground * 0.45f;
  const float pebble = number(r, 7, 13), slope = number(r, -0.25f, 0.25f), tilt = number(r, -0.25f, 0.25f);
  const auto things = objects(r, {static_cast<float>(width) * pixel / 2, static_cast<float>(height) * pixel / 2});
  const Vec light{-0.6f, -0.8f};

  PhantomSample sample{Image(width, height, 3), LabelImage(width, height)};
  for (int iy = 0; iy < height; ++iy)
    for (int ix = 0; ix < width; ++ix) {
      const Vec p{(static_cast<float>(ix) + 0.5f - static_cast<float>(width) / 2) * pixel,
                  (static_cast<float>(iy) + 0.5f - static_cast<float>(height) / 2) * pixel};
      // Gravel: lit clouds of two sizes.
      const auto relief = [&](Vec q) { return noise.clouds(q * pebble, 3) + 0.5f * noise.clouds(q * (3 * pebble) + Vec{50, 3}, 2); };
      const float lit = (relief(p) - relief(p - light * 0.02f)) * 4;
      Color c = mix(dark, ground, 0.45f + 0.5f * noise.clouds(p * 2, 3) + 0.2f * noise.clouds(p * (3 * pebble) + Vec{50, 3}, 2)) *
                std::clamp(1.05f - lit, 0.4f, 1.7f);
      c = mix(c, c * display(150, 190, 120), ramp(0.6f, 0.75f, noise.clouds(p * 3 + Vec{8, 80}, 4)));  // moss
      int label = 0;
      for (const Object& o : things) {
        if (length(p - o.frame.center) > 3 * o.frame.scale) continue;
        const float size = o.frame.scale, d = shape_distance(o.shape, o.frame.local(p)) * size;
        c = c * (1 - 0.55f * ramp(0.018f, -0.01f, shape_distance(o.shape, o.frame.local(p + light * 0.015f)) * size));
        const float cover = std::clamp(0.5f - d / pixel, 0.0f, 1.0f);
        const float rim = ramp(-0.3f * size, 0, d), facing = dot(p - o.frame.center, light) / size;  // a bevelled edge
        c = mix(c, o.color * (0.9f + 0.35f * rim * facing + 0.12f * (noise(p * 60) - 0.5f)), cover);
        if (d < 0) label = o.label;
      }
      c = c * (1 + slope * p.x + tilt * p.y);
      const float grain = 0.025f * (sensor.cell(ix, iy) + sensor.cell(ix + 7919, iy) - 1);
      store(sample.image, ix, iy, c, grain);
      sample.labels.at(ix, iy) = static_cast<std::uint8_t>(label);
    }
  return sample;
}

}  // namespace lamina::data
