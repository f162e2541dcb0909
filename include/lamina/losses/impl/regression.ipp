// Terms between a head's values and its grades.
#include "lamina/losses/impl/terms.hpp"
#include "lamina/ops/arithmetic.hpp"
#include "lamina/ops/regression_loss.hpp"

namespace lamina::losses {
namespace {

/// The mean of `loss` over the pixels that have a label, each as often as its weight and its grade's say: elsewhere it is 0.
Tensor over_labelled(const TermInput& in, const std::function<Tensor(const Tensor&, const Tensor&, const RegressionLossParams&)>& loss) {
  const Tensor weights = Tensor::zeros(in.logits.shape()), target = Tensor::zeros(in.logits.shape());
  const auto labels = in.labels.to_vector<std::uint8_t>();
  const auto often = in.pixel_weights ? in.pixel_weights.to_vector<float>() : std::vector<float>{};
  const std::size_t planes = static_cast<std::size_t>(in.logits.size(3));
  double sum = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] == data::kIgnoreLabel) continue;
    require<DataError>(labels[i] < in.head.schema().classes(), "the label ", int{labels[i]}, " is none of the grades 0 to ",
                       in.head.schema().classes() - 1);
    target.data<float>()[i] = labels[i];
    const double of_grade =
        in.class_weights.empty() ? 1 : in.class_weights[i % planes * static_cast<std::size_t>(in.head.schema().classes()) + labels[i]];
    sum += static_cast<double>(weights.data<float>()[i] =
                                   static_cast<float>(of_grade * (often.empty() ? 1 : static_cast<double>(often[i / planes]))));
  }
  const auto there = [&](const Tensor& t) { return t.to(in.logits.dtype()).to(in.logits.device()); };
  const Tensor total = loss(in.logits, there(target), {.reduction = RegressionLossParams::Reduction::sum, .weights = there(weights)});
  return scale(total, sum > 0 ? 1 / sum : 0);
}

}  // namespace

std::vector<TermType> regression() {
  return {{.name = "mae",
           .scalar = "mae",
           .help = "mean absolute error, in grades, of a regression head",
           .of_values = true,
           .own = [](const TermInput& in, std::span<const double>) { return over_labelled(in, l1_loss); }},
          {.name = "mse",
           .scalar = "mse",
           .help = "mean squared error of a regression head",
           .of_values = true,
           .own = [](const TermInput& in, std::span<const double>) { return over_labelled(in, mse_loss); }},
          {.name = "smooth_l1",
           .scalar = "smooth_l1",
           .help = "squared errors below beta grades, absolute ones above, of a regression head (Girshick 2015)",
           .arguments = {{"beta", 1, 1e-6, 1e6}},
           .of_values = true,
           .own = [](const TermInput& in, std::span<const double> a) {
             return over_labelled(in, [&](const Tensor& x, const Tensor& target, const RegressionLossParams& p) {
               return smooth_l1_loss(x, target, a[0], p);
             });
           }}};
}

}  // namespace lamina::losses
