#include "lamina/nn/norm.hpp"

namespace lamina::nn {

BatchNorm2d::BatchNorm2d(const BatchNorm2dOptions& o) : options_(o) {
  require<OptionError>(o.channels >= 1, "BatchNorm2d: channels = ", o.channels, " must be at least 1");
  require<OptionError>(o.epsilon > 0 && o.momentum >= 0 && o.momentum <= 1, "BatchNorm2d: epsilon ", o.epsilon,
                       " must be positive and momentum ", o.momentum, " in [0, 1]");
  const Shape shape{o.channels};
  weight_ = add_parameter("weight", shape, [&] { return Tensor::full(shape, 1); });
  bias_ = add_parameter("bias", shape, [&] { return Tensor::zeros(shape); });
  const TensorOptions options = weight_.options();  // buffers are where the parameters are
  running_mean_ = add_buffer("running_mean", Tensor::zeros(shape, options));
  running_var_ = add_buffer("running_var", Tensor::full(shape, 1, options));
  batches_ = add_buffer("num_batches_tracked", Tensor::zeros({}, {DType::i64, options.device}));
}

Tensor BatchNorm2d::operator()(const Measured& x, const Tensor& residual, const Tensor& into) const {
  const LayerScope scope(*this);
  if (training() && !batches_.device().is_meta()) ++*batches_.data<std::int64_t>();
  return batch_norm2d(
      x, weight_, bias_, running_mean_, running_var_,
      {.training = training(), .momentum = options_.momentum, .epsilon = options_.epsilon, .activation = options_.activation}, residual,
      into);
}

Tensor conv_norm(const Conv2d& conv, const BatchNorm2d& norm, const Tensor& x, const Tensor& residual, const Tensor& into) {
  return norm(norm.training() ? conv.measured(x) : Measured(conv(x)), residual, into);
}

GroupNorm::GroupNorm(const GroupNormOptions& o) : options_(o) {
  require<OptionError>(o.groups >= 1 && o.channels >= 1 && o.channels % o.groups == 0, "GroupNorm: groups ", o.groups,
                       " must divide channels ", o.channels);
  const Shape shape{o.channels};
  weight_ = add_parameter("weight", shape, [&] { return Tensor::full(shape, 1); });
  bias_ = add_parameter("bias", shape, [&] { return Tensor::zeros(shape); });
}

Tensor GroupNorm::operator()(const Tensor& x, const Tensor& into) const {
  const LayerScope scope(*this);
  return group_norm(x, weight_, bias_, options_.groups, options_.epsilon, into);
}

}  // namespace lamina::nn
