#include "lamina/metrics/bootstrap.hpp"

#include <algorithm>
#include <cmath>

#include "lamina/core/error.hpp"
#include "lamina/core/random.hpp"

namespace lamina::metrics {
namespace {

/// Between the two values nearest to the share, linearly.
double quantile(const std::vector<double>& sorted, double share) {
  const double at = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const double next = sorted[std::min(below + 1, sorted.size() - 1)];
  return sorted[below] + (at - static_cast<double>(below)) * (next - sorted[below]);
}

}  // namespace

std::vector<Interval> bootstrap(std::size_t count, const std::function<std::vector<double>(std::span<const int>)>& numbers,
                                const BootstrapOptions& o) {
  require<OptionError>(o.resamples >= 1 && o.level > 0 && o.level < 1, "bootstrap: ", o.resamples, " resamples at a level of ", o.level);
  std::vector<Interval> intervals(numbers(std::vector<int>(count, 1)).size());
  if (count < 2) return intervals;
  std::vector<std::vector<double>> drawn(intervals.size());
  for (int r = 0; r < o.resamples; ++r) {
    Random random(RandomKey{o.seed, 0x626f6f74}.derive(static_cast<std::uint64_t>(r)));
    std::vector<int> times(count);
    for (std::size_t i = 0; i < count; ++i) ++times[random.below(count)];
    const std::vector<double> values = numbers(times);
    for (std::size_t k = 0; k < values.size(); ++k)
      if (!std::isnan(values[k])) drawn[k].push_back(values[k]);
  }
  for (std::size_t k = 0; k < drawn.size(); ++k) {
    if (2 * drawn[k].size() < static_cast<std::size_t>(o.resamples)) continue;
    std::sort(drawn[k].begin(), drawn[k].end());
    intervals[k] = {quantile(drawn[k], (1 - o.level) / 2), quantile(drawn[k], (1 + o.level) / 2)};
  }
  return intervals;
}

}  // namespace lamina::metrics
