#include "lamina/models/unet.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "lamina/models/registry.hpp"
#include "lamina/ops/ops.hpp"
#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::models;
using namespace lamina::test;

TEST_CASE("parameter counts of the presets, as their sources publish them") {
  struct Case {
    const char* preset;
    int channels, classes;
    std::int64_t parameters, trainable;
  };
  const Case cases[] = {
      {"keras", 1, 1, 31031685, 31031685},        {"keras32", 1, 32, 31050048, 31050048},     {"keras32", 3, 32, 31051200, 31051200},
      {"retina", 1, 1, 31046465, 31038529},       {"retina", 1, 3, 31046595, 31038659},       {"retina", 3, 4, 31047812, 31039876},
      {"retina-shallow", 1, 3, 3111139, 3108195}, {"retina-shallow", 3, 4, 3111748, 3108804}, {"milesial", 3, 2, 31037698, 31037698},
      {"milesial", 3, 1, 31037633, 31037633},     {"milesial", 3, 9, 31038153, 31038153}};
  for (const Case& c : cases) {
    CAPTURE(c.preset);
    const ModelCost cost = model_cost({.preset = c.preset, .in_channels = c.channels, .classes = c.classes}, 16, 16);
    CHECK(cost.parameters == c.parameters);
    CHECK(cost.trainable == c.trainable);
  }
  // Without channels and classes a preset is its source's network.
  CHECK(model_cost({.preset = "retina-shallow"}, 16, 16).parameters == 3111139);
  CHECK(model_cost({.preset = "keras32"}, 16, 16).parameters == 31050048);
  CHECK(static_cast<double>(model_cost({.preset = "keras", .in_channels = 1, .classes = 1}, 256, 256).macs) / 1e9 ==
        doctest::Approx(54.6).epsilon(0.002).scale(0));
}

TEST_CASE("the weights of every layer begin as the preset's initialisation says") {
  nn::RandomStream random({1, 2});
  for (const char* preset : {"bn", "keras", "keras32", "retina", "retina-shallow", "milesial"}) {
    UNetOptions o = unet_preset(preset, 30, 40);
    o.base = 20;
    o.depth = 2;
    o.tail = o.tail ? 30 : 0;
    o.names = UNetOptions::Names::lamina;
    const bool keras = std::string(preset).starts_with("keras") || std::string(preset).starts_with("retina");
    const UNet net(o, random);
    for (const auto& p : net.named_parameters()) {
      if (p.tensor.rank() != 4) continue;
      CAPTURE(preset);
      CAPTURE(p.name);
      const Shape& s = p.tensor.shape();
      const double fan = static_cast<double>(s[1] * s[2] * s[3]);  // PyTorch counts that of a transposed convolution over its outputs
      const auto v = p.tensor.to_vector<double>();
      double squares = 0, most = 0;
      for (double w : v) {
        squares += w * w / static_cast<double>(v.size());
        most = std::max(most, std::abs(w));
      }
      // PyTorch: U(-1, 1) / sqrt(fan). He: sd sqrt(2 / fan), Keras' cut off at 2 / 0.8796 of them.
      const bool torch = std::string(preset) == "milesial";
      const double sd = std::sqrt(torch ? 1 / (3 * fan) : 2 / fan);
      CHECK(std::sqrt(squares) == doctest::Approx(sd).epsilon(0.1).scale(0));
      if (torch) CHECK(most <= 1.7321 * sd);
      if (keras) CHECK(most <= 2.274 * sd);
      if (std::string(preset) == "bn") CHECK(most > 2.6 * sd);
    }
  }
}

TEST_CASE("milesial and smp presets carry the checkpoint names of their sources") {
  auto has = [](Network& model, const std::string& name) {
    for (const auto& t : model.state())
      if (t.name == name) return true;
    return false;
  };
  const auto milesial = build_network({.preset = "milesial", .options = {{"base", "2"}}}, 0);
  for (const char* name : {"inc.double_conv.0.weight", "inc.double_conv.4.running_var", "down4.maxpool_conv.1.double_conv.3.weight",
                           "down1.maxpool_conv.1.double_conv.1.num_batches_tracked", "up1.up.weight", "up1.up.bias",
                           "up4.conv.double_conv.0.weight", "outc.conv.bias"})
    CHECK_MESSAGE(has(*milesial, name), name);
  for (const auto& [name, shape] : {std::pair{"up1.up.weight", Shape{32, 2, 2, 16}}, std::pair{"up4.up.weight", Shape{4, 2, 2, 2}},
                                    std::pair{"up1.conv.double_conv.0.weight", Shape{16, 3, 3, 32}},
                                    std::pair{"down1.maxpool_conv.1.double_conv.0.weight", Shape{4, 3, 3, 2}},
                                    std::pair{"down4.maxpool_conv.1.double_conv.3.weight", Shape{32, 3, 3, 32}}})
    for (const auto& t : milesial->state())
      if (t.name == name) CHECK_MESSAGE(t.tensor.shape() == shape, t.name);
  CHECK(milesial->state().size() == 9 * 2 * 6 + 4 * 2 + 2);  // conv + 5 tensors of a norm; transposed convs; head
  const auto smp = build_network({.preset = "smp", .in_channels = 3, .classes = 9}, 0);
  for (const char* name : {"encoder.conv1.weight", "encoder.layer1.0.downsample.1.running_mean", "encoder.layer4.2.bn3.weight",
                           "decoder.blocks.0.conv1.0.weight", "decoder.blocks.4.conv2.1.bias", "segmentation_head.0.weight"})
    CHECK_MESSAGE(has(*smp, name), name);
  std::size_t encoder = 0;
  std::int64_t parameters = 0;
  for (const auto& t : smp->state()) encoder += t.name.starts_with("encoder.");
  for (const auto& p : smp->named_parameters()) parameters += p.tensor.numel();
  CHECK(parameters == 32522265);
  CHECK(encoder == 318);  // torchvision's 320 entries less fc.weight and fc.bias
}

TEST_CASE("any size, depth, width, channels and classes; every preset trains") {
  nn::RandomStream random({1, 2});
  for (auto [h, w] : {std::pair{16, 16}, std::pair{17, 23}, std::pair{31, 16}})
    for (const char* preset : {"bn", "keras", "keras32", "retina", "retina-shallow", "milesial"}) {
      CAPTURE(preset);
      UNetOptions o = unet_preset(preset, 2, 5);
      o.base = 3;
      o.depth = 3;
      UNet net(o, random);
      Tensor x = random_normal({2, h, w, 2}, 5, DType::f32);
      const Tensor y = net(x);
      CHECK(y.shape() == Shape{2, h, w, 5});
      y.backward(random_normal(y.shape(), 6, DType::f32));
      for (const auto& p : net.named_parameters()) {
        REQUIRE_MESSAGE(p.tensor.grad().defined(), p.name);
        double norm = 0;
        for (double v : p.tensor.grad().to_vector<double>()) norm += v * v;
        CHECK_MESSAGE(norm > 0, preset << " " << p.name);
      }
      net.eval();
      const NoGrad no_grad;
      CHECK(same_bytes(net(x), net(x)));
    }
}

namespace {

using Weights = std::map<std::string, Tensor>;

Weights copies(const UNet& net) {
  Weights weights;
  for (const auto& t : net.state()) weights[t.name] = t.tensor.clone();
  return weights;
}

/// The network that `o` describes, from ops alone, in training: weights by their names, running statistics updated in place. With `drop`
/// nothing is left of the two deepest levels.
Tensor composed(const Weights& p, const UNetOptions& o, Tensor x, bool drop) {
  using O = UNetOptions;
  const auto conv = [&](const Tensor& v, const std::string& name, const Conv2dParams& params) {
    const auto bias = p.find(name + ".bias");
    return conv2d(v, p.at(name + ".weight"), bias == p.end() ? Tensor{} : bias->second, params);
  };
  const auto level = [&](Tensor v, const std::string& name, bool encoder, int dilation) {
    for (const char* k : {"1", "2"}) {
      v = conv(v, name + ".conv" + k, {.padding = Padding::symmetric(dilation), .dilation = dilation});
      if (o.norm != O::Norm::after_conv) v = relu(v);
      const std::string n = name + ".norm" + k;
      if (o.norm == O::Norm::after_conv || (encoder && o.norm == O::Norm::after_activation_in_encoder))
        v = batch_norm2d(v, p.at(n + ".weight"), p.at(n + ".bias"), p.at(n + ".running_mean"), p.at(n + ".running_var"),
                         {.training = true, .momentum = o.norm_momentum, .epsilon = o.norm_epsilon});
      if (o.norm == O::Norm::after_conv) v = relu(v);
    }
    return v;
  };
  std::vector<Tensor> levels;  // of the encoder
  const int count = o.depth + 1 + o.extra_bottom;
  for (int i = 0; i < count; ++i) {
    x = level(x, i > o.depth ? "bottom" : "down." + std::to_string(i), true, i < o.dilated_levels ? 2 : 1);
    if (drop && i >= count - 2) x = scale(x, 0);
    levels.push_back(x);
    if (i < o.depth) x = max_pool2d(x, {.kernel = 2, .stride = 2});
  }
  for (int i = o.depth - 1; i >= 0; --i) {
    const Tensor& skip = levels[static_cast<std::size_t>(i)];
    const std::string name = "up." + std::to_string(i);
    if (o.up == O::Up::transposed_conv) {
      x = conv_transpose2d(x, p.at(name + ".weight"), p.at(name + ".bias"), {.stride = 2});
      const int h = static_cast<int>(skip.size(1) - x.size(1)), w = static_cast<int>(skip.size(2) - x.size(2));
      x = pad(x, {.top = h / 2, .bottom = h - h / 2, .left = w / 2, .right = w - w / 2});
    } else {
      x = resize_nearest(x, skip.size(1), skip.size(2));
      if (o.up == O::Up::nearest_conv2x2) x = relu(conv(x, name, {.padding = Padding::tf_same()}));
    }
    x = level(concat({skip.clone(), x.clone()}), "merge." + std::to_string(i), false, 1);
  }
  if (o.tail) x = relu(conv(x, "tail", {.padding = Padding::symmetric(1)}));
  return conv(x, "head", {});
}

}  // namespace

TEST_CASE("every preset equals its plain composition: skips written into shared buffers, odd sizes, dropout's place, statistics") {
  nn::RandomStream random({1, 2});
  const NoGrad no_grad;
  for (const char* preset : {"bn", "keras", "keras32", "retina", "retina-shallow", "milesial"})
    for (const bool drop : {false, true}) {
      CAPTURE(preset);
      CAPTURE(drop);
      UNetOptions o = unet_preset(preset, 3, 2);
      o.base = 3;
      o.depth = 2;
      o.names = UNetOptions::Names::lamina;
      if (drop && o.dropout == UNetOptions::Dropout::none) continue;
      o.dropout_rate = drop ? 0.9999999 : 0;
      UNet net(o, random);
      const Weights weights = copies(net);
      const Tensor x = random_normal({2, 13, 18, 3}, 1, DType::f32);
      const nn::RandomScope scope(RandomKey{3});
      const Tensor y = net(x);
      CHECK(relative_error(y, composed(weights, o, x, drop)) < 1e-5);
      for (const auto& [name, tensor] : copies(net))
        if (name.find("running_") != std::string::npos) CHECK_MESSAGE(relative_error(tensor, weights.at(name)) < 1e-5, name);
    }
}

TEST_CASE("presets drop, dilate and normalise as their sources do") {
  nn::RandomStream random({1, 2});
  for (const char* preset : {"keras", "keras32", "retina", "retina-shallow"}) {
    CAPTURE(preset);
    const std::string name = preset;
    UNetOptions o = unet_preset(preset, 3, 2);
    CHECK(o.dropout_rate == 0.5);
    CHECK(o.dilated_levels == (name == "retina" ? 2 : 0));
    if (name.starts_with("retina")) CHECK((o.norm_epsilon == 1e-3 && o.norm_momentum == 0.01));  // Keras' momentum 0.99 is what is kept
    // A channel that is dropped everywhere leaves its bias without a gradient.
    o.base = 16;
    o.depth = 1;
    o.norm = UNetOptions::Norm::none;
    UNet net(o, random);
    const nn::RandomScope scope(RandomKey{3});
    net(random_normal({1, 20, 20, 3}, 1, DType::f32)).backward(random_normal({1, 20, 20, 2}, 2, DType::f32));
    for (const auto& p : net.named_parameters()) {
      if (p.name != "down.1.conv2.bias") continue;
      const auto g = p.tensor.grad().to_vector<float>();
      const auto dropped = std::count(g.begin(), g.end(), 0.f);
      CHECK((dropped > 5) == (name == "keras32"));
      CHECK(dropped < 27);
    }
  }
}

TEST_CASE("U-Net errors") {
  nn::RandomStream random({1, 2});
  check_throws<OptionError>([] { unet_preset("kers", 3, 2); }, {"U-Net preset", "\"kers\"", "did you mean \"keras\""});
  check_throws<OptionError>([&] { UNet({.base = 0}, random); }, {"base 0"});
  check_throws<OptionError>([&] { UNet({.depth = 9}, random); }, {"depth 9"});
  check_throws<OptionError>([] { build_network({.model = "unett"}, 0); }, {"model", "did you mean \"unet\""});
  check_throws<OptionError>(
      [] {
        build_network({.preset = "smp", .options = {{"base", "8"}}}, 0);
      },
      {"smp", "base", "leave that option out"});
  UNet net({.in_channels = 3, .classes = 2, .base = 2, .depth = 3}, random);
  check_throws<ShapeError>([&] { net(Tensor::zeros({1, 8, 7, 3})); }, {"(1, 8, 7, 3)", "at least 8"});
  check_throws<ShapeError>([&] { net(Tensor::zeros({1, 8, 8, 1})); }, {"(N, H, W, 3)", "(1, 8, 8, 1)"});
}
