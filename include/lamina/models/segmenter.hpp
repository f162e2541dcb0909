#pragma once
#include "lamina/nn/nn.hpp"

namespace lamina::models {

/// A network from images (N, H, W, C) to logits (N, H, W, classes) of the same height and width.
class Segmenter : public nn::Module {
 public:
  virtual Tensor forward(const Tensor& x) = 0;
  /// forward() of images of any device and dtype: they are brought to the model's.
  Tensor operator()(const Tensor& images) { return forward(images.to(options().device).to(options().dtype)); }
  virtual int in_channels() const = 0;
  virtual int classes() const = 0;
  /// The smallest height and width it accepts.
  virtual int minimum_size() const = 0;
};

}  // namespace lamina::models
