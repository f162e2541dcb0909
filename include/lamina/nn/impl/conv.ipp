#include "lamina/nn/conv.hpp"

namespace lamina::nn {

std::int64_t multiply_adds(const ForwardEvent& event) {
  const std::string_view op = event.op.name;
  if (op != "conv2d" && op != "conv_transpose2d") return 0;
  const Tensor& pixels = op == "conv2d" ? event.output : event.inputs[0];  // each meets one filter of its channel
  return pixels.numel() * (event.inputs[1].numel() / event.inputs[1].size(0));
}

void CostScope::forward(const ForwardEvent& event) {
  const std::int64_t macs = multiply_adds(event);
  macs_ += macs;
  layers_ += macs > 0;
}

Conv2d::Conv2d(const Conv2dOptions& o, RandomStream& random)
    : params_{.stride = o.stride, .padding = o.padding, .dilation = o.dilation, .groups = o.groups, .activation = o.activation} {
  require<OptionError>(o.in >= 1 && o.out >= 1 && o.kernel >= 1, "Conv2d: in ", o.in, ", out ", o.out, ", kernel ", o.kernel,
                       " must be at least 1");
  require<OptionError>(o.groups >= 1 && o.in % o.groups == 0 && o.out % o.groups == 0, "Conv2d: groups ", o.groups, " must divide in ",
                       o.in, " and out ", o.out);
  const double area = o.kernel * o.kernel;
  const Shape shape{o.out, o.kernel, o.kernel, o.in / o.groups};
  weight_ = add_parameter("weight", shape, [&] {
    return initial_weight(o.init, shape, {area * o.in / o.groups, area * o.out / o.groups}, random.next());
  });
  if (o.bias) bias_ = add_parameter("bias", {o.out}, [&] { return Tensor::zeros({o.out}); });
}

Tensor Conv2d::operator()(const Tensor& x, const Tensor& into) const {
  const LayerScope scope(*this);
  return conv2d(x, weight_, bias_, params_, into);
}
Measured Conv2d::measured(const Tensor& x) const {
  const LayerScope scope(*this);
  return conv2d_measured(x, weight_, bias_, params_);
}

ConvTranspose2d::ConvTranspose2d(const ConvTranspose2dOptions& o, RandomStream& random) : params_{.stride = o.stride} {
  require<OptionError>(o.in >= 1 && o.out >= 1 && o.kernel >= 1, "ConvTranspose2d: in ", o.in, ", out ", o.out, ", kernel ", o.kernel,
                       " must be at least 1");
  const double area = o.kernel * o.kernel;
  const Shape shape{o.in, o.kernel, o.kernel, o.out};
  weight_ = add_parameter("weight", shape, [&] { return initial_weight(o.init, shape, {area * o.in, area * o.out}, random.next()); });
  if (o.bias) bias_ = add_parameter("bias", {o.out}, [&] { return Tensor::zeros({o.out}); });
}

Tensor ConvTranspose2d::operator()(const Tensor& x, const Tensor& into) const {
  const LayerScope scope(*this);
  return conv_transpose2d(x, weight_, bias_, params_, into);
}

}  // namespace lamina::nn
