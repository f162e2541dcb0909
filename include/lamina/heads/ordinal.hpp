#pragma once
#include <algorithm>
#include <numeric>

#include "lamina/heads/head.hpp"
#include "lamina/ops/activation.hpp"
#include "lamina/ops/count_above.hpp"

namespace lamina::heads {

/// Grades in ascending order, however they are scored: what counts is how far off a decision is. Of several things that are graded
/// (LabelSchema::planes) each has outputs of its own, one after the other, and scores of its own.
class Graded : public Head {
 public:
  using Head::Head;
  int planes() const override { return static_cast<int>(schema().planes.size()); }
  std::vector<std::string> outcomes() const override { return schema().counted(); }
  void count(metrics::ConfusionMatrix& into, std::span<const std::uint8_t> truth, std::span<const std::uint8_t> decided) const override;
  metrics::ConfusionMatrix baseline(const metrics::ConfusionMatrix& confusion) const override;
  std::vector<metrics::ConfusionMatrix> decisions(const metrics::ConfusionMatrix& confusion) const override;
  metrics::Scores scores(const metrics::ConfusionMatrix& confusion, double undefined = metrics::kUndefined) const override {
    return confusion.scores(lowest(), undefined, schema().classes());
  }
  /// The lowest grade, of planes of each: that nothing is there.
  bool is_neutral(int outcome) const override { return outcome % schema().classes() == lowest(); }
  Scalars summary(const metrics::ConfusionMatrix& confusion, double undefined = metrics::kUndefined) const override;
  bool is_tested_by(const metrics::ConfusionMatrix& confusion) const override;
  Selection selection(const metrics::ConfusionMatrix& confusion, double undefined = metrics::kUndefined) const override;
  Scalars image_summary(const metrics::ConfusionMatrix& of_one_image) const override;
  double quality(const Scalars& image_summary) const override { return -image_summary.at("absolute_error"); }
  std::string image_score() const override { return "absolute_error"; }
  std::string quality_is() const override { return "minus the grades it is off"; }
  /// The expected grade of a pixel's plane, from what it probably is, or the number that it is, within the grades.
  float expected_grade(std::span<const float> probabilities, int plane) const override = 0;
  std::string image_score_meaning() const override;
  std::string quality_text(const Scalars& image_summary) const override;
  std::string text(const metrics::ConfusionMatrix& confusion) const override;
  std::string note(const metrics::ConfusionMatrix& confusion) const override;

 protected:
  int graded() const { return std::max(1, planes()); }
  /// The grade that foreground scores leave out, unless the data names another as its background.
  int lowest() const { return std::max(0, schema().background); }
  /// The grades of scores (..., outputs) by thresholds for what each plane has of them: (...), or (..., planes).
  Tensor grades_above(const Tensor& scores, const std::vector<float>& thresholds) const;
  /// Counts of one plane's grades.
  metrics::ConfusionMatrix of_plane(const metrics::ConfusionMatrix& confusion, int plane) const;
  /// Means over the planes, of those that have a value.
  metrics::OrdinalScores ordinal_scores(const metrics::ConfusionMatrix& confusion) const;
};

/// Grades by cumulative scores: score k answers "is the grade above k?" (Li & Lin 2006, Niu et al. 2016). The grade is how many say yes,
/// and the sum of their probabilities the expected grade.
class Ordinal : public Graded {
 public:
  using Graded::Graded;
  const char* kind() const override { return "ordinal"; }
  int outputs() const override { return graded() * steps(); }
  const char* outputs_are() const override { return "grades above the lowest"; }
  std::optional<LossActivation> activation() const override { return LossActivation::sigmoid; }
  /// Output k learns from the grades above k.
  std::vector<std::int64_t> output_pixels(std::vector<std::int64_t> pixels) const override;
  std::vector<std::int64_t> output_negatives(std::vector<std::int64_t> pixels, std::vector<std::int64_t> labelled) const override;
  /// (N, H, W), or (N, H, W, planes) -> (N, H, W, outputs): a grade of g sets the first g outputs and clears the others, an ignored label
  /// is ignored in all.
  Tensor targets(const Tensor& labels) const override;
  Tensor probabilities(const Tensor& logits) const override { return sigmoid(logits); }
  std::vector<std::string> events() const override;
  std::string events_are() const override { return "the probability of each grade or a higher one"; }
  std::string decided() const override { return "what is likelier than 0.5"; }
  void distribution(std::span<const float> probabilities, int plane, std::vector<float>& labels) const override;
  float expected_grade(std::span<const float> probabilities, int plane) const override {
    const auto above = probabilities.subspan(static_cast<std::size_t>(plane * steps()), static_cast<std::size_t>(steps()));
    return std::accumulate(above.begin(), above.end(), 0.f);
  }
  int outcome_of(int event) const override { return event / steps() * schema().classes() + event % steps() + 1; }
  void count(metrics::ProbabilityCounts& into, std::span<const std::uint8_t> truth, std::span<const float> probabilities) const override;
  using Graded::count;
  Tensor decide(const Tensor& scores, Scale scale) const override {
    return grades_above(scores, std::vector<float>(static_cast<std::size_t>(steps()), scale == Scale::logits ? 0.f : 0.5f));
  }

 protected:
  /// Outputs of a plane: one between each two grades.
  int steps() const { return schema().classes() - 1; }
};

}  // namespace lamina::heads
