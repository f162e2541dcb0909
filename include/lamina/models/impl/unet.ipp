#include "lamina/models/unet.hpp"

#include <set>
#include <span>

#include "lamina/core/names.hpp"
#include "lamina/models/impl/families.hpp"
#include "lamina/models/unet_resnet50.hpp"
#include "lamina/ops/ops.hpp"

namespace lamina::models {
namespace {

struct Preset {
  const char* name;
  UNetOptions options;
  const char* help;
};

std::span<const Preset> presets() {
  using O = UNetOptions;
  static const Preset table[] = {
      {"bn", {.base = 16, .depth = 4}, "convolution, batch norm and ReLU twice a level; nearest upsampling; for any photographs"},
      {"keras",
       {.in_channels = 1,
        .classes = 1,
        .norm = O::Norm::none,
        .up = O::Up::nearest_conv2x2,
        .dropout = O::Dropout::elements,
        .tail = 2,
        .init = nn::Init::he_normal},
       "the U-Net of the Keras example: 64 channels, no norm, dropout; one gray band"},
      {"keras32",
       {.in_channels = 1,
        .classes = 32,
        .norm = O::Norm::none,
        .up = O::Up::nearest_conv2x2,
        .dropout = O::Dropout::channels,
        .tail = 32,
        .init = nn::Init::he_normal},
       "the same with 32 classes and dropout of whole channels"},
      {"retina",
       {.in_channels = 1,
        .classes = 1,
        .norm = O::Norm::after_activation_in_encoder,
        .up = O::Up::nearest_conv2x2,
        .dropout = O::Dropout::elements,
        .dilated_levels = 2,
        .norm_epsilon = 1e-3,
        .norm_momentum = 0.01,
        .init = nn::Init::he_normal},
       "Keras, norm in the encoder, dilated; dropout that can stay on (predict --mc)"},
      {"retina-shallow",
       {.in_channels = 1,
        .classes = 3,
        .base = 32,
        .depth = 3,
        .norm = O::Norm::after_activation_in_encoder,
        .up = O::Up::nearest_conv2x2,
        .dropout = O::Dropout::elements,
        .extra_bottom = true,
        .norm_epsilon = 1e-3,
        .norm_momentum = 0.01,
        .init = nn::Init::he_normal},
       "the same of depth 3 with 32 channels, for small data sets"},
      {"milesial",
       {.up = O::Up::transposed_conv, .init = nn::Init::torch_default, .names = O::Names::milesial},
       "Pytorch-UNet, under the names of its checkpoints"},
  };
  return table;
}

/// Checkpoint paths of the layers under either naming.
struct Names {
  bool milesial;
  int depth;
  std::string down(int i) const {
    if (!milesial) return "down." + std::to_string(i);
    return i == 0 ? "inc" : "down" + std::to_string(i) + ".maxpool_conv.1";
  }
  /// Decoder levels count from the finest; milesial counts from the coarsest.
  std::string merge(int i) const { return milesial ? "up" + std::to_string(depth - i) + ".conv" : "merge." + std::to_string(i); }
  std::string up(int i) const { return milesial ? "up" + std::to_string(depth - i) + ".up" : "up." + std::to_string(i); }
  std::string conv(int k) const { return milesial ? "double_conv." + std::to_string(3 * k) : "conv" + std::to_string(k + 1); }
  std::string norm(int k) const { return milesial ? "double_conv." + std::to_string(3 * k + 1) : "norm" + std::to_string(k + 1); }
  /// Of several heads each has the name of its output.
  std::string head(const std::string& output) const { return (milesial ? "outc.conv" : "head") + (output.empty() ? "" : "." + output); }
};

}  // namespace

/// (conv 3x3, norm, ReLU) twice, in the order that the options ask for.
class UNet::Level : public nn::Module {
 public:
  Level(const UNetOptions& o, int in, int out, bool encoder, int dilation, const Names& names, nn::RandomStream& random)
      : norm_first_(o.norm == UNetOptions::Norm::after_conv) {
    const bool normed = norm_first_ || (encoder && o.norm == UNetOptions::Norm::after_activation_in_encoder);
    for (int k = 0; k < 2; ++k) {
      conv_[k] = &add<nn::Conv2d>(names.conv(k),
                                  nn::Conv2dOptions{.in = k ? out : in,
                                                    .out = out,
                                                    .padding = Padding::symmetric(dilation),
                                                    .dilation = dilation,
                                                    .bias = !norm_first_,
                                                    .activation = norm_first_ ? Activation::none() : Activation::relu(),
                                                    .init = o.init},
                                  random);
      if (normed)
        norm_[k] = &add<nn::BatchNorm2d>(names.norm(k),
                                         nn::BatchNorm2dOptions{.channels = out,
                                                                .epsilon = o.norm_epsilon,
                                                                .momentum = o.norm_momentum,
                                                                .activation = norm_first_ ? Activation::relu() : Activation::none()});
    }
  }
  Tensor operator()(Tensor x, const Tensor& into = {}) const {
    for (int k = 0; k < 2; ++k) {
      const Tensor last = k == 1 ? into : Tensor{};
      x = norm_[k] ? nn::conv_norm(*conv_[k], *norm_[k], x, {}, last) : (*conv_[k])(x, last);
    }
    return x;
  }

 private:
  bool norm_first_;
  nn::Conv2d* conv_[2] = {};
  nn::BatchNorm2d* norm_[2] = {};
};

std::vector<std::string_view> unet_presets() {
  std::vector<std::string_view> names;
  for (const Preset& p : presets()) names.emplace_back(p.name);
  return names;
}

UNetOptions unet_preset(const std::string& preset, int in_channels, int classes) {
  for (const Preset& p : presets()) {
    if (preset != p.name) continue;
    UNetOptions o = p.options;
    if (in_channels) o.in_channels = in_channels;
    if (classes) o.classes = classes;
    return o;
  }
  throw_unknown_name("U-Net preset", preset, unet_presets());
}

void check_options(const UNetOptions& o) {
  require<OptionError>(o.in_channels >= 1 && o.classes >= 1, "U-Net: in_channels ", o.in_channels, " and classes ", o.classes,
                       " must be at least 1");
  std::set<std::string> names;
  for (const OutputSpec& output : o.outputs)
    require<OptionError>(output.channels >= 1 && !output.name.empty() && names.insert(output.name).second, "U-Net: the output \"",
                         output.name, "\" with ", output.channels, " channels: names must differ, channels be at least 1");
  require<OptionError>(o.base >= 1 && o.base <= 4096, "U-Net: base ", o.base, " is outside [1, 4096]");
  require<OptionError>(o.depth >= 1 && o.depth <= 8, "U-Net: depth ", o.depth, " is outside [1, 8]");
  require<OptionError>(o.tail >= 0 && o.dilated_levels >= 0, "U-Net: tail ", o.tail, " and dilated_levels ", o.dilated_levels,
                       " must not be negative");
}

UNet::UNet(const UNetOptions& o, nn::RandomStream& random) : options_(o) {
  check_options(o);
  if (o.outputs.empty()) options_.outputs = {{kLabels, o.classes}};
  const Names names{o.names == UNetOptions::Names::milesial, o.depth};
  for (int i = 0; i <= o.depth; ++i)
    down_.push_back(
        &add<Level>(names.down(i), o, i == 0 ? o.in_channels : width(i - 1), width(i), true, i < o.dilated_levels ? 2 : 1, names, random));
  if (o.extra_bottom) down_.push_back(&add<Level>("bottom", o, width(o.depth), width(o.depth), true, 1, names, random));
  merge_.resize(static_cast<std::size_t>(o.depth));
  up_conv_.resize(merge_.size());
  up_transposed_.resize(merge_.size());
  for (int i = o.depth - 1; i >= 0; --i) {
    const auto level = static_cast<std::size_t>(i);
    const int below = static_cast<int>(width(i + 1)), here = static_cast<int>(width(i));
    if (o.up == UNetOptions::Up::nearest_conv2x2)
      up_conv_[level] = &add<nn::Conv2d>(
          names.up(i),
          nn::Conv2dOptions{
              .in = below, .out = here, .kernel = 2, .padding = Padding::tf_same(), .activation = Activation::relu(), .init = o.init},
          random);
    if (o.up == UNetOptions::Up::transposed_conv)
      up_transposed_[level] =
          &add<nn::ConvTranspose2d>(names.up(i), nn::ConvTranspose2dOptions{.in = below, .out = here, .init = o.init}, random);
    merge_[level] = &add<Level>(names.merge(i), o, here + upsampled(i), here, false, 1, names, random);
  }
  if (o.dropout != UNetOptions::Dropout::none)
    dropout_ = &add<nn::Dropout>(
        "dropout",
        nn::DropoutOptions{.rate = o.dropout_rate, .channels = o.dropout == UNetOptions::Dropout::channels, .in_eval = o.dropout_in_eval});
  if (o.tail > 0)
    tail_ = &add<nn::Conv2d>(
        "tail",
        nn::Conv2dOptions{.in = o.base, .out = o.tail, .padding = Padding::symmetric(1), .activation = Activation::relu(), .init = o.init},
        random);
  for (const OutputSpec& output : options_.outputs)
    heads_.push_back(&add<nn::Conv2d>(
        names.head(options_.outputs.size() > 1 ? output.name : ""),
        nn::Conv2dOptions{.in = o.tail > 0 ? o.tail : o.base, .out = output.channels, .kernel = 1, .tied = output.tied, .init = o.init},
        random));
}

std::vector<std::string> UNet::last_layers() const {
  std::vector<std::string> paths;
  for (const nn::Conv2d* head : heads_) paths.push_back(head->path());
  return paths;
}

Tensor UNet::upsample(int i, const Tensor& x, std::int64_t height, std::int64_t w, const Tensor& into) const {
  const auto level = static_cast<std::size_t>(i);
  if (options_.up == UNetOptions::Up::nearest) return resize_nearest(x, height, w, into);
  if (options_.up == UNetOptions::Up::nearest_conv2x2) return (*up_conv_[level])(resize_nearest(x, height, w), into);
  const int dh = static_cast<int>(height - 2 * x.size(1)), dw = static_cast<int>(w - 2 * x.size(2));
  if (dh == 0 && dw == 0) return (*up_transposed_[level])(x, into);
  return pad((*up_transposed_[level])(x), {.top = dh / 2, .bottom = dh - dh / 2, .left = dw / 2, .right = dw - dw / 2}, 0, into);
}

Outputs UNet::forward(const Tensor& input) {
  require(input.rank() == 4 && input.size(3) == options_.in_channels, "U-Net: expected images (N, H, W, ", options_.in_channels, "), got ",
          input.shape());
  require(input.size(1) >= minimum_size() && input.size(2) >= minimum_size(), "U-Net of depth ", options_.depth, ": the image ",
          input.shape(), " must be at least ", minimum_size(), " pixels high and wide");
  const int depth = options_.depth;
  const std::size_t dropped_from = dropout_ && dropout_->active() ? down_.size() - 2 : down_.size();
  auto encode = [&](std::size_t i, const Tensor& x, const Tensor& into) {
    return i >= dropped_from ? (*dropout_)((*down_[i])(x), into) : (*down_[i])(x, into);
  };

  Tensor x = input;
  std::vector<Tensor> skips, slots;
  for (int i = 0; i < depth; ++i) {
    // One buffer a level, read by the decoder: the encoder writes its first channels now, the upsampling the others later.
    const std::int64_t channels[] = {width(i), upsampled(i)};
    const auto slices = Tensor::empty_slices({x.size(0), x.size(1), x.size(2)}, channels, like(x));
    skips.push_back(encode(static_cast<std::size_t>(i), x, slices[0]));  // (N, H/2^i, W/2^i, base*2^i)
    slots.push_back(slices[1]);
    x = max_pool2d(skips.back(), {.kernel = 2, .stride = 2});
  }
  for (std::size_t i = static_cast<std::size_t>(depth); i < down_.size(); ++i) x = encode(i, x, {});  // (N, H/2^d, W/2^d, base*2^d)
  for (int i = depth - 1; i >= 0; --i) {
    const auto level = static_cast<std::size_t>(i);
    const Tensor up = upsample(i, x, skips[level].size(1), skips[level].size(2), slots[level]);
    x = (*merge_[level])(concat({skips[level], up}));  // (N, H/2^i, W/2^i, base*2^i)
    skips[level] = slots[level] = {};
  }
  if (tail_) x = (*tail_)(x);
  Outputs logits;
  for (std::size_t i = 0; i < heads_.size(); ++i) logits.push_back({options_.outputs[i].name, (*heads_[i])(x)});  // (N, H, W, channels)
  return logits;
}

Family unet_family() {
  Family family{.name = "unet", .help = "U-Net (Ronneberger et al. 2015)", .presets = {}, .options = {}, .build = {}};
  family.options = {
      {.name = "base", .help = "channels of the first level", .min = 1, .max = 4096},
      {.name = "depth", .help = "poolings", .min = 1, .max = 8},
      {.name = "init", .help = "initialiser of the kernels", .choices = {nn::init_choices().begin(), nn::init_choices().end()}}};
  for (const Preset& p : presets()) {
    const std::string name = p.name;
    family.presets.push_back({.name = name,
                              .in_channels = p.options.in_channels,
                              .classes = p.options.classes,
                              .defaults = {{"base", std::to_string(p.options.base)},
                                           {"depth", std::to_string(p.options.depth)},
                                           {"init", nn::name_of(p.options.init)}},
                              .counts_statistics = name.starts_with("keras") || name.starts_with("retina"),
                              .help = p.help});
  }
  family.presets.push_back({.name = "smp",
                            .in_channels = 3,
                            .classes = 1,
                            .help = "segmentation_models.pytorch on ResNet-50, under the names of its checkpoints"});
  family.build = [](const ModelConfig& c, nn::RandomStream& random) -> std::unique_ptr<Network> {
    if (c.preset == "smp") {
      require<OptionError>(c.outputs.size() == 1 && c.outputs[0].name == kLabels, "unet: preset smp has one output, called ", kLabels);
      return std::make_unique<UNetResNet50>(c.in_channels, c.outputs[0], random);
    }
    UNetOptions o = unet_preset(c.preset, c.in_channels, c.classes);
    o.outputs = c.outputs;
    o.base = c.number("base");
    o.depth = c.number("depth");
    o.init = nn::parse_init(c.options.at("init"));
    return std::make_unique<UNet>(o, random);
  };
  return family;
}

}  // namespace lamina::models
