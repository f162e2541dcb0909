#pragma once
#include <cmath>
#include <string>
#include <vector>

#include "lamina/ops/segmentation_loss.hpp"
#include "support/op_check.hpp"

// The loss of segmentation from its definition.
namespace lamina::test {

/// Labels in [0, classes), about one in `ignored` replaced with `ignore` (0: none).
inline Tensor random_labels(const Shape& shape, int classes, int ignored = 0, int ignore = 255) {
  Tensor t = Tensor::empty(shape, {DType::u8, kCpu});
  Random random({7, static_cast<std::uint64_t>(classes)});
  for (std::int64_t i = 0; i < t.numel(); ++i)
    t.data<std::uint8_t>()[i] = static_cast<std::uint8_t>(
        ignored && random.below(static_cast<std::uint64_t>(ignored)) == 0 ? ignore : random.below(static_cast<std::uint64_t>(classes)));
  return t;
}

inline std::vector<double> weights_for(std::int64_t classes) {
  std::vector<double> w;
  for (std::int64_t c = 0; c < classes; ++c) w.push_back(0.5 + 0.25 * static_cast<double>(c % 5));
  return w;
}

/// The devices to test: the CPU, and CUDA where there is one.
inline std::vector<Device> devices() {
  std::vector<Device> all = cuda_devices();
  all.insert(all.begin(), kCpu);
  return all;
}

inline SegmentationLossParts parts_of(const Tensor& logits, const Tensor& labels, const SegmentationLossOptions& o) {
  SegmentationLossParts parts;
  segmentation_loss(logits, labels, o, &parts);
  return parts;
}

/// The loss from its definition, one pixel after another.
inline double reference_loss(const Tensor& logits, const Tensor& labels, const SegmentationLossOptions& o) {
  const std::int64_t n = logits.size(0), pixels = logits.size(1) * logits.size(2), classes = logits.size(3);
  const bool softmax = o.activation == LossActivation::softmax, by_sample = o.region_reduction == RegionReduction::sample;
  const auto z = logits.to_vector<double>();
  const auto y = labels.to_vector<std::uint8_t>();
  const auto times = o.pixel_weights ? o.pixel_weights.to_vector<float>() : std::vector<float>(static_cast<std::size_t>(n * pixels), 1);
  const auto entropy = [&](double p) { return -std::pow(1 - p, o.focal) * std::log(p); };
  const auto weight = [&](std::int64_t c) { return o.class_weights.empty() ? 1 : o.class_weights[static_cast<std::size_t>(c)]; };
  const auto groups = static_cast<std::size_t>(by_sample ? n : 1), k = static_cast<std::size_t>(classes);
  std::vector<double> inter(groups * k), pred(groups * k), truth(groups * k), squares(groups * k), count(groups);
  double ce = 0, norm = 0;
  for (std::int64_t i = 0; i < n * pixels; ++i) {
    const auto g = static_cast<std::size_t>(by_sample ? i / pixels : 0);
    double total = 0;
    for (std::int64_t c = 0; c < classes; ++c) total += std::exp(z[static_cast<std::size_t>(i * classes + c)]);
    for (std::int64_t c = 0; c < classes; ++c) {
      const double logit = z[static_cast<std::size_t>(i * classes + c)];
      const int label = y[static_cast<std::size_t>(softmax ? i : i * classes + c)];
      if (o.ignore_label && label == *o.ignore_label) continue;
      const double t = softmax ? label == c : label, p = softmax ? std::exp(logit) / total : 1 / (1 + std::exp(-logit));
      const auto at = g * k + static_cast<std::size_t>(c);
      const double m = times[static_cast<std::size_t>(i)],
                   target = (1 - o.smoothing) * t + o.smoothing / (softmax ? static_cast<double>(classes) : 2);
      inter[at] += m * p * t;
      pred[at] += m * p;
      truth[at] += m * t;
      squares[at] += m * p * p;
      const double often = o.positive_weights.empty() ? 1 : o.positive_weights[static_cast<std::size_t>(c)];
      ce += m * weight(c) * (often * target * entropy(p) + (softmax ? 0 : (1 - target) * entropy(1 - p)));
      const double counted = m * (softmax ? t : 1);
      norm += counted * (o.ce_normalization == CeNormalization::pixel_count ? 1 : weight(c));
      count[g] += counted;
    }
  }
  double loss = o.ce_weight * (norm > 0 ? ce / norm : 0);
  for (const RegionTerm& r : o.regions) {
    double term = 0, used = 0;
    for (std::size_t g = 0; g < groups; ++g) {
      double sum = 0, total = 0, rarest = 0, pooled_top = r.smooth, pooled_bottom = r.smooth;
      const auto gain_of = [&](double ratio) { return r.logarithm ? 1 + std::log(ratio) : 1 - std::pow(1 - ratio, r.exponent); };
      for (std::size_t c = o.include_background ? 0 : 1; c < k; ++c)
        if (truth[g * k + c] > 0) rarest = std::max(rarest, std::pow(truth[g * k + c], -r.rarity));
      if (rarest == 0) rarest = 1;
      for (std::size_t c = o.include_background ? 0 : 1; c < k; ++c) {
        const auto at = g * k + c;
        const double top = r.intersection * inter[at],
                     bottom = r.union_i * inter[at] + r.union_p * pred[at] + r.union_t * truth[at] + r.union_q * squares[at];
        double ratio = (top + r.smooth) / (bottom + r.smooth);
        if (r.pooled && (truth[at] > 0 || o.empty_class != EmptyClass::skip)) {
          const double w = weight(static_cast<std::int64_t>(c)) * (truth[at] > 0 ? std::pow(truth[at], -r.rarity) : rarest);
          pooled_top += w * top;
          pooled_bottom += w * bottom;
        }
        if (truth[at] == 0) {
          if (o.empty_class == EmptyClass::skip) continue;
          if (o.empty_class == EmptyClass::one) ratio = 1;
          if (o.empty_class == EmptyClass::zero) ratio = 0;
        }
        const bool formula = truth[at] > 0 || o.empty_class == EmptyClass::penalize;
        const double gain = formula ? gain_of(ratio) : ratio;
        sum += weight(static_cast<std::int64_t>(c)) * gain;
        total += weight(static_cast<std::int64_t>(c));
      }
      if (count[g] == 0 || total == 0) continue;
      term += 1 - (r.pooled ? gain_of(pooled_top / pooled_bottom) : sum / total);
      used += 1;
    }
    loss += r.weight * (used > 0 ? term / used : 0);
  }
  return loss;
}

inline void check_loss(const std::string& name, const Tensor& logits, const Tensor& labels, const SegmentationLossOptions& o) {
  CAPTURE(name);
  CHECK(segmentation_loss(logits, labels, o).item() == doctest::Approx(reference_loss(logits, labels, o)).epsilon(1e-12));
  check_op({.name = name,
            .inputs = {logits, labels},
            .op = [&](auto& in, auto&) { return segmentation_loss(in[0], in[1], o); },
            .takes_into = false});
}

}  // namespace lamina::test
