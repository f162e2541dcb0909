#include "lamina/models/resnet.hpp"

#include "lamina/ops/ops.hpp"

namespace lamina::models {
namespace {

/// How a unit's 3x3 convolution samples.
struct Sampling {
  int stride, dilation;
};

/// Hands out strides until the output stride is spent; those that are left multiply the rate of what follows.
class Atrous {
 public:
  Atrous(int output_stride, bool at_once) : left_(output_stride / 4), at_once_(at_once) {}
  Sampling unit(int stride, int grid) {
    if (stride <= left_) {
      left_ /= stride;
      return {stride, rate_ * grid};
    }
    const int before = rate_;
    rate_ *= stride;
    return {1, (at_once_ ? rate_ : before) * grid};
  }

 private:
  int left_, rate_ = 1;
  bool at_once_;
};

Pool2dParams root_pooling(bool beta, const Shape& x) {
  if (!beta) return {.kernel = 3, .stride = 2, .padding = Padding::symmetric(1)};
  const auto both = [&](int axis) { return static_cast<int>(kernels::same_padding(x[axis], 3, 2, 1)); };
  const int v = both(1), u = both(2);
  return {.kernel = 3, .stride = 2, .padding = {v / 2, v - v / 2, u / 2, u - u / 2, false}};  // TensorFlow's SAME
}

}  // namespace

/// relu(x' + bn3(conv1x1(relu(bn2(conv3x3(relu(bn1(conv1x1(x))))))))), x' = x; x[::2, ::2] where only the size changes; or bn(conv1x1(x)).
class ResNet50::Bottleneck : public nn::Module {
 public:
  /// An `open` unit shows its branch.
  Bottleneck(const ResNet50Options& o, int in, int width, Sampling sampling, bool open, nn::RandomStream& random)
      : stride_(sampling.stride), open_(open) {
    const int channels[] = {in, width, width, 4 * width};
    for (int k = 0; k < 3; ++k) {
      const std::string id = std::to_string(k + 1);
      const Sampling s = k == 1 ? sampling : Sampling{1, 1};
      conv_[k] = &add<nn::Conv2d>("conv" + id, conv(o, channels[k], channels[k + 1], k == 1 ? 3 : 1, s), random);
      norm_[k] = &add<nn::Norm>("bn" + id, o.norm.of(channels[k + 1], k == 2 && open ? Activation::none() : Activation::relu()));
    }
    if (in != 4 * width) {
      project_ = &add<nn::Conv2d>("downsample.0", conv(o, in, 4 * width, 1, {stride_, 1}), random);
      project_norm_ = &add<nn::Norm>("downsample.1", o.norm.of(4 * width, Activation::none()));
    }
  }
  /// The branch of an open unit is written to `branch`, if that is defined, and becomes it.
  Tensor operator()(const Tensor& x, const Tensor& into, Tensor& branch) const {
    const Tensor shortcut = project_ ? nn::conv_norm(*project_, *project_norm_, x) : subsampled(x);
    Tensor y = nn::conv_norm(*conv_[0], *norm_[0], x);
    y = nn::conv_norm(*conv_[1], *norm_[1], y);
    if (!open_) return nn::conv_norm(*conv_[2], *norm_[2], y, shortcut, into);
    branch = nn::conv_norm(*conv_[2], *norm_[2], y, {}, branch);
    return relu(lamina::add(branch, shortcut), into);
  }
  static nn::Conv2dOptions conv(const ResNet50Options& o, int in, int out, int kernel, Sampling s) {
    return {.in = in,
            .out = out,
            .kernel = kernel,
            .stride = s.stride,
            .padding = Padding::symmetric(s.dilation * (kernel / 2)),
            .dilation = s.dilation,
            .bias = false,
            .init = o.init};
  }

 private:
  Tensor subsampled(const Tensor& x) const { return stride_ == 1 ? x : max_pool2d(x, {.kernel = 1, .stride = stride_}); }

  int stride_;
  bool open_;
  nn::Conv2d *conv_[3], *project_ = nullptr;
  nn::Norm *norm_[3], *project_norm_ = nullptr;
};

ResNet50::ResNet50(const ResNet50Options& o, nn::RandomStream& random) : beta_(o.variant == ResNet50Options::Variant::beta) {
  require<OptionError>(o.output_stride == 8 || o.output_stride == 16 || o.output_stride == 32, "ResNet-50: output stride ", o.output_stride,
                       " must be 8, 16 or 32");
  require<OptionError>(o.base >= 1 && o.in_channels >= 1, "ResNet-50: base ", o.base, " and in_channels ", o.in_channels,
                       " must be at least 1");
  for (const int grid : o.multi_grid) require<OptionError>(grid >= 1, "ResNet-50: multi_grid ", grid, " must be at least 1");
  const auto root = [&](const std::string& conv, const std::string& norm, int in, int out, int kernel, int stride) {
    auto& layer = add<nn::Conv2d>(conv, Bottleneck::conv(o, in, out, kernel, {stride, 1}), random);  // before its norm, as parameters go
    root_.emplace_back(&layer, &add<nn::Norm>(norm, o.norm.of(out, Activation::relu())));
    return out;
  };
  int channels = 0;
  if (beta_) {
    channels = root("root.conv1", "root.bn1", o.in_channels, o.base, 3, 2);
    channels = root("root.conv2", "root.bn2", channels, o.base, 3, 1);
    channels = root("root.conv3", "root.bn3", channels, 2 * o.base, 3, 1);
  } else {
    channels = root("conv1", "bn1", o.in_channels, o.base, 7, 2);
  }
  constexpr int kUnits[] = {3, 4, 6, 3};
  Atrous atrous(o.output_stride, o.dilate_at_once);
  for (int layer = 0; layer < 4; ++layer) {
    const int width = o.base << layer, last = kUnits[layer] - 1;
    const bool shrinks = beta_ ? layer < 3 : layer > 0;
    std::vector<Bottleneck*> units;
    for (int u = 0; u <= last; ++u) {
      const int stride = shrinks && u == (beta_ ? last : 0) ? 2 : 1;
      const Sampling sampling = atrous.unit(stride, layer == 3 ? o.multi_grid[static_cast<std::size_t>(u)] : 1);
      units.push_back(&add<Bottleneck>("layer" + std::to_string(layer + 1) + "." + std::to_string(u), o, channels, width, sampling,
                                       beta_ && layer == 0 && u == 1, random));
      channels = 4 * width;
    }
    layers_.push_back(std::move(units));
  }
}

std::vector<Tensor> ResNet50::forward(const Tensor& x, const std::vector<Tensor>& into) const {
  const auto slot = [&](std::size_t i) { return i < into.size() ? into[i] : Tensor{}; };
  Tensor y = x;
  for (const auto& [conv, norm] : root_) y = nn::conv_norm(*conv, *norm, y, {}, conv == root_.back().first ? slot(0) : Tensor{});
  std::vector<Tensor> features{y};  // (N, H/2, W/2, 64), of beta 128
  y = max_pool2d(y, root_pooling(beta_, y.shape()));
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    Tensor open = slot(i + 1);
    const bool shows = beta_ && i == 0;
    for (const Bottleneck* unit : layers_[i]) y = (*unit)(y, !shows && unit == layers_[i].back() ? slot(i + 1) : Tensor{}, open);
    features.push_back(shows ? open : y);  // (N, H/4, W/4, 256) ... (N, H/32, W/32, 2048)
  }
  return features;
}

}  // namespace lamina::models
