#include "lamina/models/unet_resnet50.hpp"

#include "lamina/ops/ops.hpp"

namespace lamina::models {
namespace {

constexpr int kBlocks = 5;
constexpr int kWidth[kBlocks] = {256, 128, 64, 32, 16};
/// Channels of the skip that decoder block i reads, and of what comes from below.
constexpr int skip_channels(int i) { return i < 4 ? ResNet50::kChannels[3 - i] : 0; }
constexpr int below_channels(int i) { return i == 0 ? ResNet50::kChannels[4] : kWidth[i - 1]; }

}  // namespace

class UNetResNet50::Decoder : public nn::Module {
 public:
  explicit Decoder(nn::RandomStream& random) {
    for (int i = 0; i < kBlocks; ++i)
      for (int k = 0; k < 2; ++k) {
        const std::string path = "blocks." + std::to_string(i) + ".conv" + std::to_string(k + 1);
        const int in = k ? kWidth[i] : below_channels(i) + skip_channels(i);
        conv_[i][k] = &add<nn::Conv2d>(
            path + ".0", nn::Conv2dOptions{.in = in, .out = kWidth[i], .padding = Padding::symmetric(1), .bias = false}, random);
        norm_[i][k] = &add<nn::BatchNorm2d>(path + ".1", nn::BatchNorm2dOptions{.channels = kWidth[i], .activation = Activation::relu()});
      }
  }
  Tensor block(int i, Tensor x) const {
    for (int k = 0; k < 2; ++k) x = nn::conv_norm(*conv_[i][k], *norm_[i][k], x);
    return x;
  }

 private:
  nn::Conv2d* conv_[kBlocks][2];
  nn::BatchNorm2d* norm_[kBlocks][2];
};

UNetResNet50::UNetResNet50(int in_channels, OutputSpec output, nn::RandomStream& random)
    : in_channels_(in_channels), output_(std::move(output)) {
  encoder_ = &add<ResNet50>("encoder", ResNet50Options{.in_channels = in_channels}, random);
  decoder_ = &add<Decoder>("decoder", random);
  head_ = &add<nn::Conv2d>("segmentation_head.0",
                           nn::Conv2dOptions{.in = kWidth[kBlocks - 1],
                                             .out = output_.channels,
                                             .padding = Padding::symmetric(1),
                                             .tied = output_.tied,
                                             .init = nn::Init::xavier_uniform},
                           random);
}

Outputs UNetResNet50::forward(const Tensor& input) {
  require(input.rank() == 4 && input.size(1) >= minimum_size() && input.size(2) >= minimum_size(), "U-Net (ResNet-50): the image batch ",
          input.shape(), " must be (N, H, W, C), at least ", minimum_size(), " pixels high and wide");
  // One buffer a decoder block, [from below | skip]; the encoder writes its half.
  std::vector<Tensor> slots, into(ResNet50::kStages);
  for (int i = 0; i < 4; ++i) {
    const int stage = 3 - i;
    const std::int64_t channels[] = {below_channels(i), skip_channels(i)};
    const Shape size{input.size(0), ResNet50::feature_size(input.size(1), stage), ResNet50::feature_size(input.size(2), stage)};
    const auto slices = Tensor::empty_slices(size, channels, like(input));
    slots.push_back(slices[0]);
    into[static_cast<std::size_t>(stage)] = slices[1];
  }
  const auto features = encoder_->forward(input, into);
  Tensor x = features[4];
  for (int i = 0; i < 4; ++i) {
    const Tensor& skip = features[static_cast<std::size_t>(3 - i)];
    const Tensor up = resize_nearest(x, skip.size(1), skip.size(2), slots[static_cast<std::size_t>(i)]);
    x = decoder_->block(i, concat({up, skip}));
  }
  x = decoder_->block(4, resize_nearest(x, input.size(1), input.size(2)));  // (N, H, W, 16)
  return {{output_.name, (*head_)(x)}};                                     // (N, H, W, channels)
}

}  // namespace lamina::models
