#include "lamina/models/deeplab_v3_plus.hpp"
#include "lamina/models/impl/families.hpp"

namespace lamina::models {
namespace {

constexpr Choice kNormChoices[] = {{"batch", "by a batch's mean and variance"},
                                   {"frozen", "by running statistics, which stay"},
                                   {"group", "by those of groups of an image's channels (Wu & He 2018)"}};  // in the order of Kind

std::array<int, 3> three(const ModelConfig& c, const std::string& option) {
  const std::vector<int> n = c.numbers(option);
  return {n[0], n[1], n[2]};
}

/// Rates of ASPP: those given, or the source's for output stride 16, doubled at 8.
void settle(OptionValues& options) {
  if (const auto rates = options.find("rates"); rates != options.end() && rates->second == "auto")
    rates->second = options.at("output_stride") == "8" ? "12,24,36" : "6,12,18";
}

std::unique_ptr<Network> build(const ModelConfig& c, nn::RandomStream& random) {
  const auto norm = static_cast<nn::NormOptions::Kind>(parse_choice("norm", c.options.at("norm"), kNormChoices));
  const double backbone = c.real("backbone_momentum"), head = c.real("head_momentum");
  if (c.preset == "torchvision")
    return std::make_unique<DeepLabV3>(DeepLabV3Options{.in_channels = c.in_channels,
                                                        .outputs = c.outputs,
                                                        .base = c.number("base"),
                                                        .dropout = c.real("dropout"),
                                                        .norm = norm,
                                                        .backbone_momentum = backbone,
                                                        .head_momentum = head,
                                                        .auxiliary = c.options.at("aux") == "yes"},
                                       random);
  DeepLabV3PlusOptions o{.in_channels = c.in_channels,
                         .outputs = c.outputs,
                         .base = c.number("base"),
                         .dropout = c.real("dropout"),
                         .norm = norm,
                         .backbone_momentum = backbone,
                         .head_momentum = head};
  if (c.preset == "smp") {
    o.source = DeepLabV3PlusOptions::Source::smp;
    o.rates = {12, 24, 36};
    o.form = ConvForm::separable;
  } else {
    o.output_stride = c.number("output_stride");
    o.multi_grid = three(c, "multi_grid");
    o.rates = three(c, "rates");
    o.form = c.options.at("conv") == "dense" ? ConvForm::dense : ConvForm::separable_norm;
    if (c.options.at("image_pooling") != "adaptive") o.pooling_crop = c.number("image_pooling");
  }
  return std::make_unique<DeepLabV3Plus>(o, random);
}

}  // namespace

Family deeplab_family() {
  const OptionValues shared{{"base", "64"}, {"norm", "batch"}};
  const auto with = [](OptionValues values, const OptionValues& others) {
    values.insert(others.begin(), others.end());
    return values;
  };
  const OptionValues momentum{{"backbone_momentum", "0.05"}, {"head_momentum", "0.0003"}},
      torch_momentum{{"backbone_momentum", "0.1"}, {"head_momentum", "0.1"}, {"dropout", "0.5"}};
  const OptionValues beta = with(
      shared, {{"output_stride", "16"}, {"multi_grid", "1,1,1"}, {"rates", "auto"}, {"image_pooling", "adaptive"}, {"dropout", "0.1"}});
  Family family{.name = "deeplabv3plus",
                .help = "DeepLabV3+ on ResNet-50 (Chen et al. 2018)",
                .presets = {},
                .options = {},
                .settle = settle,
                .build = build};
  family.presets = {
      {.name = "beta",
       .classes = 9,
       .defaults = with(with({{"conv", "separable"}}, momentum), beta),
       .help = "TensorFlow's, separable convolutions in ASPP and decoder"},
      {.name = "beta-dense", .classes = 9, .defaults = with(with({{"conv", "dense"}}, momentum), beta), .help = "the same with dense ones"},
      {.name = "small",
       .classes = 9,
       .defaults = with({{"base", "16"},
                         {"output_stride", "8"},
                         {"rates", "3,6,9"},
                         {"conv", "dense"},
                         {"backbone_momentum", "0.1"},
                         {"head_momentum", "0.1"}},
                        beta),
       .help = "a quarter as wide, output stride 8: for CPUs and images of about 129 pixels"},
      {.name = "smp",
       .classes = 1,
       .defaults = with(shared, torch_momentum),
       .help = "segmentation_models.pytorch's, and its checkpoint names"},
      {.name = "torchvision",
       .classes = 21,
       .defaults = with(with({{"aux", "no"}}, shared), torch_momentum),
       .help = "torchvision's DeepLabV3, and its checkpoint names"}};
  family.options = {
      {.name = "base", .help = "channels of the first level", .min = 4, .max = 4096},
      {.name = "output_stride",
       .help = "of the features that ASPP sees",
       .choices = {{"8", "finer, with four times the pixels in the last two blocks"}, {"16", "as DeepLab is trained"}}},
      {.name = "multi_grid",
       .help = "factors of the dilations in the backbone's last layer (1,2,4 with TensorFlow's checkpoints)",
       .min = 1,
       .max = 64,
       .count = 3},
      {.name = "rates",
       .help = "dilations of ASPP, as in 3,6,9",
       .choices = {{"auto", "6,12,18, doubled at output stride 8"}},
       .min = 1,
       .max = 1024,
       .count = 3},
      {.name = "conv",
       .help = "3x3 convolutions of ASPP and decoder",
       .choices = {{"separable", "a depthwise and a 1x1 one"}, {"dense", "over all channels"}}},
      {.name = "image_pooling",
       .help = "what ASPP's mean goes over; a number: the side of the training crop in pixels",
       .choices = {{"adaptive", "the image, whatever its size"}},
       .min = 1,
       .max = 1 << 20},
      {.name = "dropout", .help = "share that is dropped after ASPP", .min = 0, .max = 0.95, .whole = false},
      {.name = "norm", .help = "normalisation", .choices = {std::begin(kNormChoices), std::end(kNormChoices)}},
      {.name = "backbone_momentum", .help = "of the running statistics (1 - TensorFlow's decay)", .min = 0, .max = 1, .whole = false},
      {.name = "head_momentum", .help = "the same behind the backbone", .min = 0, .max = 1, .whole = false},
      {.name = "aux",
       .help = "torchvision's auxiliary classifier, an output called aux",
       .choices = {{"no", "without"}, {"yes", "with; --aux-weight weighs its loss"}},
       .adds_output = true}};
  return family;
}

}  // namespace lamina::models
