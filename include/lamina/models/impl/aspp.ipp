#include "lamina/models/aspp.hpp"

#include "lamina/ops/ops.hpp"

namespace lamina::models {

ConvUnit::ConvUnit(const ConvUnitOptions& o, nn::RandomStream& random) {
  const auto conv = [&](const std::string& name, int in, int kernel, int groups, nn::Init init) {
    const int rate = kernel > 1 ? o.rate : 1;
    return &add<nn::Conv2d>(name,
                            nn::Conv2dOptions{.in = in,
                                              .out = groups > 1 ? in : o.out,
                                              .kernel = kernel,
                                              .padding = Padding::symmetric(rate * (kernel / 2)),
                                              .dilation = rate,
                                              .groups = groups,
                                              .bias = false,
                                              .init = init},
                            random);
  };
  if (o.form == ConvForm::dense) {
    conv_ = conv(o.names.dense, o.in, o.kernel, 1, o.init);
  } else {
    depthwise_ = conv(o.names.depthwise, o.in, o.kernel, o.in, o.depthwise_init);
    if (o.form == ConvForm::separable_norm) depthwise_norm_ = &add<nn::Norm>(o.names.depthwise_norm, o.norm.of(o.in, Activation::relu()));
    conv_ = conv(o.names.pointwise, o.in, 1, 1, o.pointwise_init);
  }
  norm_ = &add<nn::Norm>(o.names.norm, o.norm.of(o.out, Activation::relu()));
}

Tensor ConvUnit::operator()(const Tensor& x, const Tensor& into) const {
  Tensor y = x;
  if (depthwise_) y = depthwise_norm_ ? nn::conv_norm(*depthwise_, *depthwise_norm_, y) : (*depthwise_)(y);
  return nn::conv_norm(*conv_, *norm_, y, {}, into);
}

Aspp::Aspp(const AsppOptions& o, nn::RandomStream& random) : options_(o) {
  const bool torch = o.names == AsppOptions::Names::torch;
  ConvUnitOptions unit = o.unit;
  unit.in = o.in;
  unit.out = o.out;
  unit.names = torch ? ConvUnitNames::at("0", "1") : ConvUnitNames{};
  const auto one_by_one = [&](const std::string& name, ConvUnitOptions u) {
    u.kernel = 1;
    u.form = ConvForm::dense;
    return &add<ConvUnit>(name, u, random);
  };
  convs_.push_back(one_by_one(torch ? "convs.0" : "aspp0", unit));
  for (std::size_t i = 0; i < o.rates.size(); ++i) {
    unit.rate = o.rates[i];
    convs_.push_back(&add<ConvUnit>((torch ? "convs." : "aspp") + std::to_string(i + 1), unit, random));
  }
  ConvUnitOptions pooling = unit;
  pooling.norm.one_value_as_running = true;
  if (torch) pooling.names = ConvUnitNames::at("1", "2");
  pooling_ = one_by_one(torch ? "convs.4" : "image_pooling", pooling);
  unit.in = 5 * o.out;
  projection_ = one_by_one(torch ? "project" : "concat_projection", unit);
  dropout_ = &add<nn::Dropout>("dropout", nn::DropoutOptions{.rate = o.dropout});
}

Tensor Aspp::image_pooling(const Tensor& x, const Tensor& into) const {
  const Tensor means = options_.pooling ? avg_pool2d(x, {.kernel = options_.pooling, .stride = options_.pooling}) : global_avg_pool(x);
  return resize_bilinear((*pooling_)(means), x.size(1), x.size(2), options_.grid, into);
}

Tensor Aspp::operator()(const Tensor& x) const {
  const std::vector<std::int64_t> channels(5, options_.out);
  const auto slots = Tensor::empty_slices({x.size(0), x.size(1), x.size(2)}, channels, like(x));
  const std::size_t first = options_.names == AsppOptions::Names::torch ? 0 : 1;  // of convs_
  std::vector<Tensor> branches = slots;
  const std::size_t pooled = first ? 0 : convs_.size();
  branches[pooled] = image_pooling(x, slots[pooled]);
  for (std::size_t i = 0; i < convs_.size(); ++i) branches[first + i] = (*convs_[i])(x, slots[first + i]);
  return (*dropout_)((*projection_)(concat(branches)));  // (N, h, w, out)
}

}  // namespace lamina::models
