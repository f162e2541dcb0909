#pragma once
#include <vector>

#include "lamina/models/network.hpp"

namespace lamina::models {

/// A discriminator that scores patches: kernels of 4 pixels, leaky ReLU of slope 0.2, batch norm between the first and the last
/// convolution.
struct PatchDiscriminatorOptions {
  int in_channels = 6;   ///< condition and picture, concatenated
  int base = 64;         ///< channels of the first convolution; they double with each layer, up to 8 times
  int layers = 3;        ///< convolutions of stride 2; 0: all kernels are 1x1 and a patch is a pixel
  bool widening = true;  ///< a further convolution of stride 1 before the last, as the 70x70 discriminator has it
  int last_kernel = 4, last_stride = 1;
  std::string output = kLabels;
};

/// x (N, H, W, in_channels) -> scores (N, h, w, 1), without a sigmoid. With the defaults the 70x70 discriminator of pix2pix (Isola et al.
/// 2017), with the names of its PyTorch implementation: 2,768,705 parameters at 6 channels; 256 pixels give 30x30 scores, 129 give 14x14.
/// Weights are drawn from N(0, 0.02), scales of batch norms from N(1, 0.02).
class PatchDiscriminator : public Network {
 public:
  /// Throws OptionError on options outside their range.
  PatchDiscriminator(const PatchDiscriminatorOptions& options, nn::RandomStream& random);
  Outputs forward(const Tensor& x) override;
  int in_channels() const override { return options_.in_channels; }
  std::vector<OutputSpec> outputs() const override { return {{options_.output, 1}}; }
  int minimum_size() const override;

 private:
  struct Layer {
    nn::Conv2d* conv;
    nn::BatchNorm2d* norm;  // none: the convolution has the activation
  };
  PatchDiscriminatorOptions options_;
  std::vector<Layer> layers_;
};

}  // namespace lamina::models
