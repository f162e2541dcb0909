#pragma once
#include <array>
#include <string>
#include <vector>

#include "lamina/kernels/resize.hpp"
#include "lamina/nn/nn.hpp"

namespace lamina::models {

/// What the layers of a ConvUnit are called.
struct ConvUnitNames {
  std::string dense = "conv", depthwise = "depthwise", depthwise_norm = "depthwise_norm", pointwise = "pointwise", norm = "norm";
  /// PyTorch's, by position: a separable convolution is CONV.0 and CONV.1.
  static ConvUnitNames at(const std::string& conv, const std::string& norm) { return {conv, conv + ".0", "", conv + ".1", norm}; }
};

/// The three ways to write "3x3 Conv".
enum class ConvForm {
  dense,
  separable,       ///< depthwise, then 1x1 (segmentation_models.pytorch)
  separable_norm,  ///< with a norm and ReLU in between (TensorFlow's split_separable_conv2d)
};

struct ConvUnitOptions {
  int in = 0, out = 0;
  int kernel = 3, rate = 1;  ///< rate: dilation
  ConvForm form = ConvForm::dense;
  nn::NormOptions norm = {};
  nn::Init init = nn::Init::xavier_uniform;  ///< dense
  nn::Init depthwise_init = nn::Init::slim_depthwise, pointwise_init = nn::Init::slim_pointwise;
  ConvUnitNames names = {};
};

/// A box of DeepLab's figures: relu(norm(conv(x))), the image's size kept.
class ConvUnit : public nn::Module {
 public:
  ConvUnit(const ConvUnitOptions& o, nn::RandomStream& random);
  Tensor operator()(const Tensor& x, const Tensor& into = {}) const;

 private:
  nn::Conv2d *depthwise_ = nullptr, *conv_;
  nn::Norm *depthwise_norm_ = nullptr, *norm_;
};

struct AsppOptions {
  enum class Names { lamina, torch };
  int in = 0, out = 256;
  std::array<int, 3> rates = {6, 12, 18};
  ConvUnitOptions unit = {};  ///< form, norm and initialisers of every convolution; only those with a rate are separable
  /// Side of the windows of features that image pooling averages, as TensorFlow's network averages those of its training crop; 0: the whole
  /// image, whatever its size. The means are interpolated on `grid`.
  int pooling = 0;
  ResizeGrid grid = ResizeGrid::align_corners;
  double dropout = 0.1;
  Names names = Names::lamina;  ///< torch: torchvision's, whose image pooling is the last branch, not the first
};

/// Atrous spatial pyramid pooling (Chen et al. 2017): image pooling, a 1x1 and three 3x3 convolutions with rates, concatenated in this
/// order and projected. x (N, h, w, in) -> (N, h, w, out). Works on one image in training: where image pooling leaves one value a
/// channel, its norm uses the running statistics (as in evaluation) and leaves them, for one value has no variance.
class Aspp : public nn::Module {
 public:
  Aspp(const AsppOptions& o, nn::RandomStream& random);
  Tensor operator()(const Tensor& x) const;

 private:
  Tensor image_pooling(const Tensor& x, const Tensor& into) const;

  AsppOptions options_;
  ConvUnit *pooling_, *projection_;
  std::vector<ConvUnit*> convs_;  // 1x1, then by rates
  nn::Dropout* dropout_;
};

}  // namespace lamina::models
