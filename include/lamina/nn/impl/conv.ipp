#include "lamina/nn/conv.hpp"

#include "lamina/ops/concat.hpp"
#include "lamina/ops/reshape.hpp"

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

Tensor repeated_filters(const Tensor& weight, int times) {
  const Shape s = weight.shape();
  const Tensor rows = reshape(weight, {s[0], 1, 1, s[1] * s[2] * s[3]});
  return reshape(concat(std::vector<Tensor>(static_cast<std::size_t>(times), rows)), {s[0] * times, s[1], s[2], s[3]});
}

Conv2d::Conv2d(const Conv2dOptions& o, RandomStream& random)
    : params_{.stride = o.stride, .padding = o.padding, .dilation = o.dilation, .groups = o.groups, .activation = o.activation},
      tied_(o.tied) {
  require<OptionError>(o.in >= 1 && o.out >= 1 && o.kernel >= 1, "Conv2d: in ", o.in, ", out ", o.out, ", kernel ", o.kernel,
                       " must be at least 1");
  require<OptionError>(o.groups >= 1 && o.in % o.groups == 0 && o.out % o.groups == 0, "Conv2d: groups ", o.groups, " must divide in ",
                       o.in, " and out ", o.out);
  require<OptionError>(o.tied >= 1 && o.out % o.tied == 0, "Conv2d: tied ", o.tied, " must divide out ", o.out);
  const double area = o.kernel * o.kernel;
  const Shape shape{o.out / o.tied, o.kernel, o.kernel, o.in / o.groups};
  const Fans fans{area * o.in / o.groups, area * o.out / o.groups};
  weight_ =
      add_parameter("weight", shape, [init = o.init, shape, fans, key = random.next()] { return initial_weight(init, shape, fans, key); });
  if (o.bias)
    bias_ = add_parameter("bias", {o.out}, [out = o.out, tied = o.tied] {
      const Tensor bias = Tensor::zeros({out});
      for (int k = 0; tied > 1 && k < out; ++k) bias.data<float>()[k] = static_cast<float>(tied - k % tied) / static_cast<float>(tied);
      return bias;
    });
}

Tensor Conv2d::operator()(const Tensor& x, const Tensor& into) const {
  const LayerScope scope(*this);
  return conv2d(x, filters(), bias_, params_, into);
}
Measured Conv2d::measured(const Tensor& x) const {
  const LayerScope scope(*this);
  return conv2d_measured(x, filters(), bias_, params_);
}

ConvTranspose2d::ConvTranspose2d(const ConvTranspose2dOptions& o, RandomStream& random) : params_{.stride = o.stride} {
  require<OptionError>(o.in >= 1 && o.out >= 1 && o.kernel >= 1, "ConvTranspose2d: in ", o.in, ", out ", o.out, ", kernel ", o.kernel,
                       " must be at least 1");
  const double area = o.kernel * o.kernel;
  const Shape shape{o.in, o.kernel, o.kernel, o.out};
  const Fans fans{.in = area * o.out, .out = area * o.in};  // of the convolution that this transposes, as PyTorch and Keras count
  weight_ =
      add_parameter("weight", shape, [init = o.init, shape, fans, key = random.next()] { return initial_weight(init, shape, fans, key); });
  if (o.bias) bias_ = add_parameter("bias", {o.out}, [out = o.out] { return Tensor::zeros({out}); });
}

Tensor ConvTranspose2d::operator()(const Tensor& x, const Tensor& into) const {
  const LayerScope scope(*this);
  return conv_transpose2d(x, weight_, bias_, params_, into);
}

}  // namespace lamina::nn
