#include "lamina/models/deeplab_v3_plus.hpp"

#include <algorithm>
#include <cmath>

#include "lamina/models/registry.hpp"
#include "lamina/ops/ops.hpp"
#include "support/geometry.hpp"
#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::models;
using namespace lamina::test;

namespace {

ModelConfig deeplab(const std::string& preset, OptionValues options = {}, int classes = 0) {
  return {.model = "deeplabv3plus", .preset = preset, .classes = classes, .options = std::move(options)};
}

double norm_of(const Tensor& t) {
  double squares = 0;
  for (const double v : t.to_vector<double>()) squares += v * v;
  return std::sqrt(squares);
}

using Kind = nn::NormOptions::Kind;

DeepLabV3PlusOptions tiny(Kind norm = Kind::batch) {
  return {.outputs = {{kLabels, 3}},
          .base = 8,
          .rates = {1, 2, 3},
          .dropout = 0,
          .norm = norm,
          .backbone_momentum = 0.5,
          .head_momentum = 0.25};
}

}  // namespace

TEST_CASE("DeepLab presets have the parameters and multiply-adds of their sources") {
  struct Case {
    ModelConfig config;
    std::int64_t parameters;
    double macs;  // 1e9, at 513x513; 0: not known
  };
  for (const Case& c : {Case{deeplab("beta"), 26816825, 44.5},
                        {deeplab("beta-dense"), 40472873, 77.1},
                        {deeplab("smp", {}, 9), 26679641, 0},
                        {deeplab("smp"), 26677585, 0},
                        {deeplab("torchvision"), 39638869, 0},
                        {deeplab("torchvision", {{"aux", "yes"}}), 42004074, 0}}) {
    CAPTURE(c.config.preset);
    const ModelCost cost = model_cost(c.config, 513, 513);
    CHECK(cost.parameters == c.parameters);
    if (c.macs > 0) CHECK(std::abs(static_cast<double>(cost.macs) / 1e9 - c.macs) <= 0.05);
  }
  std::int64_t backbone = 0;
  for (const nn::NamedTensor& p : build_meta(deeplab("beta"))->named_parameters())
    if (p.name.starts_with("backbone.")) backbone += p.tensor.numel();
  CHECK(backbone == 23631808);
}

TEST_CASE("sizes go 513, 257, 129, 65, 33 and back to 129 in DeepLabV3+ beta") {
  const Geometry g(deeplab("beta"), 513);
  const auto height = [&](const char* path) { return g.heights.at(path); };
  CHECK(height("backbone.root.conv1") == 257);
  CHECK(height("backbone.root.bn3") == 257);
  CHECK(g.maxima == std::vector<std::int64_t>{129, 65, 33});  // the root's pooling, then shortcuts of the last units
  CHECK(height("backbone.layer1.1.bn3") == 129);              // what the decoder reads
  CHECK(height("backbone.layer1.2.conv1") == 129);
  CHECK(height("backbone.layer1.2.conv2") == 65);
  CHECK(height("backbone.layer2.2.conv2") == 65);
  CHECK(height("backbone.layer2.3.conv2") == 33);
  CHECK(height("backbone.layer4.2.bn3") == 33);
  CHECK(height("aspp.concat_projection.norm") == 33);
  CHECK(height("decoder.decoder_conv1.norm") == 129);
  REQUIRE(g.logits.size() == 1);
  CHECK(g.logits[0].tensor.shape() == Shape{1, 129, 129, 9});
  CHECK(build_meta(deeplab("beta"))->grid() == ResizeGrid::align_corners);
  // Sizes that do not nest work as well; SAME pooling of 128 rows gives 64.
  CHECK(Geometry(deeplab("beta"), 256).logits[0].tensor.shape() == Shape{1, 64, 64, 9});
  CHECK(Geometry(deeplab("torchvision"), 513).logits[0].tensor.shape() == Shape{1, 65, 65, 21});
  CHECK(Geometry(deeplab("smp"), 512).logits[0].tensor.shape() == Shape{1, 128, 128, 1});
}

TEST_CASE("strides that are not taken become dilation, as each source has it") {
  using Rates = std::vector<int>;
  const Geometry os16(deeplab("beta", {{"multi_grid", "1,2,4"}}), 65);
  CHECK(os16.dilations("layer3") == Rates{1, 1, 1, 1, 1, 1});
  CHECK(os16.dilations("layer4") == Rates{2, 4, 8});
  CHECK(os16.convs.at("aspp.aspp3.depthwise").second == 18);
  CHECK(os16.convs.at("decoder.decoder_conv0.depthwise").second == 1);
  const Geometry os8(deeplab("beta", {{"output_stride", "8"}}), 65);
  CHECK(os8.dilations("layer2") == Rates{1, 1, 1, 1});
  CHECK(os8.dilations("layer3") == Rates{2, 2, 2, 2, 2, 2});
  CHECK(os8.dilations("layer4") == Rates{4, 4, 4});
  for (const auto& [i, rate] : {std::pair{1, 12}, std::pair{2, 24}, std::pair{3, 36}})
    CHECK(os8.convs.at("aspp.aspp" + std::to_string(i) + ".depthwise").second == rate);
  CHECK(os8.heights.at("backbone.layer4.2.bn3") == 9);
  const Geometry smp(deeplab("smp"), 64);  // the unit that had the stride is dilated too
  CHECK(smp.dilations("layer4") == Rates{2, 2, 2});
  CHECK(smp.dilations("layer3") == Rates{1, 1, 1, 1, 1, 1});
  CHECK(smp.convs.at("encoder.layer3.0.conv2") == std::pair{2, 1});
  CHECK(smp.convs.at("decoder.aspp.0.convs.2.0.0").second == 24);
  const Geometry torchvision(deeplab("torchvision"), 65);  // it is not
  CHECK(torchvision.dilations("layer3") == Rates{1, 2, 2, 2, 2, 2});
  CHECK(torchvision.dilations("layer4") == Rates{2, 4, 4});
  CHECK(torchvision.convs.at("classifier.0.convs.3.0").second == 36);
}

TEST_CASE("smp and torchvision presets carry the checkpoint names and shapes of their sources") {
  struct Case {
    ModelConfig config;
    std::size_t tensors;
    std::map<std::string, Shape> some;
  };
  for (const Case& c : {Case{deeplab("smp", {}, 9),
                             318 + 61,
                             {{"encoder.layer4.2.bn3.running_var", {2048}},
                              {"decoder.aspp.0.convs.0.0.weight", {256, 1, 1, 2048}},
                              {"decoder.aspp.0.convs.3.0.0.weight", {2048, 3, 3, 1}},
                              {"decoder.aspp.0.convs.3.0.1.weight", {256, 1, 1, 2048}},
                              {"decoder.aspp.0.convs.3.1.bias", {256}},
                              {"decoder.aspp.0.convs.4.1.weight", {256, 1, 1, 2048}},
                              {"decoder.aspp.0.convs.4.2.num_batches_tracked", {}},
                              {"decoder.aspp.0.project.0.weight", {256, 1, 1, 1280}},
                              {"decoder.aspp.1.0.weight", {256, 3, 3, 1}},
                              {"decoder.aspp.1.1.weight", {256, 1, 1, 256}},
                              {"decoder.aspp.2.running_mean", {256}},
                              {"decoder.block1.0.weight", {48, 1, 1, 256}},
                              {"decoder.block2.0.0.weight", {304, 3, 3, 1}},
                              {"decoder.block2.1.weight", {256}},
                              {"segmentation_head.0.bias", {9}}}},
                        {deeplab("torchvision", {{"aux", "yes"}}),
                         370,
                         {{"backbone.layer1.0.downsample.1.num_batches_tracked", {}},
                          {"classifier.0.convs.1.0.weight", {256, 3, 3, 2048}},
                          {"classifier.0.convs.4.2.running_mean", {256}},
                          {"classifier.0.project.1.bias", {256}},
                          {"classifier.1.weight", {256, 3, 3, 256}},
                          {"classifier.2.weight", {256}},
                          {"classifier.4.bias", {21}},
                          {"aux_classifier.0.weight", {256, 3, 3, 1024}},
                          {"aux_classifier.4.weight", {21, 1, 1, 256}}}}}) {
    CAPTURE(c.config.preset);
    std::map<std::string, Shape> state;
    for (const nn::NamedTensor& t : build_meta(c.config)->state()) state.emplace(t.name, t.tensor.shape());
    CHECK(state.size() == c.tensors);
    for (const auto& [name, shape] : c.some) {
      REQUIRE_MESSAGE(state.contains(name), name);
      CHECK_MESSAGE(state.at(name) == shape, name);
    }
  }
}

TEST_CASE("every parameter of every DeepLab learns, from a batch of one too") {
  nn::RandomStream random({1, 2});
  const Tensor x = random_normal({1, 33, 49, 3}, 5, DType::f32);
  const auto learns = [&](Network& net) {
    const Outputs outputs = net.forward(x);
    Tensor total;
    for (const nn::NamedTensor& o : outputs) {
      const Tensor s = sum(mul(o.tensor, random_normal(o.tensor.shape(), 6, DType::f32)));
      total = total ? add(total, s) : s;
    }
    total.backward();
    for (const nn::NamedTensor& p : net.named_parameters()) {
      REQUIRE_MESSAGE(p.tensor.grad().defined(), p.name);
      CHECK_MESSAGE(norm_of(p.tensor.grad()) > 0, p.name);
    }
  };
  for (const Kind norm : {Kind::batch, Kind::frozen, Kind::group})
    for (const ConvForm form : {ConvForm::dense, ConvForm::separable, ConvForm::separable_norm}) {
      CAPTURE(static_cast<int>(norm));
      CAPTURE(static_cast<int>(form));
      DeepLabV3PlusOptions o = tiny(norm);
      o.form = form;
      o.source = form == ConvForm::separable ? DeepLabV3PlusOptions::Source::smp : DeepLabV3PlusOptions::Source::tensorflow;
      DeepLabV3Plus net(o, random);
      learns(net);
    }
  DeepLabV3 net({.outputs = {{kLabels, 3}}, .base = 8, .rates = {1, 2, 3}, .auxiliary = true}, random);
  CHECK(net.outputs() == std::vector<OutputSpec>{{kLabels, 3}, {"aux", 3}});
  learns(net);
}

TEST_CASE("norm policies: batch statistics with a momentum for each part, frozen ones that train() does not move, groups without any") {
  nn::RandomStream random({1, 2});
  const Tensor x = random_normal({2, 33, 33, 3}, 5, DType::f32);
  const auto statistics = [](const Network& net) {
    std::map<std::string, Tensor> all;
    for (const nn::NamedTensor& b : net.named_buffers()) all[b.name] = b.tensor.clone();
    return all;
  };
  DeepLabV3Plus batch(tiny(), random), frozen(tiny(Kind::frozen), random), groups(tiny(Kind::group), random);
  CHECK(statistics(groups).empty());

  // A first step from mean 0 moves the running mean by momentum times the batch's; that one is what momentum 1 keeps.
  DeepLabV3PlusOptions whole = tiny();
  whole.backbone_momentum = whole.head_momentum = 1;
  DeepLabV3Plus keeps(whole, random);
  keeps.load_state(batch.state());
  (void)batch(x);
  (void)keeps(x);
  const auto after = statistics(batch), of_batch = statistics(keeps);
  int seen = 0;
  for (const auto& [name, t] : after) {
    if (!name.ends_with("running_mean")) continue;
    const double momentum = name.starts_with("backbone.") ? 0.5 : 0.25;
    CHECK_MESSAGE(relative_error(t, scale(of_batch.at(name), momentum)) < 1e-5, name);
    ++seen;
  }
  CHECK(seen == static_cast<int>(after.size()) / 3);

  frozen.load_state(batch.state());
  frozen.train();
  const auto before = statistics(frozen);
  const Tensor trained = frozen(x);
  for (const auto& [name, t] : statistics(frozen)) CHECK_MESSAGE(same_bytes(t, before.at(name)), name);
  frozen.eval();
  CHECK(same_bytes(frozen(x), trained));
  batch.eval();
  CHECK(same_bytes(batch(x), trained));
  // Groups see one image at a time, in training as in evaluation.
  const Tensor both = groups(x), first = groups(x.rows(0, 1).clone());
  CHECK(relative_error(both.rows(0, 1).clone(), first) < 1e-5);
  groups.eval();
  CHECK(same_bytes(groups(x), both));
}

TEST_CASE("image pooling: one value a channel uses running statistics; windows of a crop instead of the whole image") {
  nn::RandomStream random({1, 2});
  Aspp aspp({.in = 8, .out = 4, .rates = {1, 2, 3}, .dropout = 0}, random);
  const auto pooled_mean = [&] {
    for (const nn::NamedTensor& b : aspp.named_buffers())
      if (b.name == "image_pooling.norm.running_mean") return b.tensor.to_vector<float>();
    return std::vector<float>{};
  };
  (void)aspp(random_normal({1, 5, 5, 8}, 1, DType::f32));
  CHECK(pooled_mean() == std::vector<float>(4, 0.f));
  (void)aspp(random_normal({2, 5, 5, 8}, 1, DType::f32));
  CHECK(pooled_mean() != std::vector<float>(4, 0.f));

  // Pooling over 5x5 windows is pooling over the image where it is 5x5; of 10x10 it keeps four means.
  aspp.eval();
  Aspp windows({.in = 8, .out = 4, .rates = {1, 2, 3}, .pooling = 5, .dropout = 0}, random);
  windows.load_state(aspp.state());
  windows.eval();
  const Tensor small = random_normal({1, 5, 5, 8}, 2, DType::f32), large = random_normal({1, 10, 10, 8}, 3, DType::f32);
  CHECK(relative_error(windows(small), aspp(small)) < 1e-6);
  CHECK(relative_error(windows(large), aspp(large)) > 1e-3);
  check_throws<ShapeError>([&] { windows(random_normal({1, 4, 9, 8}, 2, DType::f32)); }, {"window of 5"});
  // The option is in pixels: the features of a crop of 33 pixels at output stride 16 are 3x3.
  const Geometry g(deeplab("beta", {{"image_pooling", "33"}}), 97);
  CHECK(g.heights.at("aspp.image_pooling.conv") == 2);
  CHECK(Geometry(deeplab("beta"), 97).heights.at("aspp.image_pooling.conv") == 1);
}

TEST_CASE("layers of DeepLabV3+ beta begin as TensorFlow's do") {
  const auto net = build_network(deeplab("beta", {{"base", "16"}}), 3);
  const auto dense = build_network(deeplab("beta-dense", {{"base", "16"}}), 3);
  const auto check = [](const Network& n, const std::string& name, double sd, double most) {
    CAPTURE(name);
    for (const nn::NamedTensor& p : n.named_parameters()) {
      if (p.name != name) continue;
      const auto v = p.tensor.to_vector<double>();
      double squares = 0, largest = 0;
      for (const double w : v) squares += w * w, largest = std::max(largest, std::abs(w));
      CHECK(std::sqrt(squares / static_cast<double>(v.size())) == doctest::Approx(sd).epsilon(0.08).scale(0));
      CHECK(largest <= most);
      CHECK(largest > 0.8 * most);
      return;
    }
    FAIL("no parameter ", name);
  };
  // A normal cut off at 2 sd has 0.8796 of its sd.
  const auto truncated = [&](const Network& n, const std::string& name, double sd) { check(n, name, 0.8796 * sd, 2 * sd); };
  truncated(*net, "backbone.layer3.2.conv2.weight", std::sqrt(2.6 / (9 * 64)));
  truncated(*net, "aspp.aspp2.depthwise.weight", 0.33);
  truncated(*net, "aspp.aspp2.pointwise.weight", 0.06);
  truncated(*net, "decoder.decoder_conv1.depthwise.weight", 0.33);
  truncated(*net, "logits.weight", 0.01);
  const auto xavier = [&](const Network& n, const std::string& name, double in, double out) {
    const double a = std::sqrt(6 / (in + out));
    check(n, name, a / std::sqrt(3.0), a);
  };
  xavier(*net, "aspp.aspp0.conv.weight", 512, 64);
  xavier(*net, "aspp.concat_projection.conv.weight", 320, 64);
  xavier(*dense, "aspp.aspp1.conv.weight", 9 * 512, 9 * 64);
  xavier(*dense, "decoder.decoder_conv0.conv.weight", 9 * 76, 9 * 64);
}

TEST_CASE("a DeepLab has a head for each output, and says what does not fit") {
  ModelConfig two = deeplab("beta", {{"base", "8"}});
  two.outputs = {{"color", 3}, {"lesion", 2}};
  const Geometry g(two, 65);
  REQUIRE(g.logits.size() == 2);
  CHECK(g.logits[0].name == "color");
  CHECK(g.logits[0].tensor.shape() == Shape{1, 17, 17, 3});
  CHECK(g.logits[1].tensor.shape() == Shape{1, 17, 17, 2});
  CHECK(build_meta(two)->state().back().name == "logits.lesion.bias");
  CHECK(build_meta(deeplab("beta"))->state().back().name == "logits.bias");

  check_throws<OptionError>([] { build_meta(deeplab("beta", {{"rates", "1,2"}})); }, {"rates 1,2", "3 numbers", "[1, 1024]", "auto"});
  check_throws<OptionError>([] { build_meta(deeplab("beta", {{"multi_grid", "1,2,2.5"}})); }, {"multi_grid 1,2,2.5", "[1, 64]"});
  check_throws<OptionError>([] { build_meta(deeplab("beta", {{"multi_grid", "0,1,2"}})); }, {"multi_grid 0,1,2"});
  check_throws<OptionError>([] { build_meta(deeplab("beta", {{"head_momentum", "1.5"}})); }, {"head_momentum 1.5", "[0, 1]"});
  check_throws<OptionError>([] { build_meta(deeplab("beta", {{"dropout", "0.99"}})); }, {"dropout 0.99", "[0, 0.95]"});
  check_throws<OptionError>([] { build_meta(deeplab("beta", {{"norm", "frosen"}})); }, {"did you mean \"frozen\""});
  check_throws<OptionError>([] { build_meta(deeplab("beta", {{"output_stride", "4"}})); }, {"output_stride", "8, 16"});
  check_throws<OptionError>([] { build_meta(deeplab("smp", {{"rates", "1,2,3"}})); }, {"smp", "rates", "leave that option out"});
  check_throws<OptionError>([] { build_meta(deeplab("beta", {{"init", "he_normal"}})); }, {"option of deeplabv3plus", "init"});
  CHECK(model_cost(deeplab("small"), 129, 129).parameters ==
        model_cost(deeplab("small", {{"init", ""}, {"depth", ""}}), 129, 129).parameters);
  nn::RandomStream random({1, 2});
  DeepLabV3Plus net(tiny(), random);
  check_throws<ShapeError>([&] { net(Tensor::zeros({1, 16, 40, 3})); }, {"(1, 16, 40, 3)", "at least 17"});
  check_throws<ShapeError>([&] { net(Tensor::zeros({1, 33, 33, 1})); }, {"(N, H, W, 3)"});
  check_throws<OptionError>([&] { DeepLabV3Plus({.outputs = {{"a", 1}, {"a", 1}}}, random); }, {"\"a\"", "differ"});
  check_throws<OptionError>([&] { DeepLabV3({.outputs = {{"aux", 1}}, .auxiliary = true}, random); }, {"\"aux\"", "differ"});
  check_throws<OptionError>([&] { ResNet50({.output_stride = 4}, random); }, {"output stride 4", "8, 16 or 32"});
}
