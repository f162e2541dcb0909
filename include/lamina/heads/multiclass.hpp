#pragma once
#include "lamina/heads/head.hpp"
#include "lamina/ops/argmax.hpp"
#include "lamina/ops/softmax.hpp"

namespace lamina::heads {

/// One class a pixel: a score a class, softmax, the likeliest wins.
class Multiclass : public Head {
 public:
  using Head::Head;
  const char* kind() const override { return "multiclass"; }
  int outputs() const override { return schema().classes(); }
  std::optional<LossActivation> activation() const override { return LossActivation::softmax; }
  Tensor probabilities(const Tensor& logits) const override { return softmax(logits); }
  Tensor decide(const Tensor& scores, Scale) const override { return argmax(scores); }
};

}  // namespace lamina::heads
