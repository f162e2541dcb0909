#include "lamina/nn/conv.hpp"

#include <algorithm>
#include <numeric>

#include "lamina/ops/concat.hpp"
#include "lamina/ops/reshape.hpp"
#include "lamina/ops/slice_channels.hpp"

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

Tensor repeated_filters(const Tensor& weight, std::span<const int> times) {
  const Shape s = weight.shape();
  const std::int64_t size = s[1] * s[2] * s[3];
  require(s[0] == std::ssize(times), "repeated_filters: ", s[0], " filters and ", times.size(), " numbers");
  const Tensor all = reshape(weight, {1, 1, 1, s[0] * size});
  std::vector<Tensor> rows;
  std::int64_t outputs = 0;
  for (std::size_t i = 0; i < times.size(); outputs += times[i++])
    rows.insert(rows.end(), static_cast<std::size_t>(times[i]), slice_channels(all, static_cast<std::int64_t>(i) * size, size));
  return reshape(concat(rows), {outputs, s[1], s[2], s[3]});
}

Conv2d::Conv2d(const Conv2dOptions& o, RandomStream& random)
    : params_{.stride = o.stride, .padding = o.padding, .dilation = o.dilation, .groups = o.groups, .activation = o.activation},
      tied_(o.tied) {
  require<OptionError>(o.in >= 1 && o.out >= 1 && o.kernel >= 1, "Conv2d: in ", o.in, ", out ", o.out, ", kernel ", o.kernel,
                       " must be at least 1");
  require<OptionError>(o.groups >= 1 && o.in % o.groups == 0 && o.out % o.groups == 0, "Conv2d: groups ", o.groups, " must divide in ",
                       o.in, " and out ", o.out);
  const int in_rows = std::accumulate(tied_.begin(), tied_.end(), 0);
  require<OptionError>(tied_.empty() || (in_rows == o.out && std::ranges::min(tied_) >= 1 && o.groups == 1), "Conv2d: tied rows of ",
                       in_rows, " outputs in all for out ", o.out, ", of one group");
  const double area = o.kernel * o.kernel;
  const Shape shape{tied_.empty() ? o.out : std::ssize(tied_), o.kernel, o.kernel, o.in / o.groups};
  const Fans fans{area * o.in / o.groups, area * o.out / o.groups};
  weight_ =
      add_parameter("weight", shape, [init = o.init, shape, fans, key = random.next()] { return initial_weight(init, shape, fans, key); });
  if (o.bias)
    bias_ = add_parameter("bias", {o.out}, [out = o.out, tied = tied_] {
      const Tensor bias = Tensor::zeros({out});
      float* b = bias.data<float>();
      for (const int row : tied)
        for (int k = 0; k < row; ++k) *b++ = row == 1 ? 0 : static_cast<float>(row - k) / static_cast<float>(row);
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
