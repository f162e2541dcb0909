// Connected objects of masks: how wide they are.
#include <algorithm>
#include <cmath>

#include "lamina/core/device.hpp"
#include "lamina/data/impl/head_masks.hpp"
#include "lamina/data/impl/survey.hpp"

namespace lamina::data::detail {
namespace {

constexpr std::size_t kMostMasks = 400;  // which tell what is in the middle
constexpr double kNoise = 4;             // pixels: smaller ones are slips of a pen

/// Of one plane, where pixels of one label that touch, also at corners, are an object.
class Objects {
 public:
  Objects(const LabelImage& mask, std::size_t plane) : mask_(mask), plane_(plane), seen_(mask.labels.size() / mask.values()) {}

  /// Calls f(label, width): the side of an object that is a square, twice the width of one that is a line, 0 of noise.
  template <class Wanted, class F>
  void each(const Wanted& wanted, const F& f) {
    for (int y = 0; y < mask_.height; ++y)
      for (int x = 0; x < mask_.width; ++x)
        if (const std::uint8_t label = at(x, y); !seen_[index(x, y)] && wanted(label)) f(label, width_from(x, y));
  }

 private:
  std::size_t index(int x, int y) const {
    return static_cast<std::size_t>(y) * static_cast<std::size_t>(mask_.width) + static_cast<std::size_t>(x);
  }
  std::uint8_t at(int x, int y) const { return mask_.labels[index(x, y) * mask_.values() + plane_]; }
  bool is(int x, int y, std::uint8_t label) const { return x >= 0 && y >= 0 && x < mask_.width && y < mask_.height && at(x, y) == label; }

  double width_from(int x0, int y0) {
    const std::uint8_t label = at(x0, y0);
    double area = 0, edges = 0;
    stack_.assign(1, {x0, y0});
    seen_[index(x0, y0)] = true;
    while (!stack_.empty()) {
      const auto [x, y] = stack_.back();
      stack_.pop_back();
      ++area;
      for (int dy = -1; dy <= 1; ++dy)
        for (int dx = -1; dx <= 1; ++dx) {
          const bool same = is(x + dx, y + dy, label);
          if (!same && (dx == 0 || dy == 0)) ++edges;
          if (!same || seen_[index(x + dx, y + dy)]) continue;
          seen_[index(x + dx, y + dy)] = true;
          stack_.emplace_back(x + dx, y + dy);
        }
    }
    return area < kNoise ? 0 : 4 * area / edges;
  }

  const LabelImage& mask_;
  std::size_t plane_;
  std::vector<bool> seen_;
  std::vector<std::pair<int, int>> stack_;
};

}  // namespace

std::vector<std::vector<double>> object_widths(const std::vector<Item>& items, const MaskDecoder& decoder, const LabelSchema& schema,
                                               const DecodeLimits& limits) {
  const std::vector<LabelSchema::Label> labels = schema.counted_labels();
  const std::size_t step = items.size() / kMostMasks + 1, count = (items.size() + step - 1) / step;
  std::vector<std::vector<std::vector<double>>> found(count, std::vector<std::vector<double>>(labels.size()));
  current_cpu().parallel(static_cast<std::int64_t>(count), [&](std::int64_t i, int) {
    const Item& item = items[static_cast<std::size_t>(i) * step];
    if (item.mask.empty()) return;
    const LabelImage mask = read_mask(item, decoder, limits);
    for (std::size_t plane = 0; plane < mask.values(); ++plane) {
      const auto find = [&](std::uint8_t label) {
        return std::find(labels.begin(), labels.end(), LabelSchema::Label{static_cast<int>(plane), label, false});
      };
      Objects(mask, plane)
          .each([&](std::uint8_t label) { return find(label) != labels.end(); },
                [&](std::uint8_t label, double width) {
                  if (width > 0)
                    found[static_cast<std::size_t>(i)][static_cast<std::size_t>(find(label) - labels.begin())].push_back(
                        width / std::max(mask.width, mask.height));
                });
    }
  });
  std::vector<std::vector<double>> widths(labels.size());
  for (const auto& one : found)
    for (std::size_t k = 0; k < labels.size(); ++k) widths[k].insert(widths[k].end(), one[k].begin(), one[k].end());
  for (std::vector<double>& own : widths) std::sort(own.begin(), own.end());
  return widths;
}

}  // namespace lamina::data::detail
