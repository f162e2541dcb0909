#pragma once
#include "lamina/heads/ordinal.hpp"

namespace lamina::heads {

/// Grades as one number a pixel, trained by a loss between numbers: the grade is the nearest whole number that is one.
class Regression : public Graded {
 public:
  using Graded::Graded;
  const char* kind() const override { return "regression"; }
  int outputs() const override { return graded(); }
  const char* outputs_are() const override { return "values"; }
  std::optional<LossActivation> activation() const override { return {}; }
  Tensor probabilities(const Tensor& values) const override { return values; }
  std::vector<std::string> events() const override { return {}; }
  void distribution(std::span<const float>, int, std::vector<float>& labels) const override { labels.clear(); }
  void count(metrics::ProbabilityCounts&, std::span<const std::uint8_t>, std::span<const float>) const override {}
  using Graded::count;
  Tensor decide(const Tensor& values, Scale) const override {
    std::vector<float> thresholds;
    for (int grade = 1; grade < schema().classes(); ++grade) thresholds.push_back(static_cast<float>(grade) - 0.5f);
    return grades_above(values, thresholds);
  }
};

}  // namespace lamina::heads
