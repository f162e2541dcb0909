#pragma once
#include <algorithm>

#include "lamina/heads/ordinal.hpp"

namespace lamina::heads {

/// Grades as one number a pixel, trained by a loss between numbers: the grade is how many thresholds it is above. These are the middles
/// between whole numbers, or others, "regression:0.4/1.5/2.6", of each plane its own "regression:0.4/1.5/2.6:0.5/1.4/2.5".
class Regression : public Graded {
 public:
  Regression(data::LabelSchema schema, std::string name);
  const char* kind() const override { return kind_.c_str(); }
  int outputs() const override { return graded(); }
  const char* outputs_are() const override { return "values"; }
  int weighed() const override { return graded() * schema().classes(); }
  const char* weighed_are() const override { return "grades"; }
  std::optional<LossActivation> activation() const override { return {}; }
  Tensor probabilities(const Tensor& values) const override { return values; }
  std::vector<std::string> events() const override { return {}; }
  void distribution(std::span<const float>, int, std::vector<float>& labels) const override { labels.clear(); }
  float expected_grade(std::span<const float> values, int plane) const override {
    return std::clamp(values[static_cast<std::size_t>(plane)], 0.f, static_cast<float>(schema().classes() - 1));
  }
  void count(metrics::ProbabilityCounts&, std::span<const std::uint8_t>, std::span<const float>) const override {}
  using Graded::count;
  /// Of every plane.
  std::vector<std::vector<float>> thresholds() const override { return thresholds_; }
  std::shared_ptr<const Head> with_thresholds(std::vector<std::vector<float>> thresholds) const override;
  Tensor decide(const Tensor& values, Scale scale) const override;

 private:
  void name_kind();
  std::vector<std::vector<float>> thresholds_;
  std::string kind_ = "regression";
};

}  // namespace lamina::heads
