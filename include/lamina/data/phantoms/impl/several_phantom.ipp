// Phantoms of several questions to every pixel: where is skin, what lies over it, how bad is each kind of damage.
#include <utility>

#include "lamina/data/phantoms/impl/drawing.hpp"
#include "lamina/data/phantoms/impl/phantoms.hpp"

namespace lamina::data {

using namespace drawing;

/// A limb with damage as draw_severity has it, on cloth; hairs over the skin, and often a ruler, under which damage is not known.
PhantomSample detail::draw_several(int width, int height, RandomKey key) {
  PhantomSample sample = draw_severity(width, height, key.derive(1));
  const LabelImage grades = std::exchange(sample.labels, LabelImage(width, height, 0, 7));  // tissue, hair, ruler, A, B, C, D
  Random r(key.derive(2));
  const float pixel = 2.0f / static_cast<float>(std::min(width, height));
  const Vec half{static_cast<float>(width) * pixel / 2, static_cast<float>(height) * pixel / 2};
  const Color cloths[] = {display(60, 88, 122), display(84, 112, 92), display(120, 116, 128), display(44, 50, 60)};
  const Color cloth = cloths[r.below(4)];
  const Noise threads(r.bits());
  const float angle = number(r, 0, 3.14f), reach = 2 * length(half);
  const Vec along_limb{std::cos(angle), std::sin(angle)}, middle{number(r, -0.3f, 0.3f), number(r, -0.3f, 0.3f)};
  const Vec from = middle - along_limb * reach, to = middle + along_limb * reach;
  const float wide = number(r, 0.5f, 0.8f), narrow = wide * number(r, 0.7f, 1);
  struct Hair {
    Vec a, b;
  };
  std::vector<Hair> hairs(3 + r.below(6));
  for (Hair& h : hairs) {
    h.a = {number(r, -half.x, half.x), number(r, -half.y, half.y)};
    const float turn = angle + number(r, 0.6f, 1.4f), size = number(r, 0.25f, 0.5f);
    h.b = h.a + Vec{std::cos(turn), std::sin(turn)} * size;
  }
  const bool measured = chance(r, 0.6);
  const Frame ruler({number(r, -0.5f, 0.5f), number(r, -0.5f, 0.5f)}, 1, number(r, 0, 3.14f), false);
  for (int iy = 0; iy < height; ++iy)
    for (int ix = 0; ix < width; ++ix) {
      const Vec p{(static_cast<float>(ix) + 0.5f) * pixel - half.x, (static_cast<float>(iy) + 0.5f) * pixel - half.y};
      const float skin = capsule(p, from, to, wide, narrow), band = 1.5f * pixel;
      const Vec on = ruler.local(p);
      const float plate = measured ? rounded_box(on, {0, 0}, {0.55f, 0.09f}, 0.01f) : 1;
      float hair = 1;
      for (const Hair& h : hairs) hair = std::min(hair, capsule(p, h.a, h.b, 1.1f * pixel, 0.9f * pixel));
      std::uint8_t* labels = &sample.labels.at(ix, iy);
      labels[0] = std::abs(skin) < band ? 2 : skin < 0 ? 1 : 0;
      labels[1] = hair < 0 && skin < 0 && plate > 0, labels[2] = plate < 0;
      for (std::size_t k = 0; k < 4; ++k) labels[3 + k] = plate < 0 ? kIgnoreLabel : skin < 0 ? (&grades.at(ix, iy))[k] : 0;
      const float grain = 0.03f * (threads.cell(ix, iy) - 0.5f);
      if (plate < 0) {
        const bool tick = on.y > 0.01f && std::abs(std::remainder(on.x, 0.11f)) < 0.6f * pixel + 0.006f;
        store(sample.image, ix, iy, tick ? display(30, 30, 30) : display(236, 236, 228), grain);
      } else if (skin >= 0) {
        const float weave = 0.9f + 0.1f * std::sin(70 * p.x + 6 * threads(p * 5)) * std::sin(70 * p.y);
        store(sample.image, ix, iy, cloth * weave * ramp(0, 0.12f, skin + 0.06f), grain);
      } else if (hair < 0) {
        store(sample.image, ix, iy, display(40, 30, 26), grain);
      }
    }
  return sample;
}

}  // namespace lamina::data
