#include "lamina/io/impl/tensorflow.hpp"

#include <algorithm>

#include "lamina/io/impl/checkpoint.hpp"

namespace lamina::io {
namespace {

/// A scope of variables, and what its convolution and its norm are here.
struct Scope {
  std::string theirs, conv, norm;
};

std::vector<Scope> scopes() {
  constexpr int kUnits[] = {3, 4, 6, 3};
  const std::string root(kTensorflowScope);
  std::vector<Scope> all;
  const auto add = [&](const std::string& theirs, const std::string& ours, const char* conv, const char* norm) {
    all.push_back({theirs, ours + conv, ours + norm});
  };
  for (const std::string i : {"1", "2", "3"}) add(root + "conv1_" + i, "backbone.root.", ("conv" + i).c_str(), ("bn" + i).c_str());
  for (int block = 0; block < 4; ++block)
    for (int unit = 0; unit < kUnits[block]; ++unit) {
      const std::string theirs = root + "block" + std::to_string(block + 1) + "/unit_" + std::to_string(unit + 1) + "/bottleneck_v1/";
      const std::string ours = "backbone.layer" + std::to_string(block + 1) + "." + std::to_string(unit) + ".";
      if (unit == 0) add(theirs + "shortcut", ours, "downsample.0", "downsample.1");
      for (const std::string i : {"1", "2", "3"}) add(theirs + "conv" + i, ours, ("conv" + i).c_str(), ("bn" + i).c_str());
    }
  for (const char* head : {"image_pooling", "aspp0", "aspp1", "aspp2", "aspp3", "concat_projection"}) {
    const std::string ours = std::string("aspp.") + head + ".";
    add(head, ours, "conv", "norm");
    add(head + std::string("_depthwise"), ours, "depthwise", "depthwise_norm");
    add(head + std::string("_pointwise"), ours, "pointwise", "norm");
  }
  for (const std::string head : {"feature_projection0", "decoder_conv0", "decoder_conv1"}) {
    add("decoder/" + head, "decoder." + head + ".", "conv", "norm");
    add("decoder/" + head + "_depthwise", "decoder." + head + ".", "depthwise", "depthwise_norm");
    add("decoder/" + head + "_pointwise", "decoder." + head + ".", "pointwise", "norm");
  }
  add("logits/semantic", "logits", "", "");
  return all;
}

bool is_depthwise(const TensorInfo& tensor) { return tensor.name.ends_with("/depthwise_weights"); }

}  // namespace

std::map<std::string, std::string> tensorflow_names() {
  std::map<std::string, std::string> names;
  for (const Scope& s : scopes()) {
    for (const char* kernel : {"/weights", "/depthwise_weights"}) names[s.theirs + kernel] = s.conv + ".weight";
    names[s.theirs + "/biases"] = s.conv + ".bias";
    for (const auto& [theirs, ours] : {std::pair{"gamma", ".weight"}, std::pair{"beta", ".bias"}, std::pair{"moving_mean", ".running_mean"},
                                       std::pair{"moving_variance", ".running_var"}})
      names[s.theirs + "/BatchNorm/" + theirs] = s.norm + ours;
  }
  return names;
}

bool has_tensorflow_root(const std::vector<nn::NamedTensor>& state) {
  return std::any_of(state.begin(), state.end(), [](const nn::NamedTensor& t) { return t.name == "backbone.root.conv1.weight"; });
}

Shape shape_from_tensorflow(const TensorInfo& tensor) {
  const Shape& s = tensor.shape;
  if (s.rank() != 4) return s;
  return is_depthwise(tensor) ? Shape{s[2] * s[3], s[0], s[1], 1} : Shape{s[3], s[0], s[1], s[2]};
}

Tensor from_tensorflow(const Tensor& tensor, const TensorInfo& info) {
  const Shape to = shape_from_tensorflow(info);
  if (to.rank() != 4) return tensor;
  return relayout(tensor.view_as({1, to.numel() / to[0], to[0], 1}), false).view_as(to);  // a transposed matrix
}

}  // namespace lamina::io
