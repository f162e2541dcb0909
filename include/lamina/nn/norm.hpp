#pragma once
#include "lamina/nn/conv.hpp"
#include "lamina/nn/module.hpp"
#include "lamina/ops/batch_norm2d.hpp"
#include "lamina/ops/group_norm.hpp"

namespace lamina::nn {

struct BatchNorm2dOptions {
  int channels = 0;
  double epsilon = 1e-5;
  double momentum = 0.1;  ///< PyTorch's: running = (1 - momentum) * running + momentum * batch (TensorFlow's decay is 1 - momentum)
  Activation activation = {};
};

/// Batch normalisation (Ioffe & Szegedy 2015) with a fused activation. Parameters: weight, bias (channels); buffers: running_mean,
/// running_var and num_batches_tracked, as PyTorch names them.
class BatchNorm2d : public Module {
 public:
  explicit BatchNorm2d(const BatchNorm2dOptions& o);
  /// act(bn(x) + residual); batch statistics (and an update of the running ones) in training, running statistics in evaluation.
  Tensor operator()(const Measured& x, const Tensor& residual = {}, const Tensor& into = {}) const;

 private:
  BatchNorm2dOptions options_;
  Tensor weight_, bias_, running_mean_, running_var_, batches_;
};

/// norm(conv(x), residual, into), where in training the convolution takes the statistics that the normalisation needs.
Tensor conv_norm(const Conv2d& conv, const BatchNorm2d& norm, const Tensor& x, const Tensor& residual = {}, const Tensor& into = {});

struct GroupNormOptions {
  int groups = 1, channels = 0;
  double epsilon = 1e-5;
};

/// Group normalisation (Wu & He 2018). Parameters: weight, bias (channels).
class GroupNorm : public Module {
 public:
  explicit GroupNorm(const GroupNormOptions& o);
  Tensor operator()(const Tensor& x, const Tensor& into = {}) const;

 private:
  GroupNormOptions options_;
  Tensor weight_, bias_;
};

}  // namespace lamina::nn
