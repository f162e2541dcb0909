// Terms between a head's values and its grades.
#include "lamina/losses/impl/terms.hpp"
#include "lamina/ops/arithmetic.hpp"
#include "lamina/ops/regression_loss.hpp"

namespace lamina::losses {
namespace {

/// The mean of `loss` over the pixels that have a label: both sides are 0 elsewhere.
Tensor over_labelled(const TermInput& in, const std::function<Tensor(const Tensor&, const Tensor&, const RegressionLossParams&)>& loss) {
  require<OptionError>(!in.pixel_weights, "weights of pixels mean nothing to a loss between numbers");
  const Tensor counted = Tensor::zeros(in.logits.shape()), target = Tensor::zeros(in.logits.shape());
  double pixels = 0;
  float *mask = counted.data<float>(), *value = target.data<float>();
  for (const std::uint8_t label : in.labels.to_vector<std::uint8_t>()) {
    const bool known = label != data::kIgnoreLabel;
    require<DataError>(!known || label < in.head.schema().classes(), "the label ", int{label}, " is none of the grades 0 to ",
                       in.head.schema().classes() - 1);
    *mask++ = known;
    *value++ = known ? label : 0;
    pixels += known;
  }
  const auto there = [&](const Tensor& t) { return t.to(in.logits.dtype()).to(in.logits.device()); };
  const Tensor sum = loss(mul(in.logits, there(counted)), there(target), {.reduction = RegressionLossParams::Reduction::sum});
  return scale(sum, pixels > 0 ? 1 / pixels : 0);
}

}  // namespace

std::vector<TermType> regression() {
  return {{.name = "mae",
           .scalar = "mae",
           .help = "mean absolute error, in grades, of a regression head",
           .weighted = false,
           .of_values = true,
           .own = [](const TermInput& in, std::span<const double>) { return over_labelled(in, l1_loss); }},
          {.name = "mse",
           .scalar = "mse",
           .help = "mean squared error of a regression head",
           .weighted = false,
           .of_values = true,
           .own = [](const TermInput& in, std::span<const double>) { return over_labelled(in, mse_loss); }},
          {.name = "smooth_l1",
           .scalar = "smooth_l1",
           .help = "squared errors below beta grades, absolute ones above, of a regression head (Girshick 2015)",
           .arguments = {{"beta", 1, 1e-6, 1e6}},
           .weighted = false,
           .of_values = true,
           .own = [](const TermInput& in, std::span<const double> a) {
             return over_labelled(in, [&](const Tensor& x, const Tensor& target, const RegressionLossParams& p) {
               return smooth_l1_loss(x, target, a[0], p);
             });
           }}};
}

}  // namespace lamina::losses
