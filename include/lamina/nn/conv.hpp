#pragma once
#include "lamina/autograd/observe.hpp"
#include "lamina/nn/init.hpp"
#include "lamina/nn/module.hpp"
#include "lamina/ops/conv2d.hpp"
#include "lamina/ops/conv_transpose2d.hpp"

namespace lamina::nn {

/// The multiply-adds of an op: those of convolutions, 0 of others.
std::int64_t multiply_adds(const ForwardEvent& event);

/// Counts the multiply-adds of the convolutions that run on this thread while it lives.
class CostScope : Observer {
 public:
  std::int64_t macs() const { return macs_; }
  int layers() const { return layers_; }

 private:
  void forward(const ForwardEvent& event) override;
  ObserverScope scope_{*this};
  std::int64_t macs_ = 0;
  int layers_ = 0;
};

struct Conv2dOptions {
  int in = 0, out = 0;  ///< channels
  int kernel = 3;
  int stride = 1;
  Padding padding = {};
  int dilation = 1;
  int groups = 1;
  std::vector<int> tied{};  ///< how many outputs in a row have the same weights and differ by their biases, for each row; none: 1 each
  bool bias = true;
  Activation activation = {};
  Init init = Init::kaiming_normal;
};

/// Every filter of (n, kh, kw, c) as many times in a row as it is said to be: (sum of `times`, kh, kw, c). Differentiable.
Tensor repeated_filters(const Tensor& weight, std::span<const int> times);

/// Square-kernel convolution layer. Parameters: weight (out, k, k, in/groups), of tied outputs one filter for each row of them; bias (out),
/// zero at the start; of tied outputs it falls evenly from 1, as coral-pytorch's.
class Conv2d : public Module {
 public:
  using Options = Conv2dOptions;
  /// Throws OptionError on channels, kernel, groups or tied below 1, groups that do not divide, and tied that are not `out` in all.
  Conv2d(const Conv2dOptions& o, RandomStream& random);
  Tensor operator()(const Tensor& x, const Tensor& into = {}) const;
  /// The same with the moments of the result's channels.
  Measured measured(const Tensor& x) const;
  /// Whether each filter sees one channel of several.
  bool depthwise() const { return params_.groups > 1 && weight_.size(3) == 1; }

 private:
  Tensor filters() const { return tied_.empty() ? weight_ : repeated_filters(weight_, tied_); }
  Conv2dParams params_;
  std::vector<int> tied_;
  Tensor weight_, bias_;
};

struct ConvTranspose2dOptions {
  int in = 0, out = 0;
  int kernel = 2;
  int stride = 2;
  bool bias = true;
  Init init = Init::kaiming_normal;
};

/// Square-kernel transposed convolution without padding. Parameters: weight (in, k, k, out), bias (out).
class ConvTranspose2d : public Module {
 public:
  using Options = ConvTranspose2dOptions;
  ConvTranspose2d(const ConvTranspose2dOptions& o, RandomStream& random);
  Tensor operator()(const Tensor& x, const Tensor& into = {}) const;

 private:
  ConvTranspose2dParams params_;
  Tensor weight_, bias_;
};

}  // namespace lamina::nn
