#include <algorithm>
#include <cmath>
#include <numeric>

#include "lamina/losses/impl/terms.hpp"

namespace lamina::losses {
namespace {

/// The Lovasz extension of 1 - IoU of one class over pixels [begin, end): errors |t - p| in descending order, in ties the first pixel, each
/// times how much the IoU falls when its pixel becomes wrong, too. Adds weight times its slopes; NaN when no pixel has the class.
double lovasz_of_class(const HostView& v, std::int64_t begin, std::int64_t end, std::size_t c, double weight, std::vector<double>& slopes) {
  const auto outputs = static_cast<std::size_t>(v.outputs);
  const auto at = [&](std::int64_t i) { return static_cast<std::size_t>(i) * outputs + c; };
  std::vector<std::int64_t> order;
  double labelled = 0;
  for (std::int64_t i = begin; i < end; ++i) {
    const double times = v.times[static_cast<std::size_t>(i)];
    if (v.t[at(i)] == data::kIgnoreLabel || !(times > 0)) continue;
    order.push_back(i);
    labelled += times * v.t[at(i)];
  }
  if (!(labelled > 0)) return std::nan("");
  const auto error = [&](std::int64_t i) { return std::abs(v.t[at(i)] - v.p[at(i)]); };
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) { return error(a) > error(b); });
  double missed = 0, others = 0, before = 0, loss = 0;  // labelled pixels, and others, among the wrong ones so far; 1 - IoU before
  for (const std::int64_t i : order) {
    (v.t[at(i)] ? missed : others) += v.times[static_cast<std::size_t>(i)];
    const double jaccard = 1 - (labelled - missed) / (labelled + others), step = jaccard - before;
    loss += error(i) * step;
    slopes[at(i)] += weight * step * (v.t[at(i)] ? -1 : 1);
    before = jaccard;
  }
  return loss;
}

/// The weighted mean over the classes that occur, over the batch or averaged over its images.
HostLoss lovasz_loss(const HostView& v, std::span<const double> arguments) {
  const std::int64_t groups = arguments[0] > 0 ? v.images : 1, size = arguments[0] > 0 ? v.pixels() : v.images * v.pixels();
  HostLoss out{0, std::vector<double>(v.p.size(), 0)};
  double used = 0;
  std::vector<double> of_group(v.p.size(), 0);
  for (std::int64_t g = 0; g < groups; ++g) {
    double sum = 0, total = 0;
    for (std::size_t c = 0; c < v.class_weights.size(); ++c) {
      const double w = v.class_weights[c], loss = lovasz_of_class(v, g * size, (g + 1) * size, c, w, of_group);
      if (std::isnan(loss)) continue;
      sum += w * loss;
      total += w;
    }
    if (!(total > 0)) continue;
    out.value += sum / total;
    used += 1;
    for (std::int64_t i = g * size * v.outputs; i < (g + 1) * size * v.outputs; ++i)
      out.slopes[static_cast<std::size_t>(i)] = of_group[static_cast<std::size_t>(i)] / total;
  }
  if (!(used > 0)) return out;
  out.value /= used;
  for (double& s : out.slopes) s /= used;
  return out;
}

}  // namespace

std::vector<TermType> lovasz() {
  return {
      {.name = "lovasz",
       .scalar = "lovasz",
       .help = "Lovasz extension of 1 - IoU over the classes that occur (Berman et al. 2018), with image=1 by image; computed on the host",
       .arguments = {{"image", 0, 0, 1}},
       .own = [](const TermInput& in, std::span<const double> a) { return on_host(in, "lovasz", a, lovasz_loss); }}};
}

}  // namespace lamina::losses
