#pragma once
#include "lamina/metrics/confusion.hpp"

namespace lamina::metrics {

/// How often which numbers were said of pixels of each grade, in steps of 1/kSteps from -1 to one above the highest grade; what lies
/// beyond counts at the ends. What thresholds between grades are fitted on, in memory that does not grow with the pixels.
class ValueCounts {
 public:
  static constexpr int kSteps = 64;
  explicit ValueCounts(int grades)
      : grades_(grades), counts_(static_cast<std::size_t>(grades), std::vector<std::int64_t>(static_cast<std::size_t>(bins()))) {}
  /// Throws DataError on a grade that there is not.
  void add(int grade, float value);
  /// What is decided where a grade is the number of thresholds below the value. Thresholds are counted as multiples of 1/kSteps.
  ConfusionMatrix decided(std::span<const float> thresholds) const;
  /// Ascending thresholds of a quadratic kappa that none of them can be moved to raise, from `thresholds` on; in the middle of where it is
  /// the same. Unchanged where all pixels have one grade.
  std::vector<float> fitted(std::vector<float> thresholds) const;

 private:
  int bins() const { return (grades_ + 1) * kSteps; }
  ConfusionMatrix decided_at(const std::vector<int>& edges) const;
  int grades_;
  std::vector<std::vector<std::int64_t>> counts_;  // by grade and bin; bin b holds (b, b + 1] steps above -1
};

}  // namespace lamina::metrics
