#pragma once
#include "lamina/nn/conv.hpp"
#include "lamina/nn/module.hpp"
#include "lamina/ops/batch_norm2d.hpp"
#include "lamina/ops/group_norm.hpp"

namespace lamina::nn {

struct NormOptions {
  enum class Kind {
    batch,   ///< statistics of the batch in training, running ones in evaluation
    frozen,  ///< running statistics always, and they stay; weight and bias learn
    group,   ///< statistics of each image's groups of channels; none are kept
  };
  int channels = 0;
  Kind kind = Kind::batch;
  double epsilon = 1e-5;
  double momentum = 0.1;  ///< PyTorch's: running = (1 - momentum) * running + momentum * batch (TensorFlow's decay is 1 - momentum)
  int groups = 32;        ///< of `group`; must divide the channels
  Activation activation = {};
  /// Where a channel has one value there are no statistics of a batch: use the running ones and leave them, instead of an error.
  bool one_value_as_running = false;

  /// This policy for a layer of `channels`; of `group`, with the greatest number of groups that divides both `groups` and the channels.
  NormOptions of(int channels, Activation activation) const;
};

/// Normalisation of channels with a fused activation. Parameters: weight, bias (channels); buffers, but for `group`: running_mean,
/// running_var and num_batches_tracked, as PyTorch names them.
class Norm : public Module {
 public:
  using Options = NormOptions;
  /// Throws OptionError.
  explicit Norm(const NormOptions& o);
  /// act(norm(x) + residual).
  Tensor operator()(const Measured& x, const Tensor& residual = {}, const Tensor& into = {}) const;
  /// Will the next call take the statistics of its batch?
  bool measures() const { return options_.kind == NormOptions::Kind::batch && training(); }
  /// Weights that begin as draws about 1 instead of as ones (DCGAN, pix2pix).
  void draw_weights(RandomKey key, double sd);

 private:
  Tensor by_groups(const Tensor& x, const Tensor& residual, const Tensor& into) const;

  NormOptions options_;
  Tensor weight_, bias_, running_mean_, running_var_, batches_;
};

struct BatchNorm2dOptions {
  int channels = 0;
  double epsilon = 1e-5;
  double momentum = 0.1;  ///< as NormOptions
  Activation activation = {};
};

/// Batch normalisation (Ioffe & Szegedy 2015).
class BatchNorm2d : public Norm {
 public:
  using Options = BatchNorm2dOptions;
  explicit BatchNorm2d(const BatchNorm2dOptions& o)
      : Norm({.channels = o.channels, .epsilon = o.epsilon, .momentum = o.momentum, .activation = o.activation}) {}
};

struct GroupNormOptions {
  int groups = 1, channels = 0;
  double epsilon = 1e-5;
};

/// Group normalisation (Wu & He 2018).
class GroupNorm : public Norm {
 public:
  using Options = GroupNormOptions;
  explicit GroupNorm(const GroupNormOptions& o)
      : Norm({.channels = o.channels, .kind = NormOptions::Kind::group, .epsilon = o.epsilon, .groups = o.groups}) {}
};

/// norm(conv(x), residual, into), where in training the convolution takes the statistics that the normalisation needs.
Tensor conv_norm(const Conv2d& conv, const Norm& norm, const Tensor& x, const Tensor& residual = {}, const Tensor& into = {});

}  // namespace lamina::nn
