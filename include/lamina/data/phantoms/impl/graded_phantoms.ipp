// Phantoms of several things graded at once: skin with four kinds of damage, and patches of color.
#include <array>
#include <cctype>

#include "lamina/data/phantoms/impl/drawing.hpp"
#include "lamina/data/phantoms/impl/phantoms.hpp"

namespace lamina::data {
namespace {

using namespace drawing;

constexpr int kGrades = 4;

/// A lesion: where it is, and how bad each kind of damage is there.
struct GradedLesion {
  Frame frame;
  std::array<int, 4> grades;
  float inside(Vec p, const Noise& edge) const { return ellipse(frame.local(p), {0, 0}, {1, 0.7f}) + 0.35f * (edge(p * 4) - 0.5f); }
};

}  // namespace

/// Skin with one to four lesions. A: redness. B: papules, raised and lit from the upper left. C: scratches. D: coarse dark skin lines.
PhantomSample detail::draw_severity(int width, int height, RandomKey key) {
  Random r(key);
  const float pixel = 2.0f / static_cast<float>(std::min(width, height));
  const Vec half{static_cast<float>(width) * pixel / 2, static_cast<float>(height) * pixel / 2};
  const Noise pores(r.bits()), edge(r.bits()), sensor(r.bits());
  const Color tones[] = {display(236, 200, 176), display(214, 168, 134), display(176, 124, 92), display(122, 84, 62)};
  const Color skin = tones[r.below(4)], red = skin * display(255, 92, 88);
  const float slope = number(r, -0.2f, 0.2f), tilt = number(r, -0.2f, 0.2f), angle = number(r, 0, 3.14f);
  std::vector<GradedLesion> lesions;
  for (std::uint64_t i = 0, n = 1 + r.below(4); i < n; ++i) {
    const Vec at{number(r, -0.7f * half.x, 0.7f * half.x), number(r, -0.7f * half.y, 0.7f * half.y)};
    GradedLesion l{Frame(at, number(r, 0.28f, 0.6f), number(r, 0, 6.28f), false), {}};
    for (int& grade : l.grades) grade = chance(r, 0.35) ? 0 : 1 + static_cast<int>(r.below(3));
    lesions.push_back(l);
  }
  const Vec along_scratch{std::cos(angle), std::sin(angle)}, across{-along_scratch.y, along_scratch.x}, light{-0.6f, -0.8f};

  PhantomSample sample{Image(width, height, 3), LabelImage(width, height, 0, 4)};
  for (int iy = 0; iy < height; ++iy)
    for (int ix = 0; ix < width; ++ix) {
      const Vec p{(static_cast<float>(ix) + 0.5f) * pixel - half.x, (static_cast<float>(iy) + 0.5f) * pixel - half.y};
      std::array<int, 4> grades{};
      for (const GradedLesion& l : lesions)  // the last one covers those before
        if (l.inside(p, edge) < 0) grades = l.grades;
      const auto strength = [&](std::size_t k) { return static_cast<float>(grades[k]) / (kGrades - 1); };
      Color c = skin * (0.94f + 0.12f * pores.clouds(p * 9, 3));
      c = mix(c, red, 0.8f * strength(0) * (0.85f + 0.3f * pores(p * 6)));
      const auto relief = [&](Vec q) { return ramp(0.5f, 0.75f, pores(q * 14 + Vec{31, 7})); };
      c = c * (1 - 0.9f * strength(1) * (relief(p) - relief(p - light * 0.025f)));
      const float scratch = std::abs(std::remainder(dot(p, across) + 0.02f * pores(p * 5), 0.13f)) - 0.018f;
      if (grades[2]) c = mix(c, display(110, 18, 16), 0.85f * strength(2) * ramp(0.008f, -0.008f, scratch));
      const float line = std::min(std::abs(std::remainder(p.x + 0.6f * p.y + 0.03f * pores(p * 6), 0.11f)),
                                  std::abs(std::remainder(p.x - 0.6f * p.y + 0.03f * pores(p * 7), 0.11f)));
      c = c * (1 - 0.65f * strength(3) * ramp(0.022f, 0.006f, line)) * (1 - 0.12f * strength(3));
      store(sample.image, ix, iy, c * (1 + slope * p.x + tilt * p.y), 0.02f * (sensor.cell(ix, iy) + sensor.cell(ix + 7919, iy) - 1));
      for (std::size_t k = 0; k < 4; ++k) (&sample.labels.at(ix, iy))[k] = static_cast<std::uint8_t>(grades[k]);
    }
  return sample;
}

/// Patches whose red, green and blue lie in quarters of their range: the toy of the question that this kind of data set comes from.
PhantomSample detail::draw_rgb(int width, int height, RandomKey key) {
  Random r(key);
  const Noise noise(r.bits());
  struct Patch {
    float x, y;
    std::array<int, 3> grades, values;
  };
  std::vector<Patch> patches(4 + r.below(5));
  for (Patch& p : patches) {
    p.x = number(r, 0, static_cast<float>(width)), p.y = number(r, 0, static_cast<float>(height));
    for (std::size_t k = 0; k < 3; ++k) {
      p.grades[k] = static_cast<int>(r.below(kGrades));
      p.values[k] = 64 * p.grades[k] + 8 + static_cast<int>(r.below(48));
    }
  }
  PhantomSample sample{Image(width, height, 3), LabelImage(width, height, 0, 3)};
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const auto distance = [&](const Patch& p) { return length({static_cast<float>(x) - p.x, static_cast<float>(y) - p.y}); };
      const Patch& p =
          *std::min_element(patches.begin(), patches.end(), [&](const Patch& a, const Patch& b) { return distance(a) < distance(b); });
      for (std::size_t k = 0; k < 3; ++k) {
        sample.image.at(x, y)[k] =
            static_cast<std::uint8_t>(p.values[k] + static_cast<int>(16 * noise.cell(x + 4099 * static_cast<int>(k), y)) - 8);
        (&sample.labels.at(x, y))[k] = static_cast<std::uint8_t>(p.grades[k]);
      }
    }
  return sample;
}

std::vector<std::vector<int>> parse_combinations(const std::string& list, const LabelSchema& schema) {
  std::vector<std::vector<int>> all;
  require<OptionError>(list.empty() || !schema.planes.empty(), "--withhold ", list, ": this phantom has no grades; severity and rgb have");
  for (std::size_t begin = 0; begin < list.size();) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    const std::string item = list.substr(begin, end - begin);
    std::vector<int> grades;
    std::size_t at = 0;
    for (const std::string& plane : schema.planes) {
      if (at < item.size() && item[at] == '_') ++at;
      const bool named = item.compare(at, plane.size(), plane) == 0 && at + plane.size() < item.size();
      const int grade = named ? item[at + plane.size()] - '0' : -1;
      require<OptionError>(grade >= 0 && grade < schema.classes(), "--withhold: \"", item, "\" is no combination such as ",
                           schema.planes.size() == 3 ? "r0g1b2" : "A0_B1_C3_D0", ": a grade from 0 to ", schema.classes() - 1,
                           " for each of ", schema.planes.size(), " planes");
      grades.push_back(grade);
      at += plane.size() + 1;
    }
    require<OptionError>(at == item.size(), "--withhold: \"", item, "\" has more than ", schema.planes.size(), " grades");
    all.push_back(grades);
    begin = end + 1;
  }
  return all;
}

bool holds_combination(const LabelImage& labels, const std::vector<std::vector<int>>& combinations) {
  const std::size_t planes = labels.values();
  for (std::size_t i = 0; i < labels.labels.size(); i += planes)
    for (const std::vector<int>& c : combinations)
      if (std::equal(c.begin(), c.end(), labels.labels.begin() + static_cast<std::ptrdiff_t>(i))) return true;
  return false;
}

}  // namespace lamina::data
