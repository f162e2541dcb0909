// Names and layouts of TensorFlow's DeepLabV3+ on resnet_v1_50_beta.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "lamina/io/safetensors.hpp"
#include "lamina/nn/module.hpp"

namespace lamina::io {

inline constexpr std::string_view kTensorflowScope = "resnet_v1_50/";

/// Lamina's names of the tensors of tensorflow/models research/deeplab by theirs: backbone, ASPP and decoder, separable or dense. The
/// classifier on ImageNet has none.
std::map<std::string, std::string> tensorflow_names();
/// Whether a network has the three 3x3 convolutions that resnet_v1_50_beta begins with.
bool has_tensorflow_root(const std::vector<nn::NamedTensor>& state);
/// (h, w, in, out), or (h, w, channels, 1) of depthwise kernels -> (out, h, w, in).
Shape shape_from_tensorflow(const TensorInfo& tensor);
Tensor from_tensorflow(const Tensor& tensor, const TensorInfo& info);

}  // namespace lamina::io
