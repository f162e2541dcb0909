#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lamina/models/network.hpp"

namespace lamina::models {

/// Every U-Net of the family (Ronneberger et al. 2015) as one description. Level i has base * 2^i channels.
struct UNetOptions {
  enum class Norm { none, after_conv, after_activation_in_encoder };
  enum class Up {
    nearest,          ///< nearest upsampling straight into the concatenation
    nearest_conv2x2,  ///< nearest upsampling, then a 2x2 SAME convolution with ReLU that halves the channels (Keras)
    transposed_conv,  ///< 2x2 stride-2 transposed convolution that halves the channels (milesial)
  };
  enum class Dropout { none, elements, channels };
  enum class Names { lamina, milesial };  ///< which checkpoint keys the layers get

  int in_channels = 3, classes = 2;
  std::vector<OutputSpec> outputs = {};  ///< a 1x1 head each; none: one called kLabels with `classes` channels
  int base = 64, depth = 4;              ///< depth poolings, depth + 1 levels
  Norm norm = Norm::after_conv;
  Up up = Up::nearest;
  Dropout dropout = Dropout::none;  ///< after the two deepest levels
  double dropout_rate = 0.5;
  bool dropout_in_eval = false;  ///< Monte-Carlo estimates
  int tail = 0;                  ///< channels of an extra 3x3 ReLU convolution before the 1x1 head (0: none)
  int dilated_levels = 0;        ///< the first levels whose convolutions have dilation 2 in the encoder
  bool extra_bottom = false;     ///< a second pair of convolutions at the deepest level
  double norm_epsilon = 1e-5, norm_momentum = 0.1;
  nn::Init init = nn::Init::kaiming_normal;
  Names names = Names::lamina;
};

/// `bn`, `keras`, `keras32`, `retina`, `retina-shallow`, `milesial`.
std::vector<std::string_view> unet_presets();
/// One of these for the given input channels and classes (0: those of the source, whose published parameter count it then has).
/// Counts: reference architectures by zhixuhao/unet, sohiniroych/Unet-using-TF and milesial/Pytorch-UNet.
/// Throws OptionError that names the nearest preset.
UNetOptions unet_preset(const std::string& preset, int in_channels, int classes);
/// Throws OptionError on options outside their range.
void check_options(const UNetOptions& options);

/// x (N, H, W, in_channels) of any size -> logits (N, H, W, channels of each output). Skips are written straight into the buffers that the
/// decoder reads, so concatenation copies nothing.
class UNet : public Network {
 public:
  /// Throws as check_options.
  UNet(const UNetOptions& options, nn::RandomStream& random);
  Outputs forward(const Tensor& x) override;
  int in_channels() const override { return options_.in_channels; }
  std::vector<OutputSpec> outputs() const override { return options_.outputs; }
  int minimum_size() const override { return 1 << options_.depth; }
  std::vector<std::string> last_layers() const override;

 private:
  class Level;  // two convolutions
  std::int64_t width(int level) const { return std::int64_t{options_.base} << level; }
  /// Channels that the upsampling contributes to a level's concatenation.
  int upsampled(int level) const { return static_cast<int>(width(options_.up == UNetOptions::Up::nearest ? level + 1 : level)); }
  /// The level below, brought to the skip's size in `into`.
  Tensor upsample(int level, const Tensor& x, std::int64_t height, std::int64_t w, const Tensor& into) const;

  UNetOptions options_;
  std::vector<Level*> down_;   // depth + 1, and the extra bottom
  std::vector<Level*> merge_;  // depth, finest first
  std::vector<nn::Conv2d*> up_conv_;
  std::vector<nn::ConvTranspose2d*> up_transposed_;
  nn::Dropout* dropout_ = nullptr;
  nn::Conv2d* tail_ = nullptr;
  std::vector<nn::Conv2d*> heads_;  // one an output
};

}  // namespace lamina::models
