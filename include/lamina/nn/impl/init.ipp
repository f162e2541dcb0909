#include "lamina/nn/init.hpp"

#include "lamina/core/names.hpp"

namespace lamina::nn {
namespace {

constexpr Named<Init> kNames[] = {{Init::he_normal, "he_normal"},
                                  {Init::he_uniform, "he_uniform"},
                                  {Init::kaiming_normal, "kaiming_normal"},
                                  {Init::kaiming_fan_out, "kaiming_fan_out"},
                                  {Init::torch_default, "torch_default"},
                                  {Init::xavier_uniform, "xavier_uniform"},
                                  {Init::xavier_normal, "xavier_normal"},
                                  {Init::glorot_normal, "glorot_normal"},
                                  {Init::normal, "normal"},
                                  {Init::truncated_normal, "truncated_normal"},
                                  {Init::variance_scaling, "variance_scaling"},
                                  {Init::slim_depthwise, "slim_depthwise"},
                                  {Init::slim_pointwise, "slim_pointwise"}};

/// Standard deviation of a standard normal truncated to [-2, 2]; Keras divides by it so that the result has the sd asked for.
constexpr double kTruncatedSd = 0.87962566103423978;

}  // namespace

Init parse_init(const std::string& name) { return parse_name("initialiser", name, kNames); }
const char* name_of(Init init) { return name_in(kNames, init); }
std::vector<std::string> init_names() {
  std::vector<std::string> names;
  for (const auto& entry : kNames) names.emplace_back(entry.name);
  return names;
}

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
