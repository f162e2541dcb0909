#include "lamina/metrics/thresholds.hpp"

#include <algorithm>
#include <cmath>

#include "lamina/core/error.hpp"

namespace lamina::metrics {

void ValueCounts::add(int grade, float value) {
  require<DataError>(grade >= 0 && grade < grades_, "the label ", grade, " is none of the grades 0 to ", grades_ - 1);
  if (std::isnan(value)) return;
  const float step = std::clamp((value + 1) * kSteps, 0.5f, static_cast<float>(bins()) - 0.5f);
  ++counts_[static_cast<std::size_t>(grade)][static_cast<std::size_t>(std::ceil(step)) - 1];
}

ConfusionMatrix ValueCounts::decided_at(const std::vector<int>& edges) const {
  ConfusionMatrix m(grades_);
  for (int grade = 0; grade < grades_; ++grade) {
    const auto& of = counts_[static_cast<std::size_t>(grade)];
    for (int said = 0; said < grades_; ++said) {
      const int first = said == 0 ? 0 : edges[static_cast<std::size_t>(said - 1)],
                last = said == grades_ - 1 ? bins() : edges[static_cast<std::size_t>(said)];
      std::int64_t sum = 0;
      for (int b = first; b < last; ++b) sum += of[static_cast<std::size_t>(b)];
      m.add({grade, said, sum});
    }
  }
  return m;
}

namespace {
int edge_of(float threshold) { return static_cast<int>(std::lround((threshold + 1) * ValueCounts::kSteps)); }
}  // namespace

ConfusionMatrix ValueCounts::decided(std::span<const float> thresholds) const {
  std::vector<int> edges;
  for (const float t : thresholds) edges.push_back(edge_of(t));
  return decided_at(edges);
}

std::vector<float> ValueCounts::fitted(std::vector<float> thresholds) const {
  std::vector<int> edges;
  for (const float t : thresholds) edges.push_back(edge_of(t));
  const auto kappa = [&](std::size_t k, int edge) {
    std::vector<int> moved = edges;
    moved[k] = edge;
    return decided_at(moved).ordinal_scores().quadratic_kappa;
  };
  const auto least = [&](std::size_t k) { return k == 0 ? 1 : edges[k - 1] + 1; };
  const auto most = [&](std::size_t k) { return k + 1 == edges.size() ? bins() - 1 : edges[k + 1] - 1; };
  const auto occurs = [](const auto& of) { return std::any_of(of.begin(), of.end(), [](std::int64_t n) { return n > 0; }); };
  if (std::count_if(counts_.begin(), counts_.end(), occurs) < 2) return thresholds;
  double best = decided_at(edges).ordinal_scores().quadratic_kappa;
  for (bool moved = true; moved;) {
    moved = false;
    for (std::size_t k = 0; k < edges.size(); ++k)
      for (int edge = least(k); edge <= most(k); ++edge)
        if (const double now = kappa(k, edge); now > best + 1e-12) best = now, edges[k] = edge, moved = true;
  }
  for (std::size_t k = 0; k < edges.size(); ++k) {
    int low = edges[k], high = edges[k];
    while (low > least(k) && kappa(k, low - 1) == best) --low;
    while (high < most(k) && kappa(k, high + 1) == best) ++high;
    edges[k] = (low + high) / 2;
    thresholds[k] = static_cast<float>(edges[k]) / kSteps - 1;
  }
  return thresholds;
}

}  // namespace lamina::metrics
