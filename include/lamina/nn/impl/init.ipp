#include "lamina/nn/init.hpp"

namespace lamina::nn {
namespace {

constexpr Choice kChoices[] = {{"he_normal", "truncated normal by the inputs (Keras)"},
                               {"he_uniform", "uniform by the inputs (Keras)"},
                               {"kaiming_normal", "normal by the inputs (PyTorch)"},
                               {"kaiming_fan_out", "normal by the outputs (torchvision's ResNets)"},
                               {"torch_default", "uniform by the inputs, narrower (PyTorch's layers)"},
                               {"xavier_uniform", "uniform by inputs and outputs (Glorot & Bengio 2010)"},
                               {"xavier_normal", "normal by inputs and outputs (PyTorch)"},
                               {"glorot_normal", "the same, truncated (Keras)"},
                               {"normal", "of deviation 0.02 (pix2pix)"},
                               {"truncated_normal", "of deviation 0.01 (TensorFlow slim's heads)"},
                               {"variance_scaling", "truncated normal by the inputs (TensorFlow slim's ResNets)"},
                               {"slim_depthwise", "truncated normal of deviation 0.33 (DeepLab)"},
                               {"slim_pointwise", "truncated normal of deviation 0.06 (DeepLab)"}};  // in the order of Init

/// Standard deviation of a standard normal truncated to [-2, 2]; Keras divides by it so that the result has the sd asked for.
constexpr double kTruncatedSd = 0.87962566103423978;

}  // namespace

Init parse_init(const std::string& name) { return static_cast<Init>(parse_choice("initialiser", name, kChoices)); }
const char* name_of(Init init) { return kChoices[static_cast<std::size_t>(init)].name; }
std::span<const Choice> init_choices() { return kChoices; }

Tensor truncated_normal(const Shape& shape, double sd, RandomKey key, DType dtype) {
  Tensor t = Tensor::empty(shape, {DType::f64, kCpu});
  Random random(key);
  double* p = t.data<double>();
  for (std::int64_t i = 0; i < shape.numel(); ++i) {
    do p[i] = random.normal();
    while (std::abs(p[i]) > 2);
    p[i] *= sd;
  }
  return t.to(dtype);
}

Tensor initial_weight(Init init, const Shape& shape, Fans fans, RandomKey key, DType dtype) {
  const TensorOptions options{dtype, kCpu};
  auto uniform = [&](double a) { return Tensor::uniform(shape, key, -a, a, options); };
  switch (init) {
    case Init::he_normal: return truncated_normal(shape, std::sqrt(2 / fans.in) / kTruncatedSd, key, dtype);
    case Init::he_uniform: return uniform(std::sqrt(6 / fans.in));
    case Init::kaiming_normal: return Tensor::normal(shape, key, 0, std::sqrt(2 / fans.in), options);
    case Init::kaiming_fan_out: return Tensor::normal(shape, key, 0, std::sqrt(2 / fans.out), options);
    case Init::torch_default: return uniform(1 / std::sqrt(fans.in));
    case Init::xavier_uniform: return uniform(std::sqrt(6 / (fans.in + fans.out)));
    case Init::xavier_normal: return Tensor::normal(shape, key, 0, std::sqrt(2 / (fans.in + fans.out)), options);
    case Init::glorot_normal: return truncated_normal(shape, std::sqrt(2 / (fans.in + fans.out)) / kTruncatedSd, key, dtype);
    case Init::normal: return Tensor::normal(shape, key, 0, 0.02, options);
    case Init::truncated_normal: return truncated_normal(shape, 0.01, key, dtype);
    case Init::variance_scaling: return truncated_normal(shape, std::sqrt(1.3 * 2 / fans.in), key, dtype);
    case Init::slim_depthwise: return truncated_normal(shape, 0.33, key, dtype);
    case Init::slim_pointwise: return truncated_normal(shape, 0.06, key, dtype);
  }
  throw OptionError("unknown initialiser");
}

}  // namespace lamina::nn
