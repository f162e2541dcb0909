#include "lamina/models/resnet.hpp"

#include "lamina/ops/ops.hpp"

namespace lamina::models {
namespace {

nn::Conv2dOptions plain_conv(int in, int out, int kernel, int stride) {
  return {.in = in, .out = out, .kernel = kernel, .stride = stride, .padding = Padding::symmetric(kernel / 2), .bias = false};
}

}  // namespace

/// relu(x' + bn3(conv1x1(relu(bn2(conv3x3(relu(bn1(conv1x1(x))))))))), x' = x or bn(conv1x1(x)) where the shape changes.
class ResNet50::Bottleneck : public nn::Module {
 public:
  Bottleneck(int in, int width, int stride, nn::RandomStream& random) {
    const int channels[] = {in, width, width, 4 * width};
    for (int k = 0; k < 3; ++k) {
      const std::string id = std::to_string(k + 1);
      conv_[k] = &add<nn::Conv2d>("conv" + id, plain_conv(channels[k], channels[k + 1], k == 1 ? 3 : 1, k == 1 ? stride : 1), random);
      norm_[k] = &add<nn::BatchNorm2d>("bn" + id, nn::BatchNorm2dOptions{.channels = channels[k + 1], .activation = Activation::relu()});
    }
    if (stride != 1 || in != 4 * width) {
      project_ = &add<nn::Conv2d>("downsample.0", plain_conv(in, 4 * width, 1, stride), random);
      project_norm_ = &add<nn::BatchNorm2d>("downsample.1", nn::BatchNorm2dOptions{.channels = 4 * width});
    }
  }
  Tensor operator()(const Tensor& x, const Tensor& into) const {
    const Tensor shortcut = project_ ? nn::conv_norm(*project_, *project_norm_, x) : x;
    Tensor y = nn::conv_norm(*conv_[0], *norm_[0], x);
    y = nn::conv_norm(*conv_[1], *norm_[1], y);
    return nn::conv_norm(*conv_[2], *norm_[2], y, shortcut, into);
  }

 private:
  nn::Conv2d *conv_[3], *project_ = nullptr;
  nn::BatchNorm2d *norm_[3], *project_norm_ = nullptr;
};

class ResNet50::Layer : public nn::Module {
 public:
  Layer(int in, int width, int blocks, int stride, nn::RandomStream& random) {
    for (int i = 0; i < blocks; ++i)
      blocks_.push_back(&add<Bottleneck>(std::to_string(i), i ? 4 * width : in, width, i ? 1 : stride, random));
  }
  Tensor operator()(Tensor x, const Tensor& into) const {
    for (const Bottleneck* block : blocks_) x = (*block)(x, block == blocks_.back() ? into : Tensor{});
    return x;
  }

 private:
  std::vector<Bottleneck*> blocks_;
};

ResNet50::ResNet50(int in_channels, nn::RandomStream& random) {
  conv1_ = &add<nn::Conv2d>("conv1", plain_conv(in_channels, 64, 7, 2), random);
  bn1_ = &add<nn::BatchNorm2d>("bn1", nn::BatchNorm2dOptions{.channels = 64, .activation = Activation::relu()});
  constexpr int kBlocks[] = {3, 4, 6, 3};
  for (int i = 0; i < 4; ++i)
    layers_.push_back(&add<Layer>("layer" + std::to_string(i + 1), kChannels[i], 64 << i, kBlocks[i], i ? 2 : 1, random));
}

std::vector<Tensor> ResNet50::forward(const Tensor& x, const std::vector<Tensor>& into) const {
  auto slot = [&](std::size_t i) { return i < into.size() ? into[i] : Tensor{}; };
  std::vector<Tensor> features{nn::conv_norm(*conv1_, *bn1_, x, {}, slot(0))};  // (N, H/2, W/2, 64)
  Tensor y = max_pool2d(features[0], {.kernel = 3, .stride = 2, .padding = Padding::symmetric(1)});
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    y = (*layers_[i])(y, slot(i + 1));  // (N, H/4, W/4, 256) ... (N, H/32, W/32, 2048)
    features.push_back(y);
  }
  return features;
}

}  // namespace lamina::models
