#pragma once
#include "lamina/heads/head.hpp"
#include "lamina/ops/activation.hpp"
#include "lamina/ops/count_above.hpp"

namespace lamina::heads {

/// Classes that may overlap: a score and a decision each, present where its probability is above a half.
class Multilabel : public Head {
 public:
  using Head::Head;
  const char* kind() const override { return "multilabel"; }
  int outputs() const override { return schema().classes(); }
  int planes() const override { return outputs(); }
  std::optional<LossActivation> activation() const override { return LossActivation::sigmoid; }
  Tensor probabilities(const Tensor& logits) const override { return sigmoid(logits); }
  Tensor decide(const Tensor& scores, Scale scale) const override {
    return is_above(scores, std::vector<float>(static_cast<std::size_t>(outputs()), scale == Scale::logits ? 0.f : 0.5f));
  }
  /// Each plane's decision is between its class and "(none)".
  std::vector<std::string> outcomes() const override {
    std::vector<std::string> all = schema().names;
    all.emplace_back("(none)");
    return all;
  }
  int neutral_outcome() const override { return outputs(); }
  std::vector<metrics::Region> regions() const override {
    std::vector<metrics::Region> all;
    for (int plane = 0; plane < planes(); ++plane) all.push_back({plane, 1});
    return all;
  }
  void count(metrics::ConfusionMatrix& into, std::span<const std::uint8_t> truth, std::span<const std::uint8_t> decided) const override {
    into.add_planes(truth, decided, data::kIgnoreLabel);
  }
  std::vector<std::string> events() const override { return schema().names; }
  std::string events_are() const override { return "each plane by itself"; }
  std::string decided() const override { return "what is likelier than 0.5"; }
  void distribution(std::span<const float> probabilities, int plane, std::vector<float>& labels) const override {
    const float p = probabilities[static_cast<std::size_t>(plane)];
    labels.assign({1 - p, p});
  }
  void count(metrics::ProbabilityCounts& into, std::span<const std::uint8_t> truth, std::span<const float> probabilities) const override {
    into.add_planes(probabilities, truth, data::kIgnoreLabel);
  }
};

}  // namespace lamina::heads
