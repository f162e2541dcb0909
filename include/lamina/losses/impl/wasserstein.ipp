#include <numeric>

#include "lamina/losses/impl/terms.hpp"

namespace lamina::losses {
namespace {

/// Of each image and plane 1 - (2 TP + smooth) / (2 TP + E + smooth), E = sum of W, TP = sum of 1 - W over the pixels above the lowest
/// grade, W a pixel's distance between its grade and the predicted ones as a share of all grades: the mean of |target - p| over cumulative
/// scores, each as often as its class weight says, which is how far apart the grades below and above it are. The mean over images and
/// planes; where all is ignored, 0.
HostLoss wasserstein_dice(const HostView& v, std::span<const double> arguments) {
  HostLoss out{0, std::vector<double>(v.p.size(), 0)};
  const auto outputs = static_cast<std::size_t>(v.outputs), pixels = static_cast<std::size_t>(v.pixels()),
             planes = static_cast<std::size_t>(v.planes), steps = outputs / planes, all = static_cast<std::size_t>(v.images) * planes;
  const double smooth = arguments[0];
  for (std::size_t one = 0; one < all; ++one) {
    double errors = 0, right = 0;
    const auto each = [&](auto&& f) {  // f(a pixel's first score, its weight, is it above the lowest grade?)
      for (std::size_t i = one / planes * pixels; i < (one / planes + 1) * pixels; ++i)
        if (const std::size_t first = i * outputs + one % planes * steps; v.t[first] != data::kIgnoreLabel)
          f(first, v.times[i], v.t[first] == 1);
    };
    const double* const apart = v.class_weights.data() + one % planes * steps;
    const double whole = std::accumulate(apart, apart + steps, 0.0);
    const auto slope = [&](std::size_t at) { return whole > 0 ? (v.t[at] == 1 ? -1.0 : 1.0) * apart[at % steps] / whole : 0; };
    each([&](std::size_t first, double times, bool above) {
      double w = 0;
      for (std::size_t k = first; k < first + steps; ++k) w += slope(k) * (v.p[k] - (v.t[k] == 1));
      errors += times * w;
      if (above) right += times * (1 - w);
    });
    const double numerator = 2 * right + smooth, denominator = 2 * right + errors + smooth, share = 1 / static_cast<double>(all);
    if (!(denominator > 0)) continue;
    out.value += share * (1 - numerator / denominator);
    // d(loss)/d(right) and d(loss)/d(errors)
    const double of_right = -2 * (denominator - numerator) / (denominator * denominator),
                 of_errors = numerator / (denominator * denominator);
    each([&](std::size_t first, double times, bool above) {
      for (std::size_t k = first; k < first + steps; ++k) out.slopes[k] = share * times * slope(k) * (of_errors - (above ? of_right : 0));
    });
  }
  return out;
}

}  // namespace

std::vector<TermType> wasserstein() {
  return {{.name = "wasserstein",
           .scalar = "wasserstein_loss",
           .help =
               "1 - generalized Wasserstein Dice of grades: a decision costs as many grades as it is off (Fidon et al. 2017), with class "
               "weights the sum of those between; a mean over images and planes; on the host",
           .arguments = {{"smooth", 1e-5, 0, 1e9}},
           .own = [](const TermInput& in, std::span<const double> a) {
             require<OptionError>(
                 in.head.schema().graded() && in.head.activation() == LossActivation::sigmoid,
                 "the loss term wasserstein measures distances between grades; it needs an ordinal head (ordinal, coral or corn), not ",
                 in.head.kind());
             return on_host(in, in.head.probabilities(in.logits), a, wasserstein_dice);  // of conditional scores their products
           }}};
}

}  // namespace lamina::losses
