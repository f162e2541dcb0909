#pragma once
#include <vector>

#include "lamina/nn/nn.hpp"

namespace lamina::models {

/// ResNet-50 trunk without the classifier (He et al. 2016), stride in the 3x3 convolution (v1.5), with torchvision's names, so that its
/// weights load as they are: 23,508,032 parameters at 3 input channels.
class ResNet50 : public nn::Module {
 public:
  ResNet50(int in_channels, nn::RandomStream& random);

  static constexpr int kStages = 5;
  /// Channels of the features that forward() returns.
  static constexpr int kChannels[kStages] = {64, 256, 512, 1024, 2048};

  /// x (N, H, W, in_channels) -> features at strides 2, 4, 8, 16 and 32. `into[i]`, when given and defined, is where feature i is written.
  std::vector<Tensor> forward(const Tensor& x, const std::vector<Tensor>& into = {}) const;
  /// The height or width of feature `stage` for an input of `size`.
  static std::int64_t feature_size(std::int64_t size, int stage) {
    for (int i = 0; i <= stage; ++i) size = (size + 1) / 2;
    return size;
  }

 private:
  class Bottleneck;
  class Layer;
  nn::Conv2d* conv1_;
  nn::BatchNorm2d* bn1_;
  std::vector<Layer*> layers_;
};

}  // namespace lamina::models
