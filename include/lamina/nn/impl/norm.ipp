#include "lamina/nn/norm.hpp"

#include <numeric>

#include "lamina/ops/arithmetic.hpp"

namespace lamina::nn {

NormOptions NormOptions::of(int layer_channels, Activation layer_activation) const {
  NormOptions o = *this;
  o.channels = layer_channels;
  o.groups = std::gcd(groups, layer_channels);
  o.activation = layer_activation;
  return o;
}

Norm::Norm(const NormOptions& o) : options_(o) {
  require<OptionError>(o.channels >= 1, "Norm: channels = ", o.channels, " must be at least 1");
  require<OptionError>(o.epsilon > 0 && o.momentum >= 0 && o.momentum <= 1, "Norm: epsilon ", o.epsilon, " must be positive and momentum ",
                       o.momentum, " in [0, 1]");
  const Shape shape{o.channels};
  const auto zeros = [shape] { return Tensor::zeros(shape); };
  const auto ones = [shape] { return Tensor::full(shape, 1); };
  weight_ = add_parameter("weight", shape, ones);
  bias_ = add_parameter("bias", shape, zeros);
  if (o.kind == NormOptions::Kind::group) {
    require<OptionError>(o.groups >= 1 && o.channels % o.groups == 0, "Norm: groups ", o.groups, " must divide channels ", o.channels);
    return;
  }
  running_mean_ = add_buffer("running_mean", shape, zeros);
  running_var_ = add_buffer("running_var", shape, ones);
  const auto none = [] { return Tensor::zeros({}, {DType::i64, kCpu}); };
  batches_ = add_buffer("num_batches_tracked", {}, none, DType::i64);
}

void Norm::draw_weights(RandomKey key, double sd) {
  set_initial(weight_, [shape = weight_.shape(), key, sd] { return Tensor::normal(shape, key, 1, sd); });
}

Tensor Norm::operator()(const Measured& x, const Tensor& residual, const Tensor& into) const {
  const LayerScope scope(*this);
  if (options_.kind == NormOptions::Kind::group) return by_groups(x.x, residual, into);
  const bool batch = measures() && !(options_.one_value_as_running && x.x.numel() == options_.channels);
  if (batch && !batches_.device().is_meta()) ++*batches_.data<std::int64_t>();
  return batch_norm2d(batch ? x : Measured(x.x), weight_, bias_, running_mean_, running_var_,
                      {.training = batch, .momentum = options_.momentum, .epsilon = options_.epsilon, .activation = options_.activation},
                      residual, into);
}

Tensor Norm::by_groups(const Tensor& x, const Tensor& residual, const Tensor& into) const {
  const bool act = !options_.activation.is_none();
  Tensor y = group_norm(x, weight_, bias_, options_.groups, options_.epsilon, act || residual ? Tensor{} : into);
  if (residual) y = lamina::add(y, residual, act ? Tensor{} : into);
  return act ? activation(y, options_.activation, into) : y;
}

Tensor conv_norm(const Conv2d& conv, const Norm& norm, const Tensor& x, const Tensor& residual, const Tensor& into) {
  return norm(norm.measures() ? conv.measured(x) : Measured(conv(x)), residual, into);
}

}  // namespace lamina::nn
