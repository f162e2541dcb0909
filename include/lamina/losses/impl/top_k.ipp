#include <algorithm>
#include <cmath>

#include "lamina/autograd/node.hpp"
#include "lamina/losses/impl/terms.hpp"
#include "lamina/ops/segmentation_loss.hpp"

namespace lamina::losses {
namespace {

/// How often the pixels count of which `share` of the labelled ones have the largest cross-entropy, in ties the first; 0 elsewhere.
std::vector<float> hardest(const HostView& v, double share) {
  const auto pixels = static_cast<std::size_t>(v.images * v.pixels()), outputs = static_cast<std::size_t>(v.outputs);
  std::vector<std::pair<double, std::size_t>> by_gain;  // minus the cross-entropy, and the pixel
  for (std::size_t i = 0; i < pixels; ++i) {
    if (!(v.times[i] > 0)) continue;
    double sum = 0;
    for (std::size_t c = 0; c < outputs; ++c) {
      const std::size_t at = i * outputs + c;
      if (v.t[at] == data::kIgnoreLabel || (v.exclusive && v.t[at] == 0)) continue;
      sum += v.class_weights[c] * (v.t[at] ? v.positive_weights[c] : 1) * std::log(std::max(v.t[at] ? v.p[at] : 1 - v.p[at], 1e-300));
    }
    by_gain.emplace_back(v.times[i] * sum, i);
  }
  const auto kept = static_cast<std::size_t>(std::ceil(share * static_cast<double>(by_gain.size())));
  std::vector<float> times(pixels, 0);
  if (kept == 0) return times;
  std::nth_element(by_gain.begin(), by_gain.begin() + static_cast<std::ptrdiff_t>(kept - 1), by_gain.end());
  for (std::size_t k = 0; k < kept; ++k) times[by_gain[k].second] = static_cast<float>(v.times[by_gain[k].second]);
  return times;
}

}  // namespace

std::vector<TermType> top_k() {
  return {
      {.name = "topk",
       .scalar = "topk",
       .help = "mean cross-entropy of the hardest pixels alone, `share` of the batch's (Wu et al. 2016); computed on the host",
       .arguments = {{"share", 0.1, 1e-6, 1}},
       .balanced = true,
       .own = [](const TermInput& in, std::span<const double> a) {
         SegmentationLossOptions o{
             .regions = {}, .class_weights = in.class_weights, .positive_weights = in.positive_weights, .ignore_label = data::kIgnoreLabel};
         if (!in.logits.device().is_meta()) {
           const NoGrad no_grad;
           const HostView v = host_view(in, "topk");
           const std::vector<float> times = hardest(v, a[0]);
           o.pixel_weights = Tensor::from(std::span<const float>(times), {v.images, v.height, v.width}).to(in.logits.device());
         }
         o.activation = in.head.activation().value_or(LossActivation::softmax);
         return segmentation_loss(in.logits, in.head.targets(in.labels).to(in.logits.device()), o);
       }}};
}

}  // namespace lamina::losses
