#pragma once
#include <array>
#include <vector>

#include "lamina/nn/nn.hpp"

namespace lamina::models {

struct ResNet50Options {
  enum class Variant {
    v1_5,  ///< 7x7 root; layers 2 to 4 take their stride in the 3x3 convolution of their first unit (torchvision)
    beta,  ///< root of three 3x3 convolutions; layers 1 to 3 take it in their last unit (resnet_v1_50_beta of TensorFlow's DeepLab)
  };
  int in_channels = 3;
  int base = 64;  ///< channels inside the units of layer 1; all others scale with it
  Variant variant = Variant::v1_5;
  /// 8, 16 or 32. Strides beyond it are not taken: they multiply the dilation of the units that follow (atrous convolution).
  int output_stride = 32;
  bool dilate_at_once = false;                ///< and of the unit that had the stride (segmentation_models.pytorch)
  std::array<int, 3> multi_grid = {1, 1, 1};  ///< further factors for the units of layer 4
  nn::NormOptions norm = {};
  nn::Init init = nn::Init::kaiming_fan_out;
};

/// ResNet-50 trunk without the classifier (He et al. 2016), with torchvision's names, so that its weights load as they are: 23,508,032
/// parameters; 23,631,808 as `beta` (whose root is called "root").
class ResNet50 : public nn::Module {
 public:
  /// Throws OptionError.
  ResNet50(const ResNet50Options& options, nn::RandomStream& random);

  static constexpr int kStages = 5;
  /// Channels of the features that forward() returns, at base 64; the root of `beta` has 128.
  static constexpr int kChannels[kStages] = {64, 256, 512, 1024, 2048};

  /// x (N, H, W, in_channels) -> features of the root and of the four layers, at strides 2, 4, 8, 16 and 32 or the output stride.
  /// Of `beta`, whose layer 1 ends at stride 8, features[1] is what DeepLab's decoder reads: unit 2 before its shortcut is added and before
  /// ReLU, at stride 4. `into[i]`, when given and defined, is where feature i is written.
  std::vector<Tensor> forward(const Tensor& x, const std::vector<Tensor>& into = {}) const;
  /// The height or width of feature `stage` of v1_5 at output stride 32, for an input of `size`.
  static std::int64_t feature_size(std::int64_t size, int stage) {
    for (int i = 0; i <= stage; ++i) size = (size + 1) / 2;
    return size;
  }

 private:
  class Bottleneck;
  bool beta_;
  std::vector<std::pair<nn::Conv2d*, nn::Norm*>> root_;
  std::vector<std::vector<Bottleneck*>> layers_;
};

}  // namespace lamina::models
