#pragma once
#include <string>
#include <vector>

#include "lamina/core/names.hpp"
#include "lamina/kernels/resize.hpp"
#include "lamina/nn/nn.hpp"

namespace lamina::models {

/// What a network says of images: logits (N, h, w, channels) by name, one for each head. (h, w) is the images' size or smaller: losses and
/// predictors interpolate.
using Outputs = std::vector<nn::NamedTensor>;

/// The one of that name. Throws ShapeError that lists them.
const Tensor& named(const Outputs& outputs, const std::string& name);

/// One of them, before it is computed.
struct OutputSpec {
  std::string name = {};
  int channels = 0;
  std::vector<int> tied{};  ///< as Conv2dOptions has them: rows of channels that are to have the same weights and a bias each
  bool operator==(const OutputSpec&) const = default;
};

/// A network from images (N, H, W, C) to logits.
class Network : public nn::Module {
 public:
  virtual Outputs forward(const Tensor& x) = 0;
  /// forward() of images of any device and dtype: they are brought to the model's. Throws ShapeError where an output is not what outputs()
  /// says, of as many images.
  Outputs run(const Tensor& images);
  /// The logits of a network with one output. Throws ShapeError when it has several.
  Tensor operator()(const Tensor& images) {
    Outputs all = run(images);
    require(all.size() == 1, "the network has ", all.size(), " outputs; ask for all of them with run()");
    return std::move(all[0].tensor);
  }
  /// The logits of the output of that name. Throws ShapeError that lists the outputs.
  Tensor output(const Tensor& images, const std::string& name) { return named(run(images), name); }
  virtual int in_channels() const = 0;
  virtual std::vector<OutputSpec> outputs() const = 0;
  /// The smallest height and width it accepts.
  virtual int minimum_size() const = 0;
  /// Paths of the layers that make the outputs: what a network of other outputs does not take over. By default that of the last parameter.
  virtual std::vector<std::string> last_layers() const;
  /// The grid on which logits smaller than the images are interpolated to their size.
  virtual ResizeGrid grid() const { return ResizeGrid::half_pixel; }
};

}  // namespace lamina::models
