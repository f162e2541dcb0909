#pragma once
#include <array>
#include <vector>

#include "lamina/models/aspp.hpp"
#include "lamina/models/network.hpp"
#include "lamina/models/resnet.hpp"

namespace lamina::models {

/// DeepLabV3+ on a ResNet-50 (Chen et al. 2018), as one of two sources has it.
struct DeepLabV3PlusOptions {
  enum class Source {
    tensorflow,  ///< research/deeplab with resnet_v1_50_beta
    smp,         ///< segmentation_models.pytorch's DeepLabV3Plus("resnet50"), and its names
  };
  Source source = Source::tensorflow;
  int in_channels = 3;
  std::vector<OutputSpec> outputs = {};  ///< a 1x1 head each
  int base = 64;                         ///< of the backbone; ASPP and decoder have 4 * base channels, the low-level features 3/4 * base
  int output_stride = 16;
  std::array<int, 3> multi_grid = {1, 1, 1};
  std::array<int, 3> rates = {6, 12, 18};
  ConvForm form = ConvForm::separable_norm;
  int pooling_crop = 0;  ///< side of the training crop, whose features image pooling averages; 0: whatever the image is
  double dropout = 0.1;  ///< after ASPP
  nn::NormOptions::Kind norm = nn::NormOptions::Kind::batch;
  double backbone_momentum = 0.05, head_momentum = 0.0003;  ///< of the running statistics
};

/// x (N, H, W, in_channels) -> logits (N, ceil(H/4), ceil(W/4), channels of each output). Sizes of the form k * output_stride + 1 nest: 513
/// -> 257 -> 129 -> 65 -> 33, and 33 -> 129 -> 513 on the grid of corners interpolates without a remainder.
/// Parameters at 9 classes: 26,816,825 (separable_norm), 40,472,873 (dense), 26,679,641 (smp).
class DeepLabV3Plus : public Network {
 public:
  /// Throws OptionError.
  DeepLabV3Plus(const DeepLabV3PlusOptions& options, nn::RandomStream& random);
  Outputs forward(const Tensor& x) override;
  int in_channels() const override { return options_.in_channels; }
  std::vector<OutputSpec> outputs() const override { return options_.outputs; }
  int minimum_size() const override { return options_.output_stride + 1; }
  std::vector<std::string> last_layers() const override;
  ResizeGrid grid() const override { return ResizeGrid::align_corners; }

 private:
  DeepLabV3PlusOptions options_;
  ResNet50* backbone_;
  Aspp* aspp_;
  ConvUnit* refine_ = nullptr;  // after ASPP, of smp
  ConvUnit* low_;
  std::vector<ConvUnit*> decoder_;
  std::vector<nn::Conv2d*> heads_;  // one an output
};

struct DeepLabV3Options {
  int in_channels = 3;
  std::vector<OutputSpec> outputs = {};  ///< a 1x1 head each
  int base = 64;
  int output_stride = 8;
  std::array<int, 3> rates = {12, 24, 36};
  double dropout = 0.5;
  nn::NormOptions::Kind norm = nn::NormOptions::Kind::batch;
  double backbone_momentum = 0.1, head_momentum = 0.1;
  bool auxiliary = false;  ///< a second classifier on layer 3, an output called "aux" beside the first
};

/// DeepLabV3 without a decoder (Chen et al. 2017) as torchvision's deeplabv3_resnet50, with its names: 39,638,869 parameters at 21 classes,
/// 42,004,074 with the auxiliary classifier. x (N, H, W, in_channels) -> logits (N, ceil(H/8), ceil(W/8), channels of each output).
class DeepLabV3 : public Network {
 public:
  /// Throws OptionError.
  DeepLabV3(const DeepLabV3Options& options, nn::RandomStream& random);
  Outputs forward(const Tensor& x) override;
  int in_channels() const override { return options_.in_channels; }
  std::vector<OutputSpec> outputs() const override;
  int minimum_size() const override { return options_.output_stride + 1; }
  std::vector<std::string> last_layers() const override;

 private:
  DeepLabV3Options options_;
  ResNet50* backbone_;
  Aspp* aspp_;
  ConvUnit* conv_;
  std::vector<nn::Conv2d*> heads_;  // one an output
  ConvUnit* auxiliary_ = nullptr;
  nn::Dropout* auxiliary_dropout_ = nullptr;
  nn::Conv2d* auxiliary_head_ = nullptr;
};

}  // namespace lamina::models
