#include "lamina/models/deeplab_v3_plus.hpp"

#include <set>

#include "lamina/ops/ops.hpp"

namespace lamina::models {
namespace {

void check_outputs(const char* network, const std::vector<OutputSpec>& outputs, const char* taken = "") {
  require<OptionError>(!outputs.empty(), network, ": it needs an output");
  std::set<std::string> names{taken};
  for (const OutputSpec& o : outputs)
    require<OptionError>(o.channels >= 1 && !o.name.empty() && names.insert(o.name).second, network, ": the output \"", o.name, "\" with ",
                         o.channels, " channels: names must differ, channels be at least 1");
}

void check_images(const char* network, const Tensor& x, int channels, int minimum) {
  require(x.rank() == 4 && x.size(3) == channels, network, ": expected images (N, H, W, ", channels, "), got ", x.shape());
  require(x.size(1) >= minimum && x.size(2) >= minimum, network, ": the image ", x.shape(), " must be at least ", minimum,
          " pixels high and wide");
}

/// 32 groups at base 64.
nn::NormOptions norm(nn::NormOptions::Kind kind, double momentum, int base) {
  return {.kind = kind, .momentum = momentum, .groups = base / 2};
}

/// A 1x1 convolution with bias. Of several each has the name of its output.
nn::Conv2dOptions head(int in, const OutputSpec& output, nn::Init init) {
  return {.in = in, .out = output.channels, .kernel = 1, .tied = output.tied, .init = init};
}
std::string head_name(const std::string& name, const std::vector<OutputSpec>& all, const OutputSpec& output) {
  return all.size() > 1 ? name + "." + output.name : name;
}
std::vector<std::string> paths_of(const std::vector<nn::Conv2d*>& layers) {
  std::vector<std::string> paths;
  for (const nn::Conv2d* layer : layers) paths.push_back(layer->path());
  return paths;
}

}  // namespace

DeepLabV3Plus::DeepLabV3Plus(const DeepLabV3PlusOptions& o, nn::RandomStream& random) : options_(o) {
  check_outputs("DeepLabV3+", o.outputs);
  require<OptionError>(o.base >= 4, "DeepLabV3+: base ", o.base, " must be at least 4");
  require<OptionError>(o.pooling_crop >= 0, "DeepLabV3+: image pooling over a crop of ", o.pooling_crop);
  const bool smp = o.source == DeepLabV3PlusOptions::Source::smp;
  const int width = 4 * o.base, low_width = 3 * o.base / 4;

  backbone_ = &add<ResNet50>(smp ? "encoder" : "backbone",
                             ResNet50Options{.in_channels = o.in_channels,
                                             .base = o.base,
                                             .variant = smp ? ResNet50Options::Variant::v1_5 : ResNet50Options::Variant::beta,
                                             .output_stride = o.output_stride,
                                             .dilate_at_once = smp,
                                             .multi_grid = o.multi_grid,
                                             .norm = norm(o.norm, o.backbone_momentum, o.base),
                                             .init = smp ? nn::Init::kaiming_fan_out : nn::Init::variance_scaling},
                             random);

  ConvUnitOptions unit{.out = width, .form = o.form, .norm = norm(o.norm, o.head_momentum, o.base)};
  if (smp) unit.init = unit.depthwise_init = unit.pointwise_init = nn::Init::he_uniform;
  aspp_ = &add<Aspp>(smp ? "decoder.aspp.0" : "aspp",
                     AsppOptions{.in = 32 * o.base,
                                 .out = width,
                                 .rates = o.rates,
                                 .unit = unit,
                                 .pooling = o.pooling_crop ? (o.pooling_crop - 1) / o.output_stride + 1 : 0,
                                 .dropout = o.dropout,
                                 .names = smp ? AsppOptions::Names::torch : AsppOptions::Names::lamina},
                     random);
  const auto conv = [&](const std::string& name, int in, const ConvUnitNames& torch) {
    ConvUnitOptions u = unit;
    u.in = in;
    if (smp) u.names = torch;
    return &add<ConvUnit>(name, u, random);
  };
  if (smp) refine_ = conv("decoder.aspp", width, ConvUnitNames::at("1", "2"));

  ConvUnitOptions low = unit;
  low.in = width;
  low.out = low_width;
  low.kernel = 1;
  low.form = ConvForm::dense;
  if (smp) low.names = ConvUnitNames::at("0", "1");
  low_ = &add<ConvUnit>(smp ? "decoder.block1" : "decoder.feature_projection0", low, random);

  decoder_.push_back(conv(smp ? "decoder.block2" : "decoder.decoder_conv0", width + low_width, ConvUnitNames::at("0", "1")));
  if (!smp) decoder_.push_back(conv("decoder.decoder_conv1", width, {}));
  for (const OutputSpec& output : o.outputs)
    heads_.push_back(&add<nn::Conv2d>(head_name(smp ? "segmentation_head.0" : "logits", o.outputs, output),
                                      head(width, output, smp ? nn::Init::xavier_uniform : nn::Init::truncated_normal), random));
}

std::vector<std::string> DeepLabV3Plus::last_layers() const { return paths_of(heads_); }

Outputs DeepLabV3Plus::forward(const Tensor& x) {
  check_images("DeepLabV3+", x, options_.in_channels, minimum_size());
  const std::vector<Tensor> features = backbone_->forward(x);
  const Tensor& low = features[1];       // (N, H/4, W/4, 256)
  Tensor y = (*aspp_)(features.back());  // (N, H/16, W/16, 256)
  if (refine_) y = (*refine_)(y);

  const std::int64_t channels[] = {y.size(3), 3 * options_.base / 4};
  const auto slots = Tensor::empty_slices({y.size(0), low.size(1), low.size(2)}, channels, like(y));
  y = concat({resize_bilinear(y, low.size(1), low.size(2), grid(), slots[0]), (*low_)(low, slots[1])});  // (N, H/4, W/4, 304)
  for (const ConvUnit* conv : decoder_) y = (*conv)(y);                                                  // (N, H/4, W/4, 256)

  Outputs logits;
  for (std::size_t i = 0; i < heads_.size(); ++i) logits.push_back({options_.outputs[i].name, (*heads_[i])(y)});
  return logits;
}

DeepLabV3::DeepLabV3(const DeepLabV3Options& o, nn::RandomStream& random) : options_(o) {
  check_outputs("DeepLabV3", o.outputs, o.auxiliary ? "aux" : "");
  require<OptionError>(o.base >= 4, "DeepLabV3: base ", o.base, " must be at least 4");
  const int width = 4 * o.base;
  backbone_ = &add<ResNet50>("backbone",
                             ResNet50Options{.in_channels = o.in_channels,
                                             .base = o.base,
                                             .output_stride = o.output_stride,
                                             .norm = norm(o.norm, o.backbone_momentum, o.base)},
                             random);
  ConvUnitOptions unit{.in = width, .out = width, .norm = norm(o.norm, o.head_momentum, o.base), .init = nn::Init::torch_default};
  aspp_ = &add<Aspp>("classifier.0",
                     AsppOptions{.in = 32 * o.base,
                                 .out = width,
                                 .rates = o.rates,
                                 .unit = unit,
                                 .grid = grid(),
                                 .dropout = o.dropout,
                                 .names = AsppOptions::Names::torch},
                     random);
  unit.names = ConvUnitNames::at("1", "2");
  conv_ = &add<ConvUnit>("classifier", unit, random);
  for (const OutputSpec& output : o.outputs)
    heads_.push_back(&add<nn::Conv2d>(head_name("classifier.4", o.outputs, output), head(width, output, nn::Init::torch_default), random));
  if (!o.auxiliary) return;
  unit.in = 16 * o.base;
  unit.names = ConvUnitNames::at("0", "1");
  auxiliary_ = &add<ConvUnit>("aux_classifier", unit, random);
  auxiliary_dropout_ = &add<nn::Dropout>("aux_classifier.3", nn::DropoutOptions{.rate = 0.1});
  auxiliary_head_ = &add<nn::Conv2d>("aux_classifier.4", head(width, o.outputs[0], nn::Init::torch_default), random);
}

std::vector<OutputSpec> DeepLabV3::outputs() const {
  std::vector<OutputSpec> all = options_.outputs;
  if (auxiliary_) all.push_back({"aux", all[0].channels});
  return all;
}

std::vector<std::string> DeepLabV3::last_layers() const {
  std::vector<std::string> paths = paths_of(heads_);
  if (auxiliary_) paths.push_back(auxiliary_head_->path());
  return paths;
}

Outputs DeepLabV3::forward(const Tensor& x) {
  check_images("DeepLabV3", x, options_.in_channels, minimum_size());
  const std::vector<Tensor> features = backbone_->forward(x);
  const Tensor y = (*conv_)((*aspp_)(features[4]));  // (N, H/8, W/8, 256)
  Outputs logits;
  for (std::size_t i = 0; i < heads_.size(); ++i) logits.push_back({options_.outputs[i].name, (*heads_[i])(y)});
  if (auxiliary_) logits.push_back({"aux", (*auxiliary_head_)((*auxiliary_dropout_)((*auxiliary_)(features[3])))});
  return logits;
}

}  // namespace lamina::models
