#include "lamina/nn/conv.hpp"

namespace lamina::nn {
namespace {
thread_local CostScope* cost = nullptr;
}  // namespace

CostScope::CostScope() : outer_(cost) { cost = this; }
CostScope::~CostScope() { cost = outer_; }
void CostScope::count(std::int64_t macs) {
  if (!cost) return;
  cost->macs_ += macs;
  ++cost->layers_;
}

Conv2d::Conv2d(const Conv2dOptions& o, RandomStream& random)
    : params_{.stride = o.stride, .padding = o.padding, .dilation = o.dilation, .groups = o.groups, .activation = o.activation} {
  require<OptionError>(o.in >= 1 && o.out >= 1 && o.kernel >= 1, "Conv2d: in ", o.in, ", out ", o.out, ", kernel ", o.kernel,
                       " must be at least 1");
  require<OptionError>(o.groups >= 1 && o.in % o.groups == 0 && o.out % o.groups == 0, "Conv2d: groups ", o.groups, " must divide in ",
                       o.in, " and out ", o.out);
  const double area = o.kernel * o.kernel;
  weight_ = add_parameter("weight", initial_weight(o.init, {o.out, o.kernel, o.kernel, o.in / o.groups},
                                                   {area * o.in / o.groups, area * o.out / o.groups}, random.next()));
  if (o.bias) bias_ = add_parameter("bias", Tensor::zeros({o.out}));
}

Tensor Conv2d::operator()(const Tensor& x, const Tensor& into) const {
  Tensor y = conv2d(x, weight_, bias_, params_, into);
  CostScope::count(y.numel() * weight_.numel() / weight_.size(0));
  return y;
}
Measured Conv2d::measured(const Tensor& x) const {
  Measured y = conv2d_measured(x, weight_, bias_, params_);
  CostScope::count(y.x.numel() * weight_.numel() / weight_.size(0));
  return y;
}

ConvTranspose2d::ConvTranspose2d(const ConvTranspose2dOptions& o, RandomStream& random) : params_{.stride = o.stride} {
  require<OptionError>(o.in >= 1 && o.out >= 1 && o.kernel >= 1, "ConvTranspose2d: in ", o.in, ", out ", o.out, ", kernel ", o.kernel,
                       " must be at least 1");
  const double area = o.kernel * o.kernel;
  weight_ = add_parameter("weight", initial_weight(o.init, {o.in, o.kernel, o.kernel, o.out}, {area * o.in, area * o.out}, random.next()));
  if (o.bias) bias_ = add_parameter("bias", Tensor::zeros({o.out}));
}

Tensor ConvTranspose2d::operator()(const Tensor& x, const Tensor& into) const {
  Tensor y = conv_transpose2d(x, weight_, bias_, params_, into);
  CostScope::count(x.numel() * weight_.numel() / weight_.size(0));
  return y;
}

}  // namespace lamina::nn
