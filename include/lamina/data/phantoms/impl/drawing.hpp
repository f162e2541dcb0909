#pragma once
// Pictures as functions of the plane: vectors, colors, noise, signed distances. Lengths are in units of half the picture's
// shorter side; y points down.
#include <algorithm>
#include <cmath>
#include <cstdint>

#include "lamina/core/random.hpp"
#include "lamina/data/image.hpp"

namespace lamina::data::drawing {

struct Vec {
  float x = 0, y = 0;
  friend Vec operator+(Vec a, Vec b) { return {a.x + b.x, a.y + b.y}; }
  friend Vec operator-(Vec a, Vec b) { return {a.x - b.x, a.y - b.y}; }
  friend Vec operator*(Vec a, float s) { return {a.x * s, a.y * s}; }
};
inline float dot(Vec a, Vec b) { return a.x * b.x + a.y * b.y; }
inline float length(Vec a) { return std::sqrt(dot(a, a)); }

/// Linear light, 0 to 1.
struct Color {
  float r = 0, g = 0, b = 0;
  friend Color operator+(Color a, Color b) { return {a.r + b.r, a.g + b.g, a.b + b.b}; }
  friend Color operator*(Color a, Color b) { return {a.r * b.r, a.g * b.g, a.b * b.b}; }
  friend Color operator*(Color a, float s) { return {a.r * s, a.g * s, a.b * s}; }
};
/// From display values 0..255; the display curve is taken as a square.
inline Color display(float r, float g, float b) { return {r * r / 65025, g * g / 65025, b * b / 65025}; }
inline float mix(float a, float b, float t) { return a + (b - a) * t; }
inline Color mix(Color a, Color b, float t) { return a * (1 - t) + b * t; }
/// A pixel of that color, as displays want it, and its noise.
inline void store(Image& image, int x, int y, const Color& c, float grain) {
  const float channels[3] = {c.r, c.g, c.b};
  for (int k = 0; k < 3; ++k)
    image.at(x, y)[k] = static_cast<std::uint8_t>(255 * std::clamp(std::sqrt(std::max(channels[k], 0.0f)) + grain, 0.0f, 1.0f) + 0.5f);
}
/// 0 below `from`, 1 above `to`, smooth between; falls when from > to.
inline float ramp(float from, float to, float v) {
  const float t = std::clamp((v - from) / (to - from), 0.0f, 1.0f);
  return t * t * (3 - 2 * t);
}

inline float number(Random& random, float lo, float hi) {
  return static_cast<float>(random.uniform(static_cast<double>(lo), static_cast<double>(hi)));
}
inline bool chance(Random& random, double probability) { return random.uniform() < probability; }

/// Smooth random values over the plane, 0 to 1.
class Noise {
 public:
  explicit Noise(std::uint32_t seed = 0) : seed_(seed) {}
  /// One random number for each cell.
  float cell(int x, int y) const {
    std::uint32_t h = seed_ ^ (static_cast<std::uint32_t>(x) * 0x8da6b343u) ^ (static_cast<std::uint32_t>(y) * 0xd8163841u);
    h = (h ^ (h >> 15)) * 0x2c1b3c6du;
    h = (h ^ (h >> 12)) * 0x297a2d39u;
    return static_cast<float>((h ^ (h >> 15)) >> 8) * 0x1p-24f;
  }
  float operator()(Vec p) const {
    const float fx = std::floor(p.x), fy = std::floor(p.y);
    const int x = static_cast<int>(fx), y = static_cast<int>(fy);
    const float u = ramp(0, 1, p.x - fx), v = ramp(0, 1, p.y - fy);
    return mix(mix(cell(x, y), cell(x + 1, y), u), mix(cell(x, y + 1), cell(x + 1, y + 1), u), v);
  }
  /// Several octaves, each half as strong and twice as fine.
  float clouds(Vec p, int octaves) const {
    float sum = 0, weight = 0.5f, total = 0;
    for (int i = 0; i < octaves; ++i, weight /= 2, p = Vec{p.y * 2 + 17.3f, p.x * 2 - 5.1f}) {
      sum += weight * (*this)(p);
      total += weight;
    }
    return sum / total;
  }

 private:
  std::uint32_t seed_;
};

// Signed distances: negative inside.
inline float circle(Vec p, Vec center, float radius) { return length(p - center) - radius; }
/// Approximate away from the border.
inline float ellipse(Vec p, Vec center, Vec radii) {
  const Vec q = p - center, a{q.x / radii.x, q.y / radii.y}, b{a.x / radii.x, a.y / radii.y};
  const float k = length(b);
  return k < 1e-6f ? -std::min(radii.x, radii.y) : length(a) * (length(a) - 1) / k;
}
/// How far along the segment a-b the point lies, 0 to 1.
inline float along(Vec p, Vec a, Vec b) { return std::clamp(dot(p - a, b - a) / dot(b - a, b - a), 0.0f, 1.0f); }
/// A limb from a to b whose radius goes from ra to rb.
inline float capsule(Vec p, Vec a, Vec b, float ra, float rb) {
  const float t = along(p, a, b);
  return length(p - (a + (b - a) * t)) - mix(ra, rb, t);
}
inline float rounded_box(Vec p, Vec center, Vec half, float radius) {
  const Vec q{std::abs(p.x - center.x) - half.x + radius, std::abs(p.y - center.y) - half.y + radius};
  return length({std::max(q.x, 0.0f), std::max(q.y, 0.0f)}) + std::min(std::max(q.x, q.y), 0.0f) - radius;
}
/// Union whose inner corners are filled with radius k.
inline float blend(float a, float b, float k) {
  const float h = std::max(k - std::abs(a - b), 0.0f) / k;
  return std::min(a, b) - h * h * k / 4;
}

/// Where a figure stands: local = rotate(point - center) / scale.
struct Frame {
  Vec center;
  float scale = 1, cosine = 1, sine = 0;
  bool mirrored = false;

  Frame() = default;
  Frame(Vec c, float s, float angle, bool mirror) : center(c), scale(s), cosine(std::cos(angle)), sine(std::sin(angle)), mirrored(mirror) {}
  Vec local(Vec p) const {
    const Vec q = p - center;
    const Vec r = Vec{cosine * q.x + sine * q.y, -sine * q.x + cosine * q.y} * (1 / scale);
    return {mirrored ? -r.x : r.x, r.y};
  }
};

}  // namespace lamina::data::drawing
