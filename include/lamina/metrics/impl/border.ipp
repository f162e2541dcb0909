#include "lamina/metrics/border.hpp"

#include <algorithm>
#include <limits>
#include <vector>

#include "lamina/core/error.hpp"
#include "lamina/core/text.hpp"

namespace lamina::metrics {
namespace {

double share(std::int64_t part, std::int64_t all) {
  return all == 0 ? std::numeric_limits<double>::quiet_NaN() : static_cast<double>(part) / static_cast<double>(all);
}

/// The smallest and largest label in a window; of none, the smallest is above the largest.
struct Range {
  std::uint8_t low = 255, high = 0;
  void join(const Range& o) { low = std::min(low, o.low), high = std::max(high, o.high); }
};

/// Each of `count` ranges, `step` apart, becomes that of its neighbours up to `reach` away.
void widen(const Range* from, Range* to, std::int64_t count, std::int64_t step, std::int64_t reach) {
  for (std::int64_t i = 0; i < count; ++i) {
    Range all;
    for (std::int64_t k = std::max<std::int64_t>(0, i - reach); k <= std::min(count - 1, i + reach); ++k) all.join(from[k * step]);
    to[i * step] = all;
  }
}

}  // namespace

void BorderCounts::add(const BorderCounts& o) { near += o.near, near_wrong += o.near_wrong, far += o.far, far_wrong += o.far_wrong; }
double BorderCounts::near_error() const { return share(near_wrong, near); }
double BorderCounts::far_error() const { return share(far_wrong, far); }

BorderCounts border_counts(std::span<const std::uint8_t> truth, std::span<const std::uint8_t> decided, std::int64_t height,
                           std::int64_t width, std::int64_t planes, std::optional<int> ignore, std::int64_t reach) {
  require(std::ssize(truth) == height * width * planes && decided.size() == truth.size(), "border_counts: ", truth.size(), " labels and ",
          decided.size(), " decisions for ", height, " x ", width, " pixels of ", counted(planes, "plane"));
  BorderCounts counts;
  std::vector<Range> own(static_cast<std::size_t>(height * width)), rows(own.size());
  for (std::int64_t plane = 0; plane < planes; ++plane) {
    const auto at = [&](std::size_t i) { return i * static_cast<std::size_t>(planes) + static_cast<std::size_t>(plane); };
    const auto ignored = [&](std::uint8_t label) { return ignore && label == *ignore; };
    for (std::size_t i = 0; i < own.size(); ++i) {
      const std::uint8_t label = truth[at(i)];
      own[i] = ignored(label) ? Range{} : Range{label, label};
    }
    for (std::int64_t y = 0; y < height; ++y) widen(own.data() + y * width, rows.data() + y * width, width, 1, reach);
    for (std::int64_t x = 0; x < width; ++x) widen(rows.data() + x, own.data() + x, height, width, reach);
    for (std::size_t i = 0; i < own.size(); ++i) {
      if (ignored(truth[at(i)])) continue;
      const bool wrong = truth[at(i)] != decided[at(i)];
      if (own[i].low < own[i].high)
        ++counts.near, counts.near_wrong += wrong;
      else
        ++counts.far, counts.far_wrong += wrong;
    }
  }
  return counts;
}

}  // namespace lamina::metrics
