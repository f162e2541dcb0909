#include "lamina/losses/gan.hpp"

#include <cmath>
#include <numbers>

#include "lamina/core/names.hpp"
#include "lamina/ops/ops.hpp"

namespace lamina::losses {
namespace {

Tensor mean_square(const Tensor& scores, double target) { return mse_loss(scores, Tensor::full(scores.shape(), target, like(scores))); }

/// E[-log s] or, where they are wanted low, E[-log(1 - s)] of the scores' sigmoid s.
Tensor log_loss(const Tensor& scores, bool high) {
  const Tensor labels = Tensor::full(scores.shape(), high, {DType::u8, scores.device()});
  return segmentation_loss(scores, labels, {.activation = LossActivation::sigmoid, .ce_weight = 1, .regions = {}});
}

/// The mean of what is not negative, as precise as other losses.
Tensor mean_of(const Tensor& x) { return l1_loss(x, Tensor::zeros(x.shape(), like(x))); }

/// Qi's loss of each picture (N, 1, 1, 1).
Tensor picture_losses(const Tensor& scores) { return relu(mean(scores, {.axes = {1, 2, 3}, .keepdim = true})); }

/// Sums of |a - b| (N, 1, 1, 1), off the tape.
Tensor distances(const Tensor& a, const Tensor& b) {
  const NoGrad no_grad;
  const Tensor d = sub(a, b);
  return sum(add(relu(d), relu(scale(d, -1))), {.axes = {1, 2, 3}, .keepdim = true});
}

}  // namespace

GanLoss::GanLoss(const GanOptions& o) : options_(o) {
  kind_ = static_cast<Kind>(parse_choice("GAN loss", o.gan_loss, kGanChoices));
  squared_ = parse_choice("reconstruction loss", o.reconstruction, kDistanceChoices) == 1;
  if (parse_choice("targets of lsgan_mao", o.mao_targets, kMaoChoices) == 1) fake_target_ = -1, wanted_ = 0;
  require_ranges(o);
  require<OptionError>(o.gan_weight > 0 || o.reconstruction_weight > 0,
                       "--gan-weight and --reconstruction-weight are both 0: G has no loss");
}

Tensor GanLoss::discriminator(const Tensor& real_scores, const Tensor& fake_scores, const Tensor& real, const Tensor& fake) const {
  switch (kind_) {
    case Kind::vanilla: return scale(add(log_loss(fake_scores, false), log_loss(real_scores, true)), 0.5);
    case Kind::mao: return scale(add(mean_square(fake_scores, fake_target_), mean_square(real_scores, real_target_)), 0.5);
    case Kind::qi: break;
  }
  const Tensor of_real = picture_losses(real_scores), margin = scale(distances(real, fake), options_.qi_margin);
  const Tensor order = mean_of(relu(add(margin, sub(of_real, picture_losses(fake_scores)))));
  return options_.qi_real > 0 ? add(order, scale(mean_of(of_real), options_.qi_real)) : order;
}

Tensor GanLoss::generator(const Tensor& fake_scores) const {
  switch (kind_) {
    case Kind::vanilla: return log_loss(fake_scores, true);
    case Kind::mao: return mean_square(fake_scores, wanted_);
    case Kind::qi: break;
  }
  return mean_of(picture_losses(fake_scores));
}

Tensor GanLoss::reconstruction(const Tensor& fake, const Tensor& real) const {
  return squared_ ? mse_loss(fake, real) : l1_loss(fake, real);
}

double GanLoss::discriminator_equilibrium() const {
  const double half = (real_target_ - fake_target_) / 2;  // the distance of the best constant score from either target
  return kind_ == Kind::vanilla ? std::numbers::ln2 : kind_ == Kind::mao ? half * half : 0;
}

double GanLoss::generator_equilibrium() const {
  const double miss = (real_target_ + fake_target_) / 2 - wanted_;
  return kind_ == Kind::vanilla ? std::numbers::ln2 : kind_ == Kind::mao ? miss * miss : NAN;
}

double GanLoss::accuracy(const Tensor& real_scores, const Tensor& fake_scores) const {
  const NoGrad no_grad;
  const auto values = [&](const Tensor& scores) {
    return (kind_ == Kind::qi ? picture_losses(scores) : scores).to(kCpu).to(DType::f64).to_vector<double>();
  };
  const auto real = values(real_scores), fake = values(fake_scores);
  const double middle = kind_ == Kind::mao ? (real_target_ + fake_target_) / 2 : 0;
  double right = 0;
  for (std::size_t i = 0; i < real.size(); ++i) {
    // On the line between the two is half right.
    const auto share = [](double v) { return v > 0 ? 1 : v < 0 ? 0 : 0.5; };
    right += kind_ == Kind::qi ? share(fake[i] - real[i]) : (share(real[i] - middle) + share(middle - fake[i])) / 2;
  }
  return right / static_cast<double>(real.size());
}

}  // namespace lamina::losses
