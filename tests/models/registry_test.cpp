#include "lamina/models/registry.hpp"

#include <thread>

#include "lamina/models/unet.hpp"
#include "lamina/ops/ops.hpp"
#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::models;
using namespace lamina::test;

namespace {

/// A network of somebody else: one convolution.
class Plain : public Network {
 public:
  Plain(const ModelConfig& c, nn::RandomStream& random) : in_(c.in_channels), outputs_(c.outputs) {
    conv_ = &add<nn::Conv2d>("conv", nn::Conv2dOptions{.in = in_, .out = outputs_[0].channels, .kernel = c.number("kernel")}, random);
  }
  Outputs forward(const Tensor& x) override { return {{outputs_[0].name, (*conv_)(x)}}; }
  int in_channels() const override { return in_; }
  std::vector<OutputSpec> outputs() const override { return outputs_; }
  int minimum_size() const override { return 1; }

 private:
  int in_;
  std::vector<OutputSpec> outputs_;
  nn::Conv2d* conv_;
};

Family plain(const std::string& name) {
  return {.name = name,
          .help = "one convolution",
          .presets = {{.name = "small", .in_channels = 3, .classes = 4, .defaults = {{"kernel", "1"}}}, {.name = "fixed"}},
          .options = {{.name = "kernel", .help = "pixels", .min = 1, .max = 7}},
          .build = [](const ModelConfig& c, nn::RandomStream& random) { return std::make_unique<Plain>(c, random); }};
}

}  // namespace

TEST_CASE("a family from outside the library is found by everything that names networks") {
  register_family(plain("plain"));
  const auto net = build_network({.model = "plain", .options = {{"kernel", "3"}}}, 1);
  CHECK(net->state()[0].tensor.shape() == Shape{4, 3, 3, 3});
  CHECK(model_cost({.model = "plain"}, 8, 8).macs == 8 * 8 * 3 * 4);
  CHECK(model_config_from_json(to_json({.model = "plain", .options = {{"kernel", "3"}}})).options.at("kernel") == "3");
  const auto names = family_names();
  CHECK(std::count(names.begin(), names.end(), "plain") == 1);
  CHECK(find_family("plain").help == "one convolution");

  check_throws<OptionError>([] { register_family(plain("plain")); }, {"\"plain\"", "already"});
  check_throws<OptionError>([] { register_family(plain("unet")); }, {"\"unet\""});
  check_throws<OptionError>([] { register_family({.name = "empty"}); }, {"empty"});
  check_throws<OptionError>([] { build_meta({.model = "plane"}); }, {"model", "did you mean \"plain\""});
  check_throws<OptionError>([] { build_meta({.model = "plain", .preset = "smal"}); }, {"preset", "did you mean \"small\""});
  check_throws<OptionError>([] { build_meta({.model = "plain", .preset = "beta"}); }, {"preset beta", "plain", "--model deeplabv3plus"});
  check_throws<OptionError>([] { build_meta({.model = "plain", .options = {{"kernal", "3"}}}); }, {"option", "did you mean \"kernel\""});
  check_throws<OptionError>([] { build_meta({.model = "plain", .options = {{"kernel", "8"}}}); }, {"kernel 8", "[1, 7]"});
  check_throws<OptionError>([] { build_meta({.model = "plain", .options = {{"kernel", "3x"}}}); }, {"kernel 3x", "[1, 7]"});
  check_throws<OptionError>(
      [] {
        build_meta({.model = "plain", .preset = "fixed", .options = {{"kernel", "3"}}});
      },
      {"fixed", "kernel", "leave that option out"});
  check_throws<OptionError>([] { build_meta({.model = "unet", .options = {{"init", "he_norml"}}}); }, {"did you mean \"he_normal\""});
  check_throws<OptionError>([] { build_meta({.in_channels = -1}); }, {"-1 input channels"});
  Family taken = plain("taken");
  taken.options.push_back({.name = "classes", .help = "", .min = 1, .max = 2});
  check_throws<OptionError>([&] { register_family(taken); }, {"taken", "no option", "classes"});
}

TEST_CASE("families whose names nobody could type are refused, as are presets and options, and two of one name") {
  const auto refused = [](const Family& family, std::initializer_list<const char*> words) {
    check_throws<OptionError>([&] { register_family(family); }, words);
  };
  for (const char* name : {"", "two words", "2d", "a=b", "-a"}) {
    refused(plain(name), {"a family", "a letter, then letters, digits, _ and -"});
    Family preset = plain("refused"), option = plain("refused");
    preset.presets[1].name = option.options[0].name = name;
    refused(preset, {"\"refused\": a preset", "a letter, then"});
    refused(option, {"\"refused\": an option", "a letter, then"});
  }
  Family preset = plain("refused"), option = plain("refused"), none = plain("refused"), builder = plain("refused");
  preset.presets[1].name = "small";
  refused(preset, {"refused", "a preset \"small\"", "already"});
  option.options.push_back(option.options[0]);
  refused(option, {"refused", "an option \"kernel\"", "already"});
  none.presets.clear();
  refused(none, {"refused", "needs a preset and a builder"});
  builder.build = nullptr;
  refused(builder, {"refused", "needs a preset and a builder"});
  CHECK_THROWS_AS(find_family("refused"), OptionError);
}

TEST_CASE("families are registered and looked up from several threads at once") {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([t] {
      for (int i = 0; i < 50; ++i) {
        register_family(plain(message("thread-", t, "_", i)));
        (void)find_family("unet").presets.size();
        (void)family_names();
      }
    });
  for (std::thread& t : threads) t.join();
  CHECK(find_family("thread-3_49").presets.size() == 2);
}

TEST_CASE("an open configuration is that of its preset, and JSON of the first version is read") {
  const ModelConfig c = resolved({.options = {{"base", "0"}, {"init", ""}}});
  CHECK(c.preset == "bn");
  CHECK(c.number("base") == 16);
  CHECK(c.number("depth") == 4);
  CHECK(c.options.at("init") == "kaiming_normal");
  CHECK(c.outputs == std::vector<OutputSpec>{{kLabels, 2}});
  CHECK(resolved({.preset = "smp"}).options.empty());
  CHECK(model_config_from_json(to_json({.model = "deeplabv3plus", .options = {{"rates", "6,12,18"}}})).options.at("rates") == "6,12,18");

  // As lamina 0.1 wrote it, at commit f367bab.
  const ModelConfig old =
      model_config_from_json(R"({"model":"unet","preset":"bn","in_channels":3,"classes":9,"base":2,"depth":1,"init":"kaiming_normal"})");
  CHECK(old.in_channels == 3);
  CHECK(old.classes == 9);
  CHECK(resolved(old).number("base") == 2);
  CHECK(resolved(old).number("depth") == 1);
  CHECK(to_json(old) ==
        R"({"format":1,"model":"unet","preset":"bn","in_channels":3,"classes":9,"base":2,"depth":1,"init":"kaiming_normal"})");
  CHECK(to_json(model_config_from_json(to_json(old))) == to_json(old));
  CHECK(to_json(resolved(model_config_from_json("{}"))) == to_json(resolved({})));
  CHECK(resolved(model_config_from_json(R"({"model":"patchgan","layers":2})")).number("base") == 64);
  check_throws<OptionError>([] { resolved(model_config_from_json(R"({"model":"unet","rates":"6,12,18"})")); },
                            {"option of unet", "rates", "base, depth, init"});
  check_throws<DataError>([] { model_config_from_json(R"({"format":2,"model":"unet","how":"new"})"); },
                          {"format 2", "newer version", "up to 1"});
  check_throws<DataError>([] { model_config_from_json(R"({"format":"one","model":"unet"})"); },
                          {"not a model description (type must be number, but is string)"});
  const ModelConfig fixed =
      model_config_from_json(R"({"model":"unet","preset":"smp","in_channels":3,"classes":9,"base":0,"depth":0,"init":""})");
  CHECK(resolved(fixed).preset == "smp");
  check_throws<DataError>([] { model_config_from_json("[]"); }, {"not a model description"});
  const ModelConfig two{.outputs = {{"lesion", 2}, {"depth", 1}}};
  CHECK(model_config_from_json(to_json(two)).outputs == two.outputs);
}

TEST_CASE("a U-Net with several outputs has a head for each, on one trunk") {
  const ModelConfig config{.options = {{"base", "2"}, {"depth", "1"}}, .outputs = {{"lesion", 2}, {"depth", 1}}};
  const auto net = build_network(config, 1), one = build_network({.options = config.options}, 1);
  CHECK(net->outputs() == config.outputs);
  std::vector<std::string> heads;
  for (const nn::NamedTensor& t : net->state())
    if (t.name.starts_with("head")) heads.push_back(t.name);
  CHECK(heads == std::vector<std::string>{"head.lesion.weight", "head.lesion.bias", "head.depth.weight", "head.depth.bias"});
  CHECK(one->state().back().name == "head.bias");
  CHECK(net->state().size() == one->state().size() + 2);
  net->eval();
  one->eval();
  const Tensor x = random_normal({1, 6, 6, 3}, 2, DType::f32);
  const Outputs y = net->run(x);
  REQUIRE(y.size() == 2);
  CHECK(y[0].name == "lesion");
  CHECK(same_bytes(y[0].tensor, (*one)(x)));  // the first head draws what the only one would
  CHECK(y[1].name == "depth");
  CHECK(y[1].tensor.shape() == Shape{1, 6, 6, 1});
  check_throws<ShapeError>([&] { (*net)(x); }, {"2 outputs"});
  check_throws<OptionError>([] { build_meta({.outputs = {{"a", 1}, {"a", 2}}}); }, {"\"a\"", "differ"});
  check_throws<OptionError>([] { build_meta({.preset = "smp", .outputs = {{"a", 1}, {"b", 2}}}); }, {"smp", "one output"});
}

TEST_CASE("the cost of a network is counted without memory, layer by layer") {
  reset_peak_memory();
  const std::size_t before = memory_stats().in_use;
  const ModelCost cost = model_cost({.preset = "bn", .in_channels = 3, .classes = 2, .options = {{"base", "64"}}}, 1024, 1024);
  CHECK(memory_stats().peak == before);
  std::int64_t parameters = 0, macs = 0;
  int layers = 0;
  for (const LayerCost& row : cost.rows) parameters += row.parameters, macs += row.macs, layers += row.op == "conv2d";
  CHECK(parameters == cost.trainable);
  CHECK(macs == cost.macs);
  CHECK(layers == cost.layers);
  CHECK(layers == 2 * 9 + 1);
  CHECK(cost.rows.front().path == "down.0.conv1");
  CHECK(cost.rows.front().parameters == 3 * 9 * 64);
  CHECK(cost.rows.front().macs == std::int64_t{1024} * 1024 * 3 * 9 * 64);
  CHECK(cost.rows.back().path == "head");
  CHECK(cost.rows.back().output == Shape{1, 1024, 1024, 2});
  // A 2x2 transposed convolution multiplies every input pixel with four kernels; its output has four times the pixels.
  for (const LayerCost& row : model_cost({.preset = "milesial", .options = {{"base", "2"}, {"depth", "1"}}}, 8, 8).rows)
    if (row.op == "conv_transpose2d") CHECK(row.macs == 4 * 4 * 4 * 2 * 2 * 2);
}

TEST_CASE("a network's graph: ops by their layers, each reading what ran before it; a skip connection is an edge") {
  const auto nodes = model_graph({.options = {{"base", "4"}, {"depth", "2"}}}, 32, 48);
  std::map<std::string, const GraphNode*> known;
  int read_twice = 0;
  std::map<std::string, int> readers;
  for (const GraphNode& n : nodes) {
    CAPTURE(n.name);
    CHECK(known.emplace(n.name, &n).second);
    CHECK(n.inputs.empty() == (n.name == "input"));
    for (const std::string& i : n.inputs) {
      CHECK(known.contains(i));
      read_twice += ++readers[i] == 2;
    }
  }
  CHECK(nodes[0].name == "input");
  CHECK(nodes[0].output == Shape{1, 32, 48, 3});
  CHECK(nodes.back().output == Shape{1, 32, 48, 2});
  CHECK(read_twice == 2);  // the two skips: read by a pooling and by a concat
  int concats = 0;
  for (const GraphNode& n : nodes)
    if (n.op == "concat") {
      ++concats;
      REQUIRE(n.inputs.size() == 2);
      CHECK(n.inputs[0] != n.inputs[1]);
      CHECK(n.output[3] == known[n.inputs[0]]->output[3] + known[n.inputs[1]]->output[3]);
    }
  CHECK(concats == 2);
}

TEST_CASE("tied outputs: the last layer of every family has a filter for so many in a row, and JSON says so") {
  const ModelConfig configs[] = {{.options = {{"base", "2"}, {"depth", "1"}}},
                                 {.preset = "milesial", .options = {{"base", "2"}}},
                                 {.preset = "keras", .options = {{"base", "2"}, {"depth", "1"}}},
                                 {.preset = "smp"},
                                 {.model = "deeplabv3plus", .preset = "small", .options = {{"base", "4"}}},
                                 {.model = "deeplabv3plus", .preset = "torchvision", .options = {{"base", "4"}, {"aux", "yes"}}}};
  for (ModelConfig c : configs) {
    CAPTURE(c.model);
    CAPTURE(c.preset);
    c.classes = 6;
    c.outputs = {{kLabels, 6, {3, 3}}};
    const ModelConfig again = model_config_from_json(to_json(c));
    CHECK(again.outputs == c.outputs);
    const auto net = build_meta(again);
    CHECK(net->outputs()[0].channels == 6);
    int kernels = 0;
    for (const std::string& layer : net->last_layers())
      for (const auto& p : net->named_parameters()) {
        if (p.name == layer + ".weight" && ++kernels) CHECK(p.tensor.size(0) == 2);
        if (p.name == layer + ".bias") CHECK(p.tensor.size(0) == 6);
      }
    CHECK(kernels == (c.preset == "torchvision" ? 2 : 1));
  }
  CHECK(to_json({.outputs = {{kLabels, 6}}}).find("tied") == std::string::npos);
  const auto rows = [](const char* tied) {
    const std::string text = to_json({.outputs = {{kLabels, 6}}});
    return model_config_from_json(std::string(text).replace(text.find("\"channels\":6"), 12, message("\"channels\":6,\"tied\":", tied)))
        .outputs[0]
        .tied;
  };
  CHECK(rows("[1,3,2]") == std::vector<int>{1, 3, 2});
  CHECK(rows("3") == std::vector<int>{3, 3});  // as files of 2026-11 have it
  CHECK(rows("1").empty());
  check_throws<DataError>([&] { rows("4"); }, {"rows of 4", "6"});
  // The scores of a pixel are apart by the biases, whatever the picture.
  const auto net = build_network({.classes = 6, .options = {{"base", "2"}, {"depth", "1"}}, .outputs = {{kLabels, 6, {3, 3}}}}, 1);
  const auto y = (*net)(random_normal({1, 4, 4, 3}, 5, DType::f32)).to_vector<float>();
  for (std::size_t i = 0; i < y.size(); i += 3) {
    CHECK(std::abs(y[i] - y[i + 1] - 1 / 3.f) < 1e-5f);
    CHECK(std::abs(y[i + 1] - y[i + 2] - 1 / 3.f) < 1e-5f);
  }
  CHECK(y[0] != y[3]);
}

TEST_CASE("a network whose outputs are not what it says is refused, whatever runs it") {
  struct Lying : Network {
    std::int64_t images = 1, channels = 2;
    Outputs forward(const Tensor&) override { return {{"labels", channels ? Tensor::zeros({images, 4, 4, channels}) : Tensor{}}}; }
    int in_channels() const override { return 3; }
    std::vector<OutputSpec> outputs() const override { return {{"labels", 2}}; }
    int minimum_size() const override { return 1; }
    Tensor any = add_parameter("any", Tensor::zeros({1}));
  } network;
  const Tensor x = Tensor::zeros({1, 4, 4, 3});
  CHECK(network.run(x).size() == 1);
  network.channels = 4;
  check_throws<ShapeError>([&] { network.run(x); }, {"output \"labels\"", "(1, 4, 4, 4)", "(1, height, width, 2)"});
  network.channels = 0;
  check_throws<ShapeError>([&] { network.run(x); }, {"output \"labels\" is undefined"});
  network.channels = 2, network.images = 2;
  check_throws<ShapeError>([&] { network.run(x); }, {"(2, 4, 4, 2), not (1, "});
}
