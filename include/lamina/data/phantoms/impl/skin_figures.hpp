#pragma once
// The body regions of the skin phantom, as stacks of parts from back to front.
#include <functional>
#include <vector>

#include "lamina/data/phantoms/impl/drawing.hpp"

namespace lamina::data::drawing {

enum class Region : std::uint8_t { background, uncertain, face, hand, foot, limb, trunk, scalp, anogenital };
enum class Material : std::uint8_t { skin, hair, cloth };

/// The look of a point of a surface, changed by details before it is lit.
struct Look {
  Color albedo;
  float height = 0;  ///< bumps, in units of length
  float gloss = 1;
};

struct Part {
  Region region;
  Material material;
  float roundness;  ///< distance from the border over which the surface curves away
  Frame frame;
  std::function<float(Vec)> distance;           ///< in the frame
  std::function<void(Vec, Look&)> detail = {};  ///< in the frame; may be empty

  float at(Vec p) const { return distance(frame.local(p)) * frame.scale; }
};
using Parts = std::vector<Part>;

/// Darkens (or tints) a smooth spot: full inside distance 0, gone at `soft`.
inline void tint(Look& look, Color color, float distance, float soft, float strength = 1) {
  look.albedo = mix(look.albedo, look.albedo * color, strength * ramp(soft, 0, distance));
}
inline void paint(Look& look, Color color, float distance, float soft) { look.albedo = mix(look.albedo, color, ramp(soft, 0, distance)); }
inline float line(Vec p, Vec a, Vec b) { return capsule(p, a, b, 0, 0); }
inline const Color kCrease = display(165, 130, 125);
inline const Color kNail = display(255, 226, 222);

inline Parts hand(Random& r, const Frame& f) {
  const bool back = chance(r, 0.6);
  const float spread = number(r, 0.6f, 1.4f), curl = number(r, 0.75f, 1.05f);
  struct Finger {
    Vec base, tip;
    float thick;
  };
  std::vector<Finger> fingers;
  const float lengths[4] = {0.40f, 0.53f, 0.58f, 0.50f};
  for (int i = 0; i < 4; ++i) {
    const float x = -0.27f + 0.18f * static_cast<float>(i), lean = (x + 0.02f) * 0.8f * spread + number(r, -0.03f, 0.03f),
                reach = lengths[i] * curl;
    fingers.push_back({{x, -0.12f}, {x + lean * reach, -0.2f - reach}, i == 0 ? 0.068f : 0.079f});
  }
  fingers.push_back({{0.22f, 0.28f}, {0.52f + 0.12f * spread, -0.02f}, 0.088f});
  const auto shape = [fingers](Vec p) {
    float d = blend(rounded_box(p, {-0.01f, 0.14f}, {0.345f, 0.33f}, 0.17f), capsule(p, {0, 0.25f}, {0, 0.62f}, 0.26f, 0.2f), 0.1f);
    for (const Finger& g : fingers) d = blend(d, capsule(p, g.base, g.tip, g.thick, g.thick * 0.8f), 0.05f);
    return d;
  };
  const auto detail = [fingers, back](Vec p, Look& look) {
    for (const Finger& g : fingers) {
      const Vec axis = (g.tip - g.base) * (1 / length(g.tip - g.base)), side{-axis.y, axis.x};
      if (capsule(p, g.base, g.tip, g.thick, g.thick) > 0.02f) continue;
      for (const float t : {0.12f, 0.42f, 0.72f}) {  // joints
        const Vec c = g.base + (g.tip - g.base) * t;
        const float wide = back ? 0.5f : 0.85f;
        for (const float gap : {-0.012f, 0.012f})
          tint(look, kCrease, line(p, c + axis * gap - side * (g.thick * wide), c + axis * gap + side * (g.thick * wide)) - 0.003f, 0.012f,
               0.8f);
        if (back) look.height += 0.012f * ramp(0.07f, 0, length(p - c));
      }
      if (back) {
        const Vec q = p - (g.tip - axis * 0.005f);
        const float nail = ellipse({dot(q, side), dot(q, axis)}, {0, 0}, {g.thick * 0.55f, g.thick * 0.75f});
        tint(look, kCrease, std::abs(nail) - 0.004f, 0.012f);
        paint(look, mix(look.albedo, kNail, 0.55f), nail, 0.008f);
        if (nail < 0) look.gloss = 1.6f;
      }
    }
    if (back) {
      for (int i = 0; i < 4; ++i) look.height += 0.02f * ramp(0.09f, 0, length(p - fingers[static_cast<std::size_t>(i)].base));  // knuckles
      for (const float x : {-0.14f, 0.0f, 0.13f}) look.height += 0.006f * ramp(0.03f, 0, line(p, {x * 0.6f, 0.3f}, {x * 1.2f, -0.02f}));
    } else {
      tint(look, kCrease, std::abs(circle(p, {0.30f, 0.36f}, 0.32f)) - 0.002f, 0.014f, 0.65f);  // life line
      tint(look, kCrease, line(p, {-0.3f, 0.06f}, {0.16f, 0.02f}) - 0.002f, 0.014f, 0.6f);
      tint(look, kCrease, line(p, {-0.26f, 0.2f}, {0.24f, 0.07f}) - 0.002f, 0.014f, 0.6f);
      tint(look, display(255, 205, 200), ellipse(p, {0, 0.12f}, {0.3f, 0.3f}), 0.2f, 0.6f);
    }
  };
  Parts parts;
  parts.push_back({Region::limb, Material::skin, 0.3f * f.scale, f, [](Vec p) {
                     return capsule(p, {0, 0.55f}, {0.1f, 2.4f}, 0.21f, 0.36f);
                   }});
  parts.push_back({Region::hand, Material::skin, 0.13f * f.scale, f, shape, detail});
  if (chance(r, 0.4)) {
    const float cuff = number(r, 0.85f, 1.2f);
    parts.push_back({Region::background, Material::cloth, 0.2f * f.scale, f, [cuff](Vec p) {
                       return std::max(capsule(p, {0, 0.55f}, {0.1f, 2.4f}, 0.3f, 0.46f), cuff - p.y + 0.05f * std::sin(9 * p.x));
                     }});
  }
  return parts;
}

inline Parts foot(Random& r, const Frame& f) {
  const bool sole = chance(r, 0.4);
  const float slim = number(r, 0.88f, 1.08f);
  struct Toe {
    Vec center, base;
    float radius;
  };
  std::vector<Toe> toes;
  const float xs[5] = {-0.22f, -0.045f, 0.075f, 0.175f, 0.26f}, ys[5] = {-0.70f, -0.71f, -0.66f, -0.59f, -0.49f},
              rs[5] = {0.125f, 0.078f, 0.073f, 0.068f, 0.066f};
  for (int i = 0; i < 5; ++i) toes.push_back({{xs[i], ys[i] + number(r, -0.02f, 0.02f)}, {xs[i] * 0.8f, ys[i] + 0.32f}, rs[i]});
  const auto shape = [toes, slim](Vec p) {
    p.x /= slim;
    float d =
        blend(capsule(p, {0.01f, 0.6f}, {0.06f, 0.1f}, 0.235f, 0.215f), capsule(p, {0.05f, 0.1f}, {0.0f, -0.33f}, 0.2f, 0.29f), 0.15f);
    for (const Toe& t : toes) d = blend(d, capsule(p, t.base, t.center, t.radius * 0.8f, t.radius), 0.035f);
    return d;
  };
  const auto detail = [toes, sole, slim](Vec p, Look& look) {
    p.x /= slim;
    for (std::size_t i = 0; i < toes.size(); ++i) {
      const Toe& t = toes[i];
      if (i)
        tint(look, display(120, 85, 80),
             line(p, (t.center + toes[i - 1].center) * 0.5f, (t.base + toes[i - 1].base) * 0.5f + Vec{0, -0.12f}) - 0.004f, 0.022f);
      if (sole) {
        tint(look, display(255, 200, 195), length(p - t.center) - t.radius * 0.5f, t.radius * 0.6f, 0.7f);
        continue;
      }
      const float nail = ellipse(p, t.center + Vec{0, -t.radius * 0.35f}, {t.radius * 0.55f, t.radius * 0.5f});
      tint(look, kCrease, std::abs(nail) - 0.004f, 0.014f);
      paint(look, mix(look.albedo, kNail, 0.5f), nail, 0.008f);
      if (nail < 0) look.gloss = 1.6f;
      tint(look, kCrease, line(p, t.center + Vec{-t.radius * 0.5f, t.radius}, t.center + Vec{t.radius * 0.5f, t.radius}) - 0.003f, 0.016f,
           0.6f);
    }
    if (sole) {
      tint(look, display(255, 205, 195), ellipse(p, {0, -0.33f}, {0.25f, 0.16f}), 0.12f, 0.8f);
      tint(look, display(255, 205, 195), circle(p, {0.01f, 0.6f}, 0.15f), 0.1f, 0.8f);
      for (const float y : {0.0f, 0.12f, 0.22f}) tint(look, kCrease, std::abs(circle(p, {0.05f, y - 0.7f}, 0.72f)) - 0.003f, 0.015f, 0.5f);
    } else {
      for (std::size_t i = 0; i < toes.size(); ++i)
        look.height += 0.012f * ramp(0.03f, 0, line(p, toes[i].base, {0.03f, 0.25f}));  // tendons
    }
  };
  Parts parts;
  if (!sole)
    parts.push_back({Region::limb, Material::skin, 0.25f * f.scale, f, [](Vec p) {
                       return capsule(p, {0.02f, 0.55f}, {-0.05f, 2.6f}, 0.2f, 0.34f);
                     }});
  parts.push_back({Region::foot, Material::skin, 0.16f * f.scale, f, shape, detail});
  if (!sole)
    parts.push_back({Region::limb, Material::skin, 0.2f * f.scale, f, [](Vec p) {
                       return std::max(capsule(p, {0.02f, 0.55f}, {-0.05f, 2.6f}, 0.19f, 0.34f), 0.52f - p.y);
                     }});
  return parts;
}

inline Parts face(Random& r, const Frame& f) {
  const float jaw = number(r, 0.36f, 0.46f), eye_y = -0.08f, smile = number(r, -0.03f, 0.05f), hairline = number(r, -0.52f, -0.4f);
  const float open = number(r, 0.028f, 0.045f), turn = number(r, -0.08f, 0.08f), side_hair = number(r, 0.6f, 0.72f),
              long_hair = chance(r, 0.45) ? number(r, 0.5f, 1.2f) : 0.05f;
  const bool beard = chance(r, 0.25);
  const Color iris = chance(r, 0.6) ? display(80, 50, 30) : display(90, 120, 130),
              lips = display(255, number(r, 140, 185), number(r, 150, 190));
  const auto head = [jaw](Vec p) { return blend(ellipse(p, {0, -0.18f}, {0.56f, 0.58f}), ellipse(p, {0, 0.3f}, {jaw, 0.42f}), 0.3f); };
  const auto detail = [=](Vec p, Look& look) {
    p.x -= turn;
    const Vec m{std::abs(p.x), p.y};                                                              // features come in pairs
    tint(look, display(255, 195, 185), ellipse(m, {0.27f, 0.16f}, {0.12f, 0.1f}), 0.16f, 0.55f);  // cheeks
    tint(look, kCrease, ellipse(m, {0.22f, eye_y}, {0.13f, 0.075f}), 0.09f, 0.6f);                // sockets
    look.height += 0.08f * ramp(0.1f, 0, line(p, {0, -0.1f}, {0, 0.14f})) + 0.04f * ramp(0.1f, 0, circle(p, {0, 0.17f}, 0.03f));  // nose
    tint(look, display(90, 50, 45), ellipse(m, {0.05f, 0.205f}, {0.028f, 0.012f}), 0.018f);
    tint(look, kCrease, std::abs(circle(m, {0.045f, 0.17f}, 0.062f)) - 0.002f + 10 * std::max(0.05f - m.x, 0.0f), 0.02f, 0.6f);
    tint(look, kCrease, line(m, {0.12f, 0.2f}, {0.2f, 0.36f}) - 0.003f, 0.03f, 0.4f);
    const float eye = std::max(circle(m, {0.22f, eye_y + 0.13f - open}, 0.13f), circle(m, {0.22f, eye_y - 0.13f + open}, 0.13f));
    paint(look, display(236, 230, 226), eye, 0.008f);
    if (eye < 0.01f) {
      const float ball = circle({m.x, p.y}, {0.22f, eye_y}, 0.04f);
      paint(look, mix(look.albedo, iris, 1), std::max(ball, eye), 0.01f);
      paint(look, display(15, 12, 12), std::max(ball + 0.022f, eye), 0.006f);
      paint(look, display(255, 255, 255), circle(p, {p.x > 0 ? 0.235f : -0.205f, eye_y - 0.014f}, 0.007f), 0.006f);
    }
    tint(look, display(60, 40, 35), std::abs(eye) - 0.004f + (p.y > eye_y ? 0.008f : 0), 0.014f);
    tint(look, display(75, 52, 42), line(m, {0.12f, eye_y - 0.115f}, {0.33f, eye_y - 0.13f}) - 0.016f, 0.02f, 0.9f);  // brows
    const float mouth_y = 0.4f - smile * m.x * 6;
    const float upper = ellipse({m.x, p.y}, {0.05f, mouth_y - 0.012f}, {0.11f, 0.035f}),
                lower = ellipse(p, {0, mouth_y + 0.026f}, {0.125f, 0.042f});
    tint(look, lips, std::min(upper, lower), 0.02f);
    tint(look, display(110, 60, 55), std::max(std::abs(p.y - mouth_y) - 0.004f, m.x - 0.155f), 0.014f);
    tint(look, kCrease, std::abs(circle(p, {0, 0.44f}, 0.1f)) - 0.004f + 10 * std::max(0.51f - p.y, 0.0f), 0.03f, 0.5f);
    if (beard)
      tint(look, display(110, 95, 88), std::max(0.22f - p.y + 0.2f * (0.4f - m.x), -ellipse(p, {0, mouth_y}, {0.15f, 0.06f})), 0.1f, 0.8f);
  };
  Parts parts;
  parts.push_back(
      {Region::trunk, Material::skin, 0.3f * f.scale, f, [](Vec p) {
         return blend(capsule(p, {0, 0.4f}, {0, 1.2f}, 0.3f, 0.34f), capsule(p, {-0.7f, 1.45f}, {0.7f, 1.45f}, 0.35f, 0.35f), 0.25f);
       }});
  parts.push_back({Region::background, Material::cloth, 0.25f * f.scale, f, [](Vec p) {
                     return std::max(capsule(p, {-0.7f, 1.48f}, {0.7f, 1.48f}, 0.42f, 0.42f), 0.34f - length(p - Vec{0, 0.9f}));
                   }});
  parts.push_back({Region::scalp, Material::hair, 0.3f * f.scale, f, [=](Vec p) {
                     return blend(ellipse(p, {0, -0.28f}, {side_hair, 0.62f}),
                                  capsule({std::abs(p.x), p.y}, {0.45f, -0.2f}, {0.5f, long_hair}, 0.2f, 0.15f), 0.2f);
                   }});
  parts.push_back(
      {Region::face, Material::skin, 0.06f * f.scale, f,
       [](Vec p) {
         return ellipse({std::abs(p.x), p.y}, {0.57f, 0.02f}, {0.09f, 0.15f});
       },
       [](Vec p, Look& look) {
         tint(look, display(200, 130, 120), std::abs(ellipse({std::abs(p.x), p.y}, {0.58f, 0.02f}, {0.045f, 0.09f})) - 0.008f, 0.02f);
       }});
  parts.push_back({Region::face, Material::skin, 0.34f * f.scale, f, head, detail});
  parts.push_back({Region::scalp, Material::hair, 0.2f * f.scale, f, [=](Vec p) {
                     return std::max(head(p) - 0.02f,
                                     p.y - hairline + 0.25f * p.x * p.x * 4 - 0.5f * std::max(std::abs(p.x) - 0.42f, 0.0f) * 10);
                   }});
  return parts;
}

inline Parts scalp(Random& r, const Frame& f) {
  const Vec patch{number(r, -0.3f, 0.3f), number(r, -0.4f, 0.2f)};
  const float bald = chance(r, 0.6) ? number(r, 0.1f, 0.26f) : 0.0f, wave = number(r, 0, 6);
  Parts parts;
  parts.push_back({Region::trunk, Material::skin, 0.3f * f.scale, f, [](Vec p) { return capsule(p, {0, 0.5f}, {0, 1.4f}, 0.34f, 0.4f); }});
  parts.push_back({Region::background, Material::cloth, 0.25f * f.scale, f, [](Vec p) {
                     return std::max(capsule(p, {-0.9f, 1.5f}, {0.9f, 1.5f}, 0.5f, 0.5f), 0.3f - length(p - Vec{0, 0.92f}));
                   }});
  parts.push_back({Region::face, Material::skin, 0.06f * f.scale, f, [](Vec p) {
                     return ellipse({std::abs(p.x), p.y}, {0.69f, 0.1f}, {0.09f, 0.17f});
                   }});
  parts.push_back({Region::scalp, Material::hair, 0.5f * f.scale, f, [](Vec p) { return ellipse(p, {0, -0.08f}, {0.68f, 0.78f}); }});
  if (bald > 0)  // a patch where the skin of the scalp shows
    parts.push_back({Region::scalp, Material::skin, 2 * f.scale, f,
                     [=](Vec p) { return circle(p, patch, bald) + 0.03f * std::sin(7 * std::atan2(p.y - patch.y, p.x - patch.x) + wave); },
                     [](Vec, Look& look) { look.albedo = look.albedo * display(246, 230, 226); }});
  return parts;
}

inline Parts limb(Random& r, const Frame& f) {
  const float thick = number(r, 0.26f, 0.4f), taper = number(r, 0.65f, 0.95f), bend = chance(r, 0.5) ? number(r, 0.1f, 0.6f) : 0.0f,
              calf = number(r, 0, 0.1f);
  const auto shape = [=](Vec p) {
    const float upper = capsule(p, {-bend, -2.2f}, {0, 0}, thick, thick * mix(1, taper, 0.5f)),
                lower = capsule(p, {0, 0}, {-bend, 2.2f}, thick * mix(1, taper, 0.5f), thick * taper * 0.8f);
    return blend(blend(upper, lower, 0.2f), capsule(p, {calf, 0.4f}, {calf * 0.5f, 1.0f}, thick * 0.75f, thick * 0.6f), 0.3f);
  };
  const auto detail = [=](Vec p, Look& look) {
    if (bend <= 0.1f) return;
    for (const float y : {-0.05f, 0.03f})
      tint(look, kCrease, line(p, {thick * 0.2f, y}, {thick * 0.9f, y * 2}) - 0.004f, 0.025f, 0.7f);  // the fold of the joint
  };
  Parts parts{{Region::limb, Material::skin, thick * 1.0f * f.scale, f, shape, detail}};
  if (chance(r, 0.35)) {
    const float edge = number(r, 0.45f, 0.8f), slope = number(r, -0.3f, 0.3f);
    parts.push_back({Region::background, Material::cloth, 0.25f * f.scale, f,
                     [=](Vec p) { return std::max(shape(p) - 0.09f, edge + slope * p.x - p.y); }});
  }
  return parts;
}

inline Parts trunk(Random& r, const Frame& f) {
  const float wide = number(r, 0.5f, 0.62f), waist = number(r, 0.4f, 0.52f), arms = number(r, 0.02f, 0.16f);
  const bool back = chance(r, 0.5), left = chance(r, 0.75), right = chance(r, 0.75), dressed = chance(r, 0.6);
  const auto shape = [=](Vec p) {
    return blend(blend(capsule(p, {0, -0.45f}, {0, 1.6f}, wide, waist),
                       capsule(p, {-wide * 0.75f, -0.72f}, {wide * 0.75f, -0.72f}, 0.24f, 0.24f), 0.3f),
                 capsule(p, {0, -0.8f}, {0, -1.4f}, 0.22f, 0.2f), 0.25f);
  };
  const auto detail = [=](Vec p, Look& look) {
    const Vec m{std::abs(p.x), p.y};
    if (back) {
      look.height -= 0.05f * ramp(0.1f, 0, line(p, {0, -0.9f}, {0, 1.2f}));  // spine
      tint(look, kCrease, line(p, {0, -0.6f}, {0, 0.9f}) - 0.003f, 0.06f, 0.35f);
      look.height += 0.06f * ramp(0.22f, 0, line(m, {0.22f, -0.6f}, {0.3f, -0.2f}));  // shoulder blades
      tint(look, kCrease, line(m, {0.16f, -0.3f}, {0.3f, -0.12f}) - 0.003f, 0.05f, 0.45f);
    } else {
      tint(look, display(120, 80, 72), ellipse(p, {0, 0.62f}, {0.022f, 0.035f}), 0.035f);  // navel
      look.height += 0.05f * ramp(0.3f, 0, ellipse(m, {0.26f, -0.3f}, {0.16f, 0.12f}));
      tint(look, kCrease, line(m, {0.06f, -0.84f}, {0.46f, -0.9f}) - 0.006f, 0.05f, 0.5f);  // collar bones
      tint(look, kCrease, line(p, {0, -0.2f}, {0, 0.5f}) - 0.003f, 0.06f, 0.3f);
      tint(look, display(205, 135, 125), circle(m, {0.3f, -0.24f}, 0.03f), 0.035f);
    }
  };
  Parts parts;
  const auto arm = [=](float side) {
    return [=](Vec p) {
      p.x *= side;
      return blend(capsule(p, {wide * 0.95f + 0.1f, -0.62f}, {wide + 0.22f + arms, 0.3f}, 0.17f, 0.14f),
                   capsule(p, {wide + 0.22f + arms, 0.3f}, {wide + 0.2f + arms * 1.5f, 1.3f}, 0.14f, 0.11f), 0.1f);
    };
  };
  parts.push_back({Region::trunk, Material::skin, 0.42f * f.scale, f, shape, detail});
  if (left) parts.push_back({Region::limb, Material::skin, 0.14f * f.scale, f, arm(-1)});
  if (right) parts.push_back({Region::limb, Material::skin, 0.14f * f.scale, f, arm(1)});
  if (dressed) {
    const float hem = number(r, 0.75f, 1.0f), sag = number(r, -0.1f, 0.1f);
    parts.push_back(
        {Region::background, Material::cloth, 0.2f * f.scale, f, [=](Vec p) {
           return std::max(capsule(p, {0, 0.5f}, {0, 2}, waist + 0.1f, waist + 0.16f), hem + sag * p.x + 0.06f * p.x * p.x - p.y);
         }});
  }
  return parts;
}

/// The seat, seen from behind, between back and thighs.
inline Parts anogenital(Random& r, const Frame& f) {
  const float wide = number(r, 0.3f, 0.36f), drop = number(r, 0.0f, 0.08f);
  const bool dressed = chance(r, 0.5);
  const auto shape = [=](Vec p) {
    return blend(ellipse({std::abs(p.x), p.y}, {wide * 0.9f, 0}, {wide, 0.46f + drop}), ellipse(p, {0, -0.1f}, {0.3f, 0.3f}), 0.1f);
  };
  const auto detail = [=](Vec p, Look& look) {
    const float cleft = line(p, {0, -0.32f}, {0, 0.4f});
    tint(look, display(150, 100, 90), cleft - 0.004f, 0.05f, 0.85f);
    look.height -= 0.2f * ramp(0.2f, 0, cleft);
    tint(
        look, kCrease,
        std::abs(ellipse({std::abs(p.x), p.y}, {wide * 0.9f, 0}, {wide * 0.97f, 0.43f + drop})) - 0.004f + 10 * std::max(0.25f - p.y, 0.0f),
        0.04f, 0.8f);
  };
  Parts parts;
  parts.push_back({Region::trunk, Material::skin, 0.35f * f.scale, f,
                   [=](Vec p) {
                     return capsule(p, {0, -0.1f}, {0, -2}, wide * 1.75f, wide * 1.6f);
                   },
                   [](Vec p, Look& look) {
                     look.height -= 0.05f * ramp(0.12f, 0, line(p, {0, -2}, {0, -0.4f}));
                   }});
  for (const float side : {-1.0f, 1.0f})
    parts.push_back({Region::limb, Material::skin, 0.28f * f.scale, f, [=](Vec p) {
                       return capsule({p.x * side, p.y}, {wide * 0.95f, 0.25f}, {wide * 0.9f, 2.2f}, wide * 0.92f, wide * 0.7f);
                     }});
  parts.push_back({Region::anogenital, Material::skin, 0.34f * f.scale, f, shape, detail});
  if (dressed) {
    const float hem = number(r, -0.75f, -0.5f);
    parts.push_back({Region::background, Material::cloth, 0.2f * f.scale, f, [=](Vec p) {
                       return std::max(capsule(p, {0, -0.1f}, {0, -2}, wide * 2.1f, wide * 2.1f), p.y - hem - 0.05f * std::sin(5 * p.x));
                     }});
  }
  return parts;
}

}  // namespace lamina::data::drawing
