#include "lamina/models/patch_discriminator.hpp"

#include <algorithm>

#include "lamina/models/impl/families.hpp"

namespace lamina::models {
namespace {

constexpr double kSlope = 0.2;

}  // namespace

PatchDiscriminator::PatchDiscriminator(const PatchDiscriminatorOptions& o, nn::RandomStream& random) : options_(o) {
  require<OptionError>(o.in_channels >= 1 && o.base >= 1 && o.base <= 4096 && o.layers >= 0 && o.layers <= 6,
                       "discriminator: ", o.in_channels, " channels, base ", o.base, " and ", o.layers,
                       " layers: the first two must be at least 1, base at most 4096, layers in [0, 6]");
  require<OptionError>(o.last_kernel >= 1 && o.last_stride >= 1, "discriminator: the last convolution's kernel ", o.last_kernel,
                       " and stride ", o.last_stride, " must be at least 1");
  const bool pixels = o.layers == 0;
  int position = 0, channels = o.in_channels;
  const auto append = [&](int out, int stride, bool first) {
    const auto name = [&] { return "model." + std::to_string(position++); };
    Layer layer{&add<nn::Conv2d>(name(),
                                 nn::Conv2dOptions{.in = channels,
                                                   .out = out,
                                                   .kernel = pixels ? 1 : 4,
                                                   .stride = pixels ? 1 : stride,
                                                   .padding = Padding::symmetric(pixels ? 0 : 1),
                                                   .bias = first,
                                                   .activation = first ? Activation::leaky_relu(kSlope) : Activation::none(),
                                                   .init = nn::Init::normal},
                                 random),
                nullptr};
    if (!first)
      layer.norm = &add<nn::BatchNorm2d>(name(), nn::BatchNorm2dOptions{.channels = out, .activation = Activation::leaky_relu(kSlope)});
    ++position;  // the activation
    layers_.push_back(layer);
    channels = out;
  };
  append(o.base, 2, true);
  for (int i = 1; i < o.layers; ++i) append(o.base * std::min(1 << i, 8), 2, false);
  if (pixels || o.widening) append(o.base * (pixels ? 2 : std::min(1 << o.layers, 8)), 1, false);
  layers_.push_back({&add<nn::Conv2d>("model." + std::to_string(position),
                                      nn::Conv2dOptions{.in = channels,
                                                        .out = 1,
                                                        .kernel = pixels ? 1 : o.last_kernel,
                                                        .stride = pixels ? 1 : o.last_stride,
                                                        .padding = Padding::symmetric(pixels ? 0 : 1),
                                                        .bias = !pixels,
                                                        .init = nn::Init::normal},
                                      random),
                     nullptr});
  for (const Layer& layer : layers_)
    if (layer.norm) layer.norm->draw_weights(random.next(), 0.02);
}

int PatchDiscriminator::minimum_size() const {
  if (options_.layers == 0) return 1;
  const int last = std::max(1, options_.last_kernel - 2);  // pixels before the last convolution: (size + 2 - kernel) must not be negative
  return (last + (options_.widening ? 1 : 0)) << options_.layers;
}

Outputs PatchDiscriminator::forward(const Tensor& input) {
  require(input.rank() == 4 && input.size(3) == options_.in_channels, "discriminator: expected (N, H, W, ", options_.in_channels, "), got ",
          input.shape());
  require(input.size(1) >= minimum_size() && input.size(2) >= minimum_size(), "discriminator: the picture ", input.shape(),
          " must be at least ", minimum_size(), " pixels high and wide");
  Tensor x = input;
  for (const Layer& layer : layers_) x = layer.norm ? nn::conv_norm(*layer.conv, *layer.norm, x) : (*layer.conv)(x);
  return {{options_.output, x}};  // (N, h, w, 1)
}

Family patchgan_family() {
  Family family{.name = "patchgan", .help = "discriminators of patches (Isola et al. 2017)", .presets = {}, .options = {}, .build = {}};
  family.options = {{.name = "base", .help = "channels of the first convolution", .min = 1, .max = 4096},
                    {.name = "layers", .help = "convolutions of stride 2 of a discriminator: 3 see patches of 70x70", .min = 1, .max = 6},
                    {.name = "last_kernel", .help = "pixels of a discriminator's last convolution", .min = 1, .max = 64},
                    {.name = "last_stride", .help = "of a discriminator's last convolution", .min = 1, .max = 64}};
  family.presets = {{.name = "patchgan",
                     .in_channels = 6,
                     .classes = 1,
                     .defaults = {{"base", "64"}, {"layers", "3"}},
                     .help = "patches of 70x70 pixels (pix2pix)"},
                    // 129 -> 64 -> 32 -> 4, from the figure of the surrogate-supervision source, which draws no layer between 32 and 4.
                    {.name = "surrogate",
                     .in_channels = 6,
                     .classes = 1,
                     .defaults = {{"base", "64"}, {"last_kernel", "4"}, {"last_stride", "8"}},
                     .help = "4x4 answers for 129x129 pixels, of the surrogate supervision"},
                    {.name = "pixel", .in_channels = 6, .classes = 1, .defaults = {{"base", "64"}}, .help = "each pixel by itself"}};
  family.discriminator = true;
  family.build = [](const ModelConfig& c, nn::RandomStream& random) -> std::unique_ptr<Network> {
    require<OptionError>(c.outputs.size() == 1 && c.outputs[0].channels == 1, "patchgan: a discriminator has one output of one channel");
    PatchDiscriminatorOptions o{.in_channels = c.in_channels, .base = c.number("base"), .output = c.outputs[0].name};
    if (c.preset == "pixel") o.layers = 0;
    if (c.preset == "patchgan") o.layers = c.number("layers");
    if (c.preset == "surrogate") {
      o.layers = 2;
      o.widening = false;
      o.last_kernel = c.number("last_kernel");
      o.last_stride = c.number("last_stride");
    }
    return std::make_unique<PatchDiscriminator>(o, random);
  };
  return family;
}

}  // namespace lamina::models
