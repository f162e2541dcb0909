#pragma once
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "lamina/autograd/observe.hpp"
#include "lamina/models/registry.hpp"

namespace lamina::test {

/// Stride and dilation of every convolution, and heights of what layers give, by path.
class Geometry : public Observer {
 public:
  explicit Geometry(const models::ModelConfig& config, std::int64_t size, std::int64_t width = 0) {
    const auto net = models::build_meta(config);
    net->eval();
    const NoGrad no_grad;
    const ObserverScope scope(*this);
    logits = net->run(Tensor::empty({1, size, width ? width : size, net->in_channels()}, {DType::f32, kMeta}));
  }
  std::map<std::string, std::pair<int, int>> convs;  // stride, dilation
  std::map<std::string, std::int64_t> heights;
  std::vector<std::int64_t> maxima;  // heights of max_pool2d's results
  models::Outputs logits;
  /// Dilations of the 3x3 convolutions of a layer of the backbone.
  std::vector<int> dilations(const std::string& layer) const {
    std::vector<int> all;
    for (const auto& [path, geometry] : convs)
      if (path.find(layer + ".") != std::string::npos && path.ends_with("conv2")) all.push_back(geometry.second);
    return all;
  }

 private:
  void forward(const ForwardEvent& e) override {
    const auto integer = [&](const char* name) {
      for (const Attribute& a : e.op.attributes)
        if (std::string(a.name) == name) return static_cast<int>(std::get<std::int64_t>(a.value));
      return 0;
    };
    const std::string path = nn::LayerScope::current();
    if (std::string(e.op.name) == "conv2d") convs[path] = {integer("stride"), integer("dilation")};
    if (std::string(e.op.name) == "max_pool2d") maxima.push_back(e.output.size(1));
    if (!path.empty() && e.output.rank() == 4) heights[path] = e.output.size(1);
  }
};

}  // namespace lamina::test
