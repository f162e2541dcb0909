// The skin phantom: a lit figure with skin, hair and cloth on a cluttered ground.
#include "lamina/data/phantoms/impl/phantoms.hpp"
#include "lamina/data/phantoms/impl/skin_figures.hpp"

namespace lamina::data {
namespace {

using namespace drawing;

constexpr float kUncertain = 0.014f;  // half the width of the uncertain band

/// What one picture's skin, hair and clothes look like.
struct Person {
  Color skin, hair, cloth, cloth_stripe;
  float freckles, redness, body_hair, hair_direction, stripes;
  struct Spot {
    Vec center;
    float radius, strength;
    Color tint;
  };
  std::vector<Spot> lesions, moles;
  Noise noise;

  explicit Person(Random& r) : noise(r.bits()) {
    const Color tones[] = {display(247, 217, 200), display(236, 194, 166), display(216, 165, 130),
                           display(182, 126, 90),  display(135, 88, 62),   display(92, 60, 45)};
    const float tone = number(r, 0, 4.999f);
    const int i = static_cast<int>(tone);
    skin = mix(tones[i], tones[i + 1], tone - static_cast<float>(i)) * Color{number(r, 0.96f, 1.04f), 1, number(r, 0.95f, 1.05f)};
    const Color hairs[] = {display(28, 22, 20), display(60, 40, 28), display(105, 72, 45), display(175, 140, 95), display(150, 148, 145)};
    hair = hairs[r.below(tone > 3 ? 2 : 5)];
    const Color cloths[] = {display(220, 225, 228), display(60, 90, 140),   display(160, 60, 70),  display(90, 140, 110),
                            display(50, 52, 60),    display(205, 180, 120), display(140, 185, 215)};
    cloth = cloths[r.below(7)];
    cloth_stripe = chance(r, 0.4) ? cloths[r.below(7)] : cloth;
    stripes = number(r, 14, 40);
    freckles = chance(r, 0.3) ? number(r, 0.2f, 0.55f) : 0.0f;
    redness = number(r, 0.05f, 0.3f);
    body_hair = chance(r, 0.4) ? number(r, 0.15f, 0.5f) : 0.0f;
    hair_direction = number(r, 0, 3.1f);
    const std::uint64_t lesion_count = chance(r, 0.65) ? 1 + r.below(4) : 0;
    const Color kinds[] = {display(255, 150, 140), display(230, 120, 115), display(150, 100, 85), display(255, 190, 160),
                           display(190, 90, 105)};
    const Color kind = kinds[r.below(5)];
    for (std::uint64_t n = 0; n < lesion_count; ++n)
      lesions.push_back({{number(r, -0.8f, 0.8f), number(r, -0.8f, 0.8f)}, number(r, 0.05f, 0.2f), number(r, 0.5f, 0.9f), kind});
    for (std::uint64_t n = r.below(10); n > 0; --n)
      moles.push_back({{number(r, -1, 1), number(r, -1, 1)}, number(r, 0.006f, 0.018f), 0.85f, display(120, 75, 60)});
  }

  Look look(Material material, Vec p, float pixel) const {
    Look l;
    if (material == Material::cloth) {
      const float fold = noise.clouds(p * 3 + Vec{40, 3}, 3), s = std::sin((p.x * 0.8f + p.y * 0.6f + 0.1f * fold) * stripes);
      l.albedo = mix(cloth, cloth_stripe, ramp(-0.2f, 0.2f, s)) * (0.8f + 0.2f * noise(p * 130));
      l.height = 0.12f * fold;
      l.gloss = 0;
    } else if (material == Material::hair) {
      // Strands: noise stretched along a slowly turning direction.
      const float angle = hair_direction + 1.6f * noise(p * 1.5f + Vec{9, 9}) + 0.9f * p.x;
      const Vec q{std::cos(angle) * p.x + std::sin(angle) * p.y, -std::sin(angle) * p.x + std::cos(angle) * p.y};
      const float strand = noise({q.x * 90, q.y * 5}) * 0.55f + noise({q.x * 220 + 3, q.y * 9}) * 0.3f + noise.clouds(q * 4, 2) * 0.3f;
      l.albedo = hair * (0.35f + 1.2f * strand);
      l.height = 0.03f * strand;
      l.gloss = 0.8f + 2.5f * strand;
    } else {
      skin_look(p, pixel, l);
    }
    return l;
  }

 private:
  void skin_look(Vec p, float pixel, Look& l) const {
    const float blotch = noise.clouds(p * 2.2f, 3), pores = noise.clouds(p * 55, 2), red = noise.clouds(p * 5 + Vec{31, 7}, 3);
    l.albedo = skin * (0.86f + 0.2f * blotch + 0.1f * (pores - 0.5f));
    l.albedo = mix(l.albedo, l.albedo * display(255, 190, 180), redness * ramp(0.45f, 0.8f, red));
    l.height = 0.005f * noise.clouds(p * 14, 2) + 0.0013f * pores;
    if (freckles > 0) l.albedo = mix(l.albedo, l.albedo * display(190, 140, 110), freckles * ramp(0.74f, 0.88f, noise(p * 58 + Vec{5, 5})));
    const float ragged = 0.5f * (noise.clouds(p * 9 + Vec{70, 1}, 3) - 0.5f);
    for (const Spot& s : lesions) {
      const float d = length(p - s.center) - s.radius * (1 + 1.6f * ragged);
      if (d > 0.05f) continue;
      const float core = ramp(0.03f, -0.02f, d), scale = noise.clouds(p * 40 + Vec{2, 90}, 2);
      l.albedo = mix(l.albedo, l.albedo * s.tint, s.strength * core);
      l.albedo = mix(l.albedo, display(238, 225, 215), 0.35f * core * ramp(0.62f, 0.75f, scale));  // scales
      l.height += core * (0.008f + 0.01f * scale);
    }
    for (const Spot& s : moles)
      l.albedo = mix(l.albedo, l.albedo * s.tint, s.strength * ramp(s.radius + pixel, s.radius - pixel, length(p - s.center)));
    if (body_hair > 0) {
      const Vec q{std::cos(hair_direction) * p.x + std::sin(hair_direction) * p.y,
                  -std::sin(hair_direction) * p.x + std::cos(hair_direction) * p.y};
      const float bent = q.x + 0.02f * noise(q * 4);
      l.albedo = mix(l.albedo, hair, body_hair * ramp(0.8f, 0.92f, noise({bent * 170, q.y * 7})));
    }
  }
};

/// What stands behind the figure.
class Ground {
 public:
  explicit Ground(Random& r) : noise_(r.bits()), kind_(static_cast<int>(r.below(5))), angle_(number(r, -0.6f, 0.6f)) {
    const Color bases[] = {display(70, 115, 150),  display(80, 140, 125), display(205, 208, 210), display(120, 125, 135),
                           display(190, 165, 130), display(45, 50, 60),   display(225, 215, 195)};
    base_ = bases[r.below(7)];
    other_ = bases[r.below(7)];
    for (std::uint64_t n = r.below(5); n > 0; --n) {
      const Color colors[] = {display(240, 240, 235), display(200, 60, 50),  display(50, 80, 160),  display(215, 180, 140),
                              display(30, 30, 35),    display(220, 190, 60), display(150, 180, 160)};
      things_.push_back({Frame({number(r, -1.1f, 1.1f), number(r, -1.1f, 1.1f)}, number(r, 0.25f, 0.7f), number(r, 0, 6.28f), false),
                         static_cast<int>(r.below(5)), colors[r.below(7)]});
    }
  }

  Color at(Vec p, float pixel) const {
    const Vec q{std::cos(angle_) * p.x + std::sin(angle_) * p.y, -std::sin(angle_) * p.x + std::cos(angle_) * p.y};
    Color c = pattern(q, pixel);
    for (const Thing& t : things_) put(t, p, pixel, c);
    return c;
  }

 private:
  struct Thing {
    Frame frame;
    int kind;
    Color color;
  };

  Color pattern(Vec q, float pixel) const {
    const float cloud = noise_.clouds(q * 2, 4);
    switch (kind_) {
      case 0: {  // a drape with folds
        const float fold = std::sin(q.x * 5 + 5 * noise_.clouds(q * 1.3f, 3)), weave = noise_(q * 160);
        return base_ * (0.55f + 0.3f * cloud + 0.22f * fold + 0.08f * weave);
      }
      case 1: {  // planks
        const float row = std::floor(q.y * 3.1f), y = q.y * 3.1f - row;
        const float grain = noise_({q.x * 2.5f + 31 * row, q.y * 40}), ring = noise_({q.x * 0.8f + 31 * row, q.y * 9});
        const float gap = ramp(0.04f, 0.015f, std::min(y, 1 - y));
        return mix(display(168, 118, 74), display(110, 70, 42), 0.55f * grain + 0.45f * ring) *
               (0.85f + 0.25f * noise_.cell(static_cast<int>(row), 3)) * (1 - 0.65f * gap);
      }
      case 2: {  // tiles
        const float s = 3.4f, fx = std::floor(q.x * s), fy = std::floor(q.y * s), x = q.x * s - fx, y = q.y * s - fy;
        const float joint = ramp(0.035f + pixel * s, 0.03f, std::min(std::min(x, 1 - x), std::min(y, 1 - y)));
        return mix(base_ * (0.8f + 0.2f * noise_.cell(static_cast<int>(fx), static_cast<int>(fy)) + 0.08f * cloud), display(150, 146, 140),
                   joint);
      }
      case 3: {  // checked cloth
        const float u = std::sin(q.x * 16), v = std::sin(q.y * 16);
        const float both = 0.5f * ramp(-0.15f, 0.15f, u) + 0.5f * ramp(-0.15f, 0.15f, v);
        return mix(base_, other_, both) * (0.75f + 0.2f * cloud + 0.1f * noise_(q * 140));
      }
      default: return mix(base_, other_, ramp(-1.2f, 1.2f, q.y)) * (0.82f + 0.2f * cloud);  // a wall
    }
  }

  void put(const Thing& t, Vec p, float pixel, Color& c) const {
    const Vec q = t.frame.local(p);
    float d = 0;
    Color surface = t.color;
    switch (t.kind) {
      case 0:  // a ruler with a tick every tenth
        d = rounded_box(q, {0, 0}, {1.3f, 0.16f}, 0.02f);
        surface = display(238, 236, 225);
        if (q.y < 0.02f || (std::abs(std::remainder(q.x, 0.5f)) < 0.02f && q.y < 0.08f))
          surface = surface * (1 - 0.8f * ramp(0.026f, 0.014f, std::abs(std::remainder(q.x, 0.1f))));
        break;
      case 1:  // gauze
        d = rounded_box(q, {0, 0}, {0.5f, 0.5f}, 0.06f) + 0.03f * noise_(q * 9);
        surface = display(240, 240, 236) * (0.8f + 0.1f * std::sin(q.x * 70) * std::sin(q.y * 70) + 0.15f * noise_.clouds(q * 6, 2));
        break;
      case 2:  // a pen
        d = capsule(q, {-0.7f, 0}, {0.7f, 0}, 0.05f, 0.05f);
        surface = t.color * (1.3f - 9 * std::abs(q.y + 0.015f));
        if (q.x > 0.5f) surface = display(40, 40, 45);
        break;
      case 3: {  // a bowl
        d = circle(q, {0, 0}, 0.5f);
        const float rim = length(q);
        surface = t.color * (rim > 0.42f ? 1.15f : 0.55f + 0.5f * (q.y + 0.5f));
        break;
      }
      default:  // a folded towel or a card
        d = rounded_box(q, {0, 0}, {0.8f, 0.45f}, 0.08f);
        surface = t.color * (0.8f + 0.2f * noise_.clouds(q * 5, 3) - 0.25f * ramp(0.03f, 0, std::abs(q.y - 0.12f)));
        break;
    }
    d *= t.frame.scale;
    c = c * (1 - 0.45f * ramp(0.09f, -0.02f, t.frame.scale * rounded_shadow(t, p)));
    c = mix(c, surface, std::clamp(0.5f - d / pixel, 0.0f, 1.0f));
  }
  static float rounded_shadow(const Thing& t, Vec p) {
    const Vec q = t.frame.local(p - Vec{0.03f, 0.05f});
    const Vec half[] = {{1.3f, 0.16f}, {0.5f, 0.5f}, {0.75f, 0.05f}, {0.5f, 0.5f}, {0.8f, 0.45f}};
    return rounded_box(q, {0, 0}, half[t.kind], t.kind == 3 ? 0.5f : 0.05f);
  }

  Noise noise_;
  int kind_;
  float angle_;
  Color base_, other_;
  std::vector<Thing> things_;
};

struct Light {
  float x, y, z, ambient, strength;
  Color color;
  Vec gradient, spot;
  float vignette;

  explicit Light(Random& r) {
    const float angle = number(r, 3.5f, 5.9f), height = number(r, 0.9f, 2.0f);  // from above
    const float n = std::sqrt(1 + height * height);
    x = std::cos(angle) / n;
    y = std::sin(angle) / n;
    z = height / n;
    ambient = number(r, 0.22f, 0.42f);
    strength = number(r, 0.75f, 1.1f);
    color = {number(r, 0.9f, 1.12f), 1, number(r, 0.85f, 1.1f)};
    gradient = {number(r, -0.22f, 0.22f), number(r, -0.22f, 0.22f)};
    spot = {number(r, -0.7f, 0.7f), number(r, -0.7f, 0.3f)};
    vignette = number(r, 0.05f, 0.3f);
  }
  float exposure(Vec p) const {
    return (1 + dot(gradient, p)) * (1 - vignette * 0.5f * dot(p, p)) * (0.9f + 0.25f * std::exp(-2 * dot(p - spot, p - spot)));
  }
};

/// The light a surface sends to the eye. `slope` is the gradient of its height, z towards the eye.
Color shade(const Look& look, Vec slope, Material material, const Light& light) {
  const float n = std::sqrt(1 + dot(slope, slope)), nx = -slope.x / n, ny = -slope.y / n, nz = 1 / n;
  const float facing = nx * light.x + ny * light.y + nz * light.z;
  const float wrap = material == Material::skin ? 0.3f : 0.1f;
  const float diffuse = std::max(0.0f, (facing + wrap) / (1 + wrap));
  Color c = look.albedo * (light.ambient + light.strength * diffuse) * light.color;
  if (material == Material::skin)
    c = c * mix(Color{1.04f, 0.9f, 0.86f}, Color{1, 1, 1}, ramp(0.05f, 0.6f, diffuse));  // light that went through skin is red
  const float half = std::sqrt(2 * (1 + light.z)), shine = std::max(0.0f, (nx * light.x + ny * light.y + nz * (light.z + 1)) / half);
  const float s2 = shine * shine, s8 = s2 * s2 * s2 * s2;
  return c + light.color * (0.05f * look.gloss * s8 * s8 * s8);
}

Parts figure(int scene, Random& r) {
  const float angle = number(r, -0.5f, 0.5f);
  const Vec center{number(r, -0.2f, 0.2f), number(r, -0.2f, 0.2f)};
  const bool mirror = chance(r, 0.5);
  const auto frame = [&](float least, float most, float more_angle = 0) {
    return Frame(center, number(r, least, most), angle + more_angle, mirror);
  };
  switch (scene) {
    case 0: return face(r, frame(0.75f, 1.15f));
    case 1: return scalp(r, frame(0.75f, 1.1f));
    case 2: return foot(r, frame(0.75f, 1.1f, number(r, -1, 1)));
    case 3: return limb(r, frame(0.8f, 1.5f, number(r, -1.6f, 1.6f)));
    case 4: return trunk(r, frame(0.75f, 1.2f));
    case 5: return anogenital(r, frame(0.85f, 1.2f));
    case 6: {  // a hand in front of another region
      Parts parts = chance(r, 0.5) ? trunk(r, frame(1.0f, 1.4f)) : limb(r, frame(1.2f, 1.7f, number(r, -1.6f, 1.6f)));
      const Parts front =
          hand(r, Frame({number(r, -0.4f, 0.4f), number(r, 0.2f, 0.6f)}, number(r, 0.5f, 0.75f), number(r, -0.9f, 0.9f), chance(r, 0.5)));
      parts.insert(parts.end(), front.begin(), front.end());
      return parts;
    }
    default: return hand(r, frame(0.7f, 1.1f, number(r, -1, 1)));
  }
}

}  // namespace

PhantomSample detail::draw_skin(int scene, int width, int height, RandomKey key) {
  Random r(key);
  const Ground ground(r);
  const Person person(r);
  const Light light(r);
  const Parts parts = figure(scene, r);
  const float pixel = 2.0f / static_cast<float>(std::min(width, height)), grain = number(r, 0.006f, 0.02f);
  const Noise sensor(r.bits());
  // Bumps are taken from neighbouring pixels, so detail finer than this disappears instead of flickering.
  const float step = pixel;

  PhantomSample sample{Image(width, height, 3), LabelImage(width, height)};
  for (int iy = 0; iy < height; ++iy)
    for (int ix = 0; ix < width; ++ix) {
      const Vec p{(static_cast<float>(ix) + 0.5f - static_cast<float>(width) / 2) * pixel,
                  (static_cast<float>(iy) + 0.5f - static_cast<float>(height) / 2) * pixel};
      Color c = ground.at(p, pixel) * (light.ambient + 0.8f * light.strength) * light.color;
      Region label = Region::background;
      for (const Part& part : parts) {
        const float d = part.at(p);
        if (d > 0.3f) continue;
        const float shadow = part.at(p + Vec{light.x, light.y} * 0.12f);  // the figure stands before what is behind it
        c = c * (1 - 0.5f * ramp(0.14f, -0.06f, shadow));
        const float cover = std::clamp(0.5f - d / pixel, 0.0f, 1.0f);
        if (d < kUncertain && label != part.region) label = d < -kUncertain ? part.region : Region::uncertain;
        if (cover <= 0) continue;
        const auto surface = [&](Vec q, float distance) {
          Look look = person.look(part.material, q, pixel);
          if (part.detail) part.detail(part.frame.local(q), look);
          const float t = std::clamp(1 + distance / part.roundness, 0.02f, 1.0f);  // 1 at the border, 0 in the flat middle
          look.height += part.roundness * 0.8f * std::sqrt(1 - 0.96f * t * t);
          return look;
        };
        const Look look = surface(p, d);
        const Vec right = p + Vec{step, 0}, below = p + Vec{0, step};
        const Vec slope{(surface(right, part.at(right)).height - look.height) / step,
                        (surface(below, part.at(below)).height - look.height) / step};
        c = mix(c, shade(look, slope, part.material, light), cover);
      }
      c = c * light.exposure(p);
      const float noise = grain * (sensor.cell(ix, iy) + sensor.cell(ix + 7919, iy) - 1);
      const auto byte = [&](float v) {
        return static_cast<std::uint8_t>(255 * std::clamp(std::sqrt(std::max(v, 0.0f)) + noise, 0.0f, 1.0f) + 0.5f);
      };
      std::uint8_t* out = sample.image.at(ix, iy);
      out[0] = byte(c.r);
      out[1] = byte(c.g);
      out[2] = byte(c.b);
      sample.labels.at(ix, iy) = static_cast<std::uint8_t>(label);
    }
  return sample;
}

}  // namespace lamina::data
