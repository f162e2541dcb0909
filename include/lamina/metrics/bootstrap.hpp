#pragma once
#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <vector>

namespace lamina::metrics {

struct BootstrapOptions {
  int resamples = 1000;
  double level = 0.95;
  std::uint64_t seed = 0;
};

struct Interval {
  double low = std::numeric_limits<double>::quiet_NaN(), high = low;
};

/// Percentile intervals (Efron & Tibshirani 1993) of numbers that are computed from `count` things, images say: each resample draws `count`
/// of them with replacement, and `numbers(times)` is told how often each was drawn. A function of its arguments alone. Resamples in which a
/// number is NaN do not count for it; NaN with fewer than two things, or where most resamples do not count.
std::vector<Interval> bootstrap(std::size_t count, const std::function<std::vector<double>(std::span<const int> times)>& numbers,
                                const BootstrapOptions& options = {});

}  // namespace lamina::metrics
