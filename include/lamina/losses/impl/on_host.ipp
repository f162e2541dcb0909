#include <algorithm>

#include "lamina/autograd/node.hpp"
#include "lamina/losses/impl/terms.hpp"
#include "lamina/ops/activation.hpp"
#include "lamina/ops/arithmetic.hpp"
#include "lamina/ops/softmax.hpp"

namespace lamina::losses {
namespace {

Tensor probabilities(const TermInput& in, const char* term) {
  require<OptionError>(in.head.activation().has_value(), "the loss term ", term, " needs probabilities, and the scores of a ",
                       in.head.kind(), " head are values: use --loss mae, mse or smooth_l1");
  return in.head.activation() == LossActivation::softmax ? softmax(in.logits) : sigmoid(in.logits);
}

HostView view_of(const TermInput& in, const Tensor& p) {
  const Shape& s = p.shape();
  HostView v{.images = s[0],
             .height = s[1],
             .width = s[2],
             .outputs = s[3],
             .planes = std::max<std::int64_t>(1, std::ssize(in.head.schema().planes)),
             .exclusive = in.head.activation() == LossActivation::softmax,
             .p = p.to(kCpu).to(DType::f64).to_vector<double>(),
             .t = {},
             .times = {},
             .class_weights = in.class_weights,
             .positive_weights = in.positive_weights};
  for (std::vector<double>* weights : {&v.class_weights, &v.positive_weights})
    if (weights->empty()) weights->assign(static_cast<std::size_t>(v.outputs), 1);
  const auto labels = in.head.targets(in.labels).to_vector<std::uint8_t>();
  const auto pixels = static_cast<std::size_t>(v.images * v.pixels()), outputs = static_cast<std::size_t>(v.outputs);
  const auto times = in.pixel_weights ? in.pixel_weights.to_vector<float>() : std::vector<float>(pixels, 1);
  v.t.resize(pixels * outputs);
  v.times.assign(pixels, 0);
  for (std::size_t i = 0; i < pixels; ++i)
    for (std::size_t c = 0; c < outputs; ++c) {
      const std::uint8_t label = labels[v.exclusive ? i : i * outputs + c];
      require<DataError>(label == data::kIgnoreLabel || label < (v.exclusive ? outputs : 2), "the label ", int{label}, " is not below ",
                         v.exclusive ? outputs : 2);
      v.t[i * outputs + c] = label == data::kIgnoreLabel ? label : v.exclusive ? label == c : label;
      if (label != data::kIgnoreLabel) v.times[i] = static_cast<double>(times[i]);
    }
  return v;
}

}  // namespace

HostView host_view(const TermInput& in, const char* term) { return view_of(in, probabilities(in, term)); }

Tensor on_host(const TermInput& in, const char* term, std::span<const double> arguments, HostTerm* f) {
  return on_host(in, probabilities(in, term), arguments, f);
}

Tensor on_host(const TermInput& in, const Tensor& p, std::span<const double> arguments, HostTerm* f) {
  const bool meta = p.device().is_meta();
  const HostLoss loss = meta ? HostLoss{} : f(view_of(in, p), arguments);
  const Tensor value = meta ? Tensor::empty({}, precise_like(p)) : Tensor::full({}, loss.value, precise_like(p)),
               slopes = meta ? Tensor::empty(p.shape(), like(p))
                             : Tensor::from(std::span<const double>(loss.slopes), p.shape()).to(p.dtype()).to(p.device());
  return record({"host_loss", {{"value", loss.value}, {"slopes", &slopes}}}, {p}, value, {slopes},
                [slopes, meta](const Tensor& dloss, NeedsGrad) -> Grads { return {meta ? slopes : scale(slopes, dloss.item())}; });
}

}  // namespace lamina::losses
