#pragma once
#include "lamina/models/network.hpp"
#include "lamina/models/resnet.hpp"

namespace lamina::models {

/// U-Net with a ResNet-50 encoder and five decoder blocks of 256, 128, 64, 32 and 16 channels: the network and the names of
/// segmentation_models.pytorch's Unet("resnet50"); 32,521,105 parameters at 3 channels and 1 class. Unlike there any input size of
/// at least 32 works: upsampling goes to the skip's size.
class UNetResNet50 : public Network {
 public:
  UNetResNet50(int in_channels, OutputSpec output, nn::RandomStream& random);
  Outputs forward(const Tensor& x) override;
  int in_channels() const override { return in_channels_; }
  std::vector<OutputSpec> outputs() const override { return {output_}; }
  int minimum_size() const override { return 32; }

 private:
  class Decoder;
  int in_channels_;
  OutputSpec output_;
  ResNet50* encoder_;
  Decoder* decoder_;
  nn::Conv2d* head_;
};

}  // namespace lamina::models
