#pragma once
#include "lamina/heads/ordinal.hpp"

namespace lamina::heads {

/// Grades by conditional scores: score k answers "is the grade above k, given that it is above k - 1?" and learns from the pixels of grade
/// k and above alone (Shi, Cao & Raschka 2021). P(grade > k) is the product of the first k + 1 probabilities, so that it never rises with
/// k.
class Corn : public Ordinal {
 public:
  using Ordinal::Ordinal;
  const char* kind() const override { return "corn"; }
  /// As Ordinal's, but a grade of g sets the first g outputs, clears the next and is ignored by the others.
  Tensor targets(const Tensor& labels) const override;
  std::vector<std::int64_t> output_negatives(std::vector<std::int64_t> pixels, std::vector<std::int64_t> labelled) const override;
  /// P(grade > k).
  Tensor probabilities(const Tensor& logits) const override;
  Tensor decide(const Tensor& scores, Scale scale) const override {
    return grades_above(scale == Scale::logits ? probabilities(scores) : scores,
                        std::vector<float>(static_cast<std::size_t>(steps()), 0.5f));
  }
};

}  // namespace lamina::heads
