// The retina phantom: a fundus with its disc, macula and vessels, and four kinds of lesions, each a plane of the mask.
#include <numbers>

#include "lamina/data/phantoms/impl/drawing.hpp"
#include "lamina/data/phantoms/impl/phantoms.hpp"

namespace lamina::data {
namespace {

using namespace drawing;

constexpr float kField = 0.96f;   // radius of what the camera sees
constexpr float kVisible = 0.1f;  // masks are where a lesion is more visible than this, as the source thresholds its experts' agreement
constexpr float kDisc = 0.16f;    // radius of the optic disc
enum Kind { hard_exudates, soft_exudates, hemorrhages, red_small_dots };

struct Lesion {
  Kind kind;
  Frame frame;
  float aspect;
  /// How much of it is seen at a point, 0 to 1.
  float visibility(Vec p, const Noise& edge) const {
    const bool soft = kind == soft_exudates, spot = kind == red_small_dots;
    const Vec q = frame.local(p);
    if (length(q) > 2) return 0;
    const float d = length({q.x, q.y * aspect}) - 1 + (spot ? 0 : 0.9f * (edge.clouds(q * 1.7f + frame.center * 40, 2) - 0.5f));
    return soft ? ramp(0.25f, -0.95f, d) : ramp(0.3f, -0.4f, d);
  }
};

/// Many lesions or few: a third of the pictures has hardly any.
std::vector<Lesion> lesions(Random& r, Vec disc, float pixel) {
  std::vector<Lesion> all;
  const auto add = [&](Kind kind, Vec at, float radius) {
    if (length(at) > 0.88f * kField || length(at - disc) < kDisc + 0.06f) return;
    all.push_back({kind, Frame(at, radius, number(r, 0, 6.28f), false), number(r, 1, kind == red_small_dots ? 1.1f : 1.7f)});
  };
  const auto anywhere = [&] {
    const float angle = number(r, 0, 2 * std::numbers::pi_v<float>), distance = 0.85f * std::sqrt(number(r, 0.01f, 1));
    return Vec{std::cos(angle), std::sin(angle)} * distance;
  };
  const bool ill = chance(r, 0.67);
  const auto some = [&](double probability, std::uint64_t least, std::uint64_t most) {
    return ill && chance(r, probability) ? least + r.below(most - least + 1) : 0;
  };
  for (std::uint64_t i = 0, n = some(0.55, 1, 3); i < n; ++i) add(soft_exudates, anywhere(), number(r, 0.06f, 0.1f));
  for (std::uint64_t i = 0, n = some(0.75, 1, 3); i < n; ++i) {
    const Vec center = anywhere();
    for (std::uint64_t k = 0, spots = 4 + r.below(11); k < spots; ++k)
      add(hard_exudates, center + anywhere() * 0.17f, number(r, 0.014f, 0.034f));
  }
  for (std::uint64_t i = 0, n = some(0.8, 2, 8); i < n; ++i) add(hemorrhages, anywhere(), number(r, 0.035f, 0.095f));
  for (std::uint64_t i = 0, n = ill ? 3 + r.below(16) : r.below(4); i < n; ++i)
    add(red_small_dots, anywhere(), std::max(number(r, 0.012f, 0.018f), 1.2f * pixel));
  return all;
}

/// A piece of a vessel, and how dark its blood is.
struct Stroke {
  Vec a, b;
  float from, to, dark;
};

/// A vessel that bends, wanders and branches until it is too thin to be seen.
void grow(Random& r, std::vector<Stroke>& out, Vec at, float angle, float bend, float radius, float dark, int branch) {
  constexpr float kStep = 0.05f;
  while (radius > 0.003f && length(at) < kField) {
    const Vec to = at + Vec{std::cos(angle), std::sin(angle)} * kStep;
    const float next = 0.962f * radius;
    out.push_back({at, to, radius, next, dark});
    angle += kStep * bend + number(r, -0.11f, 0.11f);
    if (branch < 3 && chance(r, 0.15))
      grow(r, out, to, angle + (chance(r, 0.5) ? 1.0f : -1.0f) * number(r, 0.35f, 0.9f), number(r, -0.7f, 0.7f),
           radius * number(r, 0.45f, 0.75f), dark, branch + 1);
    at = to, radius = next;
  }
}

/// How much of each pixel's light is lost in vessels: arteries and veins that arch from the disc around the macula, and back to the rim.
std::vector<float> vessels(Random& r, Vec disc, int width, int height, float pixel) {
  std::vector<Stroke> strokes;
  const float side = disc.x > 0 ? 1.0f : -1.0f;
  for (const float up : {-1.0f, 1.0f})
    for (const bool vein : {false, true})
      for (const bool temporal : {true, false}) {
        const float toward = temporal ? -side : side, tilt = number(r, 0.75f, 1.15f);
        const float angle = std::atan2(up * std::sin(tilt), toward * std::cos(tilt));
        const float bend = temporal ? number(r, 0.5f, 0.95f) * (toward * up < 0 ? 1.0f : -1.0f) : number(r, -0.3f, 0.3f);
        grow(r, strokes, disc + Vec{number(r, -0.02f, 0.02f), 0.03f * up}, angle, bend, (vein ? 0.019f : 0.014f) * (temporal ? 1 : 0.8f),
             vein ? 0.62f : 0.42f, 0);
      }
  std::vector<float> lost(static_cast<std::size_t>(width) * static_cast<std::size_t>(height), 0);
  const Vec half{static_cast<float>(width) * pixel / 2, static_cast<float>(height) * pixel / 2};
  for (const Stroke& s : strokes) {
    const float wide = s.from + 1.5f * pixel;
    const auto bound = [&](float v, float offset, int end) { return std::clamp(static_cast<int>((v + offset) / pixel), 0, end - 1); };
    for (int y = bound(std::min(s.a.y, s.b.y) - wide, half.y, height), last = bound(std::max(s.a.y, s.b.y) + wide, half.y, height);
         y <= last; ++y)
      for (int x = bound(std::min(s.a.x, s.b.x) - wide, half.x, width), end = bound(std::max(s.a.x, s.b.x) + wide, half.x, width); x <= end;
           ++x) {
        const Vec p{(static_cast<float>(x) + 0.5f) * pixel - half.x, (static_cast<float>(y) + 0.5f) * pixel - half.y};
        float& here = lost[static_cast<std::size_t>(y) * static_cast<std::size_t>(width) + static_cast<std::size_t>(x)];
        here = std::max(here, s.dark * std::clamp(0.5f - capsule(p, s.a, s.b, s.from, s.to) / pixel, 0.0f, 1.0f));
      }
  }
  return lost;
}

}  // namespace

PhantomSample detail::draw_retina(int width, int height, RandomKey key) {
  Random r(key);
  const float pixel = 2.0f / static_cast<float>(std::min(width, height));
  const Vec half{static_cast<float>(width) * pixel / 2, static_cast<float>(height) * pixel / 2};
  const Noise choroid(r.bits()), edge(r.bits()), sensor(r.bits());
  const float side = chance(r, 0.5) ? 1.0f : -1.0f;  // which eye
  const Vec disc{side * number(r, 0.42f, 0.58f), number(r, -0.08f, 0.08f)}, macula{disc.x - side * number(r, 0.62f, 0.7f), disc.y + 0.06f};
  const Color tones[] = {display(206, 104, 48), display(188, 84, 40), display(214, 122, 66), display(164, 78, 46)};
  const Color ground = tones[r.below(4)] * number(r, 0.85f, 1.12f);
  const Vec light{number(r, -0.3f, 0.3f), number(r, -0.3f, 0.3f)};
  const std::vector<float> lost = vessels(r, disc, width, height, pixel);
  const std::vector<Lesion> found = lesions(r, disc, pixel);
  struct Look {
    Color color;
    float strength;
  };
  const Look looks[] = {
      {display(252, 226, 120), 0.85f}, {display(244, 218, 170), 0.75f}, {display(112, 18, 14), 0.8f}, {display(112, 20, 16), 0.75f}};

  PhantomSample sample{Image(width, height, 3), LabelImage(width, height, 0, 4)};
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const Vec p{(static_cast<float>(x) + 0.5f) * pixel - half.x, (static_cast<float>(y) + 0.5f) * pixel - half.y};
      const float rim = ramp(kField + pixel, kField - pixel, length(p));
      Color c = ground * (1.08f - 0.42f * dot(p, p) + dot(light, p)) * (0.84f + 0.32f * choroid.clouds(p * 5, 4));
      c = c * mix(0.55f, 1, ramp(0, 0.32f, length(p - macula)));
      const float at_disc = length({p.x - disc.x, (p.y - disc.y) * 0.92f});
      c = mix(c, display(248, 214, 142) * mix(1.15f, 0.9f, ramp(0.02f, kDisc, at_disc)), ramp(kDisc + 0.02f, kDisc - 0.03f, at_disc));
      const float blood = lost[static_cast<std::size_t>(y) * static_cast<std::size_t>(width) + static_cast<std::size_t>(x)];
      c = c * Color{1 - 0.6f * blood, 1 - 1.05f * blood, 1 - blood};
      for (const Lesion& l : found) {
        const float seen = l.visibility(p, edge);
        c = mix(c, looks[l.kind].color * (0.8f + 0.4f * choroid(p * 30)), looks[l.kind].strength * seen);
        if (seen > kVisible) (&sample.labels.at(x, y))[l.kind] = 1;
      }
      store(sample.image, x, y, c * rim, 0.02f * (sensor.cell(x, y) + sensor.cell(x + 7919, y) - 1));
    }
  return sample;
}

}  // namespace lamina::data
