#include "lamina/metrics/surface.hpp"

#include <algorithm>
#include <cmath>

#include "lamina/core/error.hpp"
#include "lamina/core/text.hpp"
#include "lamina/metrics/distance.hpp"

namespace lamina::metrics {
namespace {

using Mask = std::vector<std::uint8_t>;

/// Its set pixels that have one of four neighbours outside of it.
Mask border_of(const Mask& mask, std::int64_t height, std::int64_t width) {
  const auto at = [&](std::int64_t y, std::int64_t x) {
    return y >= 0 && y < height && x >= 0 && x < width && mask[static_cast<std::size_t>(y * width + x)];
  };
  Mask border(mask.size());
  for (std::int64_t y = 0; y < height; ++y)
    for (std::int64_t x = 0; x < width; ++x)
      border[static_cast<std::size_t>(y * width + x)] = at(y, x) && !(at(y - 1, x) && at(y + 1, x) && at(y, x - 1) && at(y, x + 1));
  return border;
}

/// Distances of the pixels of `from` to the nearest of `to`, ascending.
std::vector<double> distances(const Mask& from, const Mask& to, std::int64_t height, std::int64_t width) {
  const std::vector<double> all = distance_to(to, height, width);
  std::vector<double> own;
  for (std::size_t i = 0; i < from.size(); ++i)
    if (from[i]) own.push_back(all[i]);
  std::sort(own.begin(), own.end());
  return own;
}

double percentile95(const std::vector<double>& sorted) {
  const double at = 0.95 * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  return sorted[below] + (at - static_cast<double>(below)) * (sorted[std::min(below + 1, sorted.size() - 1)] - sorted[below]);
}

/// The smallest box around what is in either mask.
struct Box {
  std::int64_t top = 0, left = 0, bottom = -1, right = -1;
  void add(std::int64_t y, std::int64_t x) {
    if (bottom < top) top = bottom = y, left = right = x;
    top = std::min(top, y), bottom = std::max(bottom, y), left = std::min(left, x), right = std::max(right, x);
  }
};

}  // namespace

std::vector<SurfaceScores> surface_scores(std::span<const std::uint8_t> truth, std::span<const std::uint8_t> decided, std::int64_t height,
                                          std::int64_t width, std::int64_t planes, std::span<const Region> regions, int ignore,
                                          const SurfaceOptions& o) {
  require(std::ssize(truth) == height * width * planes && decided.size() == truth.size(), "surface_scores: ", truth.size(), " labels and ",
          decided.size(), " decisions for ", height, " x ", width, " pixels of ", counted(planes, "plane"));
  require<OptionError>(o.tolerance >= 0, "surface_scores: the tolerance ", o.tolerance, " must not be negative");
  std::vector<SurfaceScores> all;
  for (const Region& region : regions) {
    SurfaceScores& score = all.emplace_back();
    const auto index = [&](std::int64_t y, std::int64_t x) { return static_cast<std::size_t>((y * width + x) * planes + region.plane); };
    Box box;
    bool labelled = false, answered = false;
    for (std::int64_t y = 0; y < height; ++y)
      for (std::int64_t x = 0; x < width; ++x) {
        const std::size_t i = index(y, x);
        if (truth[i] == ignore || (truth[i] != region.value && decided[i] != region.value)) continue;
        labelled |= truth[i] == region.value, answered |= decided[i] == region.value;
        box.add(y, x);
      }
    if (!labelled && !answered) continue;
    if (labelled != answered) {
      score.missed = true;
      if (o.missed_counts) score.hausdorff95 = std::hypot(height, width), score.surface_dice = 0;
      continue;
    }
    const std::int64_t h = box.bottom - box.top + 1, w = box.right - box.left + 1;
    const auto border = [&](std::span<const std::uint8_t> image) {
      Mask mask(static_cast<std::size_t>(h * w));
      for (std::int64_t y = 0; y < h; ++y)
        for (std::int64_t x = 0; x < w; ++x) {
          const std::size_t i = index(box.top + y, box.left + x);
          mask[static_cast<std::size_t>(y * w + x)] = truth[i] != ignore && image[i] == region.value;
        }
      return border_of(mask, h, w);
    };
    const Mask a = border(truth), b = border(decided);
    const std::vector<double> there = distances(a, b, h, w), back = distances(b, a, h, w);
    score.hausdorff95 = std::max(percentile95(there), percentile95(back));
    const auto within = [&](const std::vector<double>& d) { return std::upper_bound(d.begin(), d.end(), o.tolerance) - d.begin(); };
    score.surface_dice = static_cast<double>(within(there) + within(back)) / static_cast<double>(there.size() + back.size());
  }
  return all;
}

}  // namespace lamina::metrics
