#pragma once
#include <algorithm>
#include <numeric>
#include <string_view>
#include <vector>

#include "lamina/infer/predictor.hpp"

namespace lamina::infer {

/// What grade a photograph has, from the pixels where something is: the worst one that was decided, the mean of the expected grades (which
/// have fractions, 1.4), or their median.
enum class GradeRule : std::uint8_t { worst, area, median };
inline constexpr std::string_view kGradeRules[] = {"worst", "area", "median"};

/// The grade of one plane of a prediction, 0 where nothing of it is. The plane is one of LabelImage::planes, 0 of a single one; `head` is
/// the Predictor's. Rules other than worst need PredictOptions::probabilities. Throws OptionError without them, or of what has no grades.
inline double image_grade(const Prediction& p, const heads::Head& head, int plane, GradeRule rule) {
  require<OptionError>(rule == GradeRule::worst || p.probabilities, "an image's grade by ",
                       kGradeRules[static_cast<std::size_t>(rule)].data(), " needs PredictOptions::probabilities");
  const std::size_t planes = p.labels.values(), outputs = static_cast<std::size_t>(head.outputs());
  std::vector<double> found;
  for (std::size_t i = 0, at = static_cast<std::size_t>(plane); at < p.labels.labels.size(); ++i, at += planes)
    if (const std::uint8_t grade = p.labels.labels[at]; grade > 0)
      found.push_back(rule == GradeRule::worst
                          ? static_cast<double>(grade)
                          : static_cast<double>(head.expected_grade({p.probabilities.data<float>() + i * outputs, outputs}, plane)));
  if (found.empty()) return 0;
  if (rule == GradeRule::worst) return *std::max_element(found.begin(), found.end());
  if (rule == GradeRule::area) return std::accumulate(found.begin(), found.end(), 0.0) / static_cast<double>(found.size());
  const auto middle = found.begin() + std::ssize(found) / 2;
  std::nth_element(found.begin(), middle, found.end());
  return *middle;
}

}  // namespace lamina::infer
