#pragma once
#include "lamina/heads/head.hpp"
#include "lamina/ops/activation.hpp"
#include "lamina/ops/count_above.hpp"

namespace lamina::heads {

/// Grades in ascending order, however they are scored: what counts is how far off a decision is.
class Graded : public Head {
 public:
  using Head::Head;
  Scalars summary(const metrics::ConfusionMatrix& confusion) const override;
  Selection selection(const metrics::ConfusionMatrix& confusion) const override;
  Scalars image_summary(const metrics::ConfusionMatrix& of_one_image) const override;
  double quality(const Scalars& image_summary) const override { return -image_summary.at("absolute_error"); }
  std::string quality_text(const Scalars& image_summary) const override;
  std::string text(const metrics::ConfusionMatrix& confusion) const override;
  std::string note(const metrics::ConfusionMatrix& confusion) const override;
};

/// Grades by cumulative scores: score k answers "is the grade above k?" (Li & Lin 2006, Niu et al. 2016). The grade is how many say yes,
/// and the sum of their probabilities the expected grade.
class Ordinal : public Graded {
 public:
  using Graded::Graded;
  const char* kind() const override { return "ordinal"; }
  int outputs() const override { return schema().classes() - 1; }
  const char* outputs_are() const override { return "grades above the lowest"; }
  std::optional<LossActivation> activation() const override { return LossActivation::sigmoid; }
  /// Output k learns from the grades above k.
  std::vector<std::int64_t> output_pixels(std::vector<std::int64_t> pixels) const override {
    for (std::size_t grade = pixels.size() - 1; grade-- > 1;) pixels[grade] += pixels[grade + 1];
    pixels.erase(pixels.begin());
    return pixels;
  }
  /// (N, H, W) -> (N, H, W, outputs): a grade of g sets the first g outputs and clears the others, an ignored label is ignored in all.
  Tensor targets(const Tensor& labels) const override;
  Tensor probabilities(const Tensor& logits) const override { return sigmoid(logits); }
  Tensor decide(const Tensor& scores, Scale scale) const override {
    return count_above(scores, std::vector<float>(static_cast<std::size_t>(outputs()), scale == Scale::logits ? 0.f : 0.5f));
  }
};

}  // namespace lamina::heads
