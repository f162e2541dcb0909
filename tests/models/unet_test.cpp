#include "lamina/models/unet.hpp"

#include <map>

#include "lamina/models/presets.hpp"
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
      {"milesial", 3, 1, 31037633, 31037633},     {"milesial", 3, 9, 31038153, 31038153},     {"smp", 3, 1, 32521105, 32521105},
      {"smp", 3, 9, 32522265, 32522265}};
  for (const Case& c : cases) {
    CAPTURE(c.preset);
    const ModelCost cost = model_cost({.preset = c.preset, .in_channels = c.channels, .classes = c.classes}, 32, 32);
    CHECK(cost.parameters == c.parameters);
    CHECK(cost.trainable == c.trainable);
  }
  // Without channels and classes a preset is its source's network.
  CHECK(model_cost({.preset = "retina-shallow"}, 32, 32).parameters == 3111139);
  CHECK(model_cost({.preset = "keras32"}, 32, 32).parameters == 31050048);
  // 54.6 GMAC at 256 x 256 with one channel; a quarter of each side is a sixteenth of the work.
  const ModelCost keras = model_cost({.preset = "keras", .in_channels = 1, .classes = 1}, 64, 64);
  CHECK(static_cast<double>(keras.macs) * 16 / 1e9 == doctest::Approx(54.6).epsilon(0.002));
}

TEST_CASE("milesial and smp presets carry the checkpoint names of their sources") {
  auto has = [](Segmenter& model, const std::string& name) {
    for (const auto& t : model.state())
      if (t.name == name) return true;
    return false;
  };
  const auto milesial = build_segmenter({.preset = "milesial", .base = 2}, 0);
  for (const char* name : {"inc.double_conv.0.weight", "inc.double_conv.4.running_var", "down4.maxpool_conv.1.double_conv.3.weight",
                           "down1.maxpool_conv.1.double_conv.1.num_batches_tracked", "up1.up.weight", "up1.up.bias",
                           "up4.conv.double_conv.0.weight", "outc.conv.bias"})
    CHECK_MESSAGE(has(*milesial, name), name);
  CHECK(milesial->state().size() == 9 * 2 * 6 + 4 * 2 + 2);  // conv + 5 tensors of a norm; transposed convs; head
  const auto smp = build_segmenter({.preset = "smp"}, 0);
  for (const char* name : {"encoder.conv1.weight", "encoder.layer1.0.downsample.1.running_mean", "encoder.layer4.2.bn3.weight",
                           "decoder.blocks.0.conv1.0.weight", "decoder.blocks.4.conv2.1.bias", "segmentation_head.0.weight"})
    CHECK_MESSAGE(has(*smp, name), name);
  std::size_t encoder = 0;
  for (const auto& t : smp->state()) encoder += t.name.starts_with("encoder.");
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
      const Tensor y = net.forward(x);
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
      CHECK(same_bytes(net.forward(x), net.forward(x)));
    }
}

TEST_CASE("writing skips into shared buffers changes nothing: the network equals its plain composition") {
  nn::RandomStream random({1, 2});
  UNet net({.in_channels = 3, .classes = 2, .base = 4, .depth = 1}, random);
  Tensor x = random_normal({1, 6, 8, 3}, 1, DType::f32);
  const Tensor y = net.forward(x);

  std::map<std::string, Tensor> p;
  for (const auto& t : net.state()) p[t.name] = t.tensor;
  auto level = [&](Tensor v, const std::string& name) {
    for (const char* k : {"1", "2"}) {
      v = conv2d(v, p.at(name + ".conv" + k + ".weight"), {}, {.padding = Padding::symmetric(1)});
      const std::string n = name + ".norm" + k;
      v = relu(batch_norm2d(v, p.at(n + ".weight"), p.at(n + ".bias"), {}, {}, {.training = true}));
    }
    return v;
  };
  const Tensor skip = level(x, "down.0"), bottom = level(max_pool2d(skip), "down.1");
  const Tensor merged = level(concat({skip.clone(), resize_nearest(bottom, 6, 8).clone()}), "merge.0");
  const Tensor expected = conv2d(merged, p.at("head.weight"), p.at("head.bias"));
  CHECK(relative_error(y, expected) < 1e-5);
}

TEST_CASE("U-Net errors") {
  nn::RandomStream random({1, 2});
  check_throws<OptionError>([] { unet_preset("kers", 3, 2); }, {"U-Net preset", "\"kers\"", "did you mean \"keras\""});
  check_throws<OptionError>([&] { UNet({.base = 0}, random); }, {"base 0"});
  check_throws<OptionError>([&] { UNet({.depth = 9}, random); }, {"depth 9"});
  check_throws<OptionError>([] { build_segmenter({.model = "unett"}, 0); }, {"model", "did you mean \"unet\""});
  check_throws<OptionError>([] { build_segmenter({.preset = "smp", .base = 8}, 0); }, {"smp", "--base"});
  UNet net({.in_channels = 3, .classes = 2, .base = 2, .depth = 3}, random);
  check_throws<ShapeError>([&] { net.forward(Tensor::zeros({1, 8, 7, 3})); }, {"(1, 8, 7, 3)", "at least 8"});
  check_throws<ShapeError>([&] { net.forward(Tensor::zeros({1, 8, 8, 1})); }, {"(N, H, W, 3)", "(1, 8, 8, 1)"});
}
