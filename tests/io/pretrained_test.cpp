#include "lamina/io/pretrained.hpp"

#include <numeric>

#include "lamina/io/model_file.hpp"
#include "lamina/models/registry.hpp"
#include "support/op_check.hpp"
#include "support/temp_folder.hpp"

using namespace lamina;
using namespace lamina::models;
using namespace lamina::test;

namespace {

const ModelConfig kSmall{.model = "unet", .classes = 3, .options = {{"base", "2"}, {"depth", "1"}}};

/// The network's tensor of that name.
Tensor tensor(const Network& net, const std::string& name) {
  for (const nn::NamedTensor& t : net.state())
    if (t.name == name) return t.tensor;
  return {};
}
bool has(const std::vector<std::string>& names, const std::string& name) { return std::count(names.begin(), names.end(), name) == 1; }

/// A file of these tensors, as PyTorch lays them out.
void write(const std::filesystem::path& path, std::vector<nn::NamedTensor> tensors, io::Metadata metadata = {}) {
  io::save_checkpoint(path, {std::move(tensors), {}, std::move(metadata)});
}

/// Files of others, written as they are: every element tells its tensor and its place there.
class TheirFile {
 public:
  /// A tensor of theirs, and the name that it has here.
  void add(const std::string& theirs, const Shape& shape, const std::string& ours) {
    std::vector<float> v(static_cast<std::size_t>(shape.numel()));
    std::iota(v.begin(), v.end(), static_cast<float>(32768 * names_.size()));
    archive_.tensors[theirs] = Tensor::from(std::span<const float>(v), shape);
    names_.emplace_back(theirs, ours);
  }
  void write(const std::filesystem::path& path) const { io::write_safetensors(path, archive_); }
  io::TensorArchive& archive() { return archive_; }
  /// Every tensor of the network is theirs; axis i of ours is axis order[i] of theirs where there are four.
  template <class Order>
  void check(const Network& net, Order&& order) const {
    for (const auto& [theirs, ours] : names_) {
      CAPTURE(theirs);
      const Tensor from = archive_.at(theirs), to = tensor(net, ours);
      REQUIRE_MESSAGE(to, ours);
      if (to.rank() != 4) {
        CHECK(from.to_vector<double>() == to.to_vector<double>());
        continue;
      }
      const std::array<int, 4> axes = order(theirs);
      std::int64_t strides[4], stride = 1;
      for (int i = 3; i >= 0; --i) strides[i] = stride, stride *= from.size(i);
      const auto values = from.to_vector<double>();
      std::vector<double> expected;
      for (std::int64_t a = 0; a < to.size(0); ++a)
        for (std::int64_t b = 0; b < to.size(1); ++b)
          for (std::int64_t c = 0; c < to.size(2); ++c)
            for (std::int64_t d = 0; d < to.size(3); ++d)
              expected.push_back(values.at(
                  static_cast<std::size_t>(a * strides[axes[0]] + b * strides[axes[1]] + c * strides[axes[2]] + d * strides[axes[3]])));
      CHECK(expected == to.to_vector<double>());
    }
  }

 private:
  io::TensorArchive archive_;
  std::vector<std::pair<std::string, std::string>> names_;
};

/// research/deeplab's variables of DeepLabV3+ on resnet_v1_50_beta that is `base` channels wide.
TheirFile tensorflow_file(std::int64_t base, bool separable, std::int64_t classes) {
  TheirFile file;
  const auto norm = [&](const std::string& theirs, std::int64_t channels, const std::string& ours) {
    for (const auto& [their, our] :
         {std::pair{"gamma", "weight"}, {"beta", "bias"}, {"moving_mean", "running_mean"}, {"moving_variance", "running_var"}})
      file.add(theirs + "/BatchNorm/" + their, {channels}, ours + "." + our);
  };
  const auto conv = [&](const std::string& theirs, const Shape& hwio, const std::string& ours, const std::string& ours_norm) {
    file.add(theirs + "/weights", hwio, ours + ".weight");
    norm(theirs, hwio[3], ours_norm);
  };
  const std::string root = "resnet_v1_50/";
  conv(root + "conv1_1", {3, 3, 3, base}, "backbone.root.conv1", "backbone.root.bn1");
  conv(root + "conv1_2", {3, 3, base, base}, "backbone.root.conv2", "backbone.root.bn2");
  conv(root + "conv1_3", {3, 3, base, 2 * base}, "backbone.root.conv3", "backbone.root.bn3");
  std::int64_t in = 2 * base;
  const int units[] = {3, 4, 6, 3};
  for (int block = 1; block <= 4; ++block)
    for (int unit = 1; unit <= units[block - 1]; ++unit) {
      const std::int64_t width = base << (block - 1);
      const std::string theirs = root + "block" + std::to_string(block) + "/unit_" + std::to_string(unit) + "/bottleneck_v1/";
      const std::string ours = "backbone.layer" + std::to_string(block) + "." + std::to_string(unit - 1) + ".";
      if (unit == 1) conv(theirs + "shortcut", {1, 1, in, 4 * width}, ours + "downsample.0", ours + "downsample.1");
      conv(theirs + "conv1", {1, 1, in, width}, ours + "conv1", ours + "bn1");
      conv(theirs + "conv2", {3, 3, width, width}, ours + "conv2", ours + "bn2");
      conv(theirs + "conv3", {1, 1, width, 4 * width}, ours + "conv3", ours + "bn3");
      in = 4 * width;
    }
  const auto unit = [&](const std::string& theirs, std::int64_t kernel, std::int64_t from, std::int64_t to, const std::string& ours) {
    if (kernel == 1 || !separable) return conv(theirs, {kernel, kernel, from, to}, ours + ".conv", ours + ".norm");
    file.add(theirs + "_depthwise/depthwise_weights", {3, 3, from, 1}, ours + ".depthwise.weight");
    norm(theirs + "_depthwise", from, ours + ".depthwise_norm");
    conv(theirs + "_pointwise", {1, 1, from, to}, ours + ".pointwise", ours + ".norm");
  };
  const std::int64_t wide = 4 * base, low = 3 * base / 4;
  unit("image_pooling", 1, in, wide, "aspp.image_pooling");
  unit("aspp0", 1, in, wide, "aspp.aspp0");
  for (const std::string branch : {"aspp1", "aspp2", "aspp3"}) unit(branch, 3, in, wide, "aspp." + branch);
  unit("concat_projection", 1, 5 * wide, wide, "aspp.concat_projection");
  unit("decoder/feature_projection0", 1, wide, low, "decoder.feature_projection0");
  unit("decoder/decoder_conv0", 3, wide + low, wide, "decoder.decoder_conv0");
  unit("decoder/decoder_conv1", 3, wide, wide, "decoder.decoder_conv1");
  file.add("logits/semantic/weights", {1, 1, wide, classes}, "logits.weight");
  file.add("logits/semantic/biases", {classes}, "logits.bias");
  return file;
}

/// milesial/Pytorch-UNet's state_dict, `base` channels wide.
TheirFile milesial_file(std::int64_t base, std::int64_t classes) {
  TheirFile file;
  const auto same = [&](const std::string& name, const Shape& shape) { file.add(name, shape, name); };
  const auto double_conv = [&](const std::string& name, std::int64_t in, std::int64_t out) {
    for (const int k : {0, 3}) {
      same(name + ".double_conv." + std::to_string(k) + ".weight", {out, k ? out : in, 3, 3});
      for (const char* n : {"weight", "bias", "running_mean", "running_var"})
        same(name + ".double_conv." + std::to_string(k + 1) + "." + n, {out});
      file.archive().tensors[name + ".double_conv." + std::to_string(k + 1) + ".num_batches_tracked"] =
          Tensor::zeros({}, {DType::i64, kCpu});
    }
  };
  double_conv("inc", 3, base);
  for (int i = 1; i <= 4; ++i) double_conv("down" + std::to_string(i) + ".maxpool_conv.1", base << (i - 1), base << i);
  for (int i = 1; i <= 4; ++i) {
    const std::string up = "up" + std::to_string(i);
    const std::int64_t in = base << (5 - i);
    same(up + ".up.weight", {in, in / 2, 2, 2});
    same(up + ".up.bias", {in / 2});
    double_conv(up + ".conv", in, in / 2);
  }
  same("outc.conv.weight", {classes, base, 1, 1});
  same("outc.conv.bias", {classes});
  return file;
}

}  // namespace

TEST_CASE("weights of a file: all layers, all but the last, a last layer of other classes") {
  TempFolder f;
  const auto from = build_network(kSmall, 1);
  io::save_model(f / "a.safetensors", *from, kSmall);
  const auto whole = build_network(kSmall, 2), transfer = build_network(kSmall, 2), fresh = build_network(kSmall, 2);
  const io::WeightMatch all = io::load_pretrained(*whole, f / "a.safetensors", {.strict = true});
  CHECK(all.loaded.size() == from->state().size());
  CHECK((all.missing.empty() && all.unexpected.empty()));
  for (const nn::NamedTensor& t : from->state()) CHECK_MESSAGE(same_bytes(t.tensor, tensor(*whole, t.name)), t.name);

  const io::WeightMatch most = io::load_pretrained(*transfer, f / "a.safetensors", {.last_layer = false});
  CHECK(most.missing == std::vector<std::string>{"head.weight", "head.bias"});
  CHECK(most.unexpected == std::vector<std::string>{"head.bias", "head.weight"});
  CHECK(same_bytes(tensor(*transfer, "head.weight"), tensor(*fresh, "head.weight")));
  CHECK(same_bytes(tensor(*transfer, "down.1.conv2.weight"), tensor(*from, "down.1.conv2.weight")));
  CHECK(most.lines()[0] == "loaded: " + std::to_string(from->state().size() - 2));
  CHECK(most.lines()[1] == "initial values: 2 (head.weight, head.bias)");

  ModelConfig other = kSmall;
  other.classes = 5;
  const auto five = build_network(other, 2);
  CHECK(has(io::load_pretrained(*five, f / "a.safetensors").missing, "head.weight"));
  CHECK(same_bytes(tensor(*five, "down.0.conv1.weight"), tensor(*from, "down.0.conv1.weight")));
  check_throws<DataError>([&] { io::load_pretrained(*five, f / "a.safetensors", {.strict = true}); }, {"a.safetensors", "head.weight"});
}

TEST_CASE("a network built meta takes a file's weights, and for the rest the initial values of one built whole") {
  TempFolder f;
  for (const ModelConfig& config : {kSmall, ModelConfig{.model = "deeplabv3plus", .classes = 3, .options = {{"base", "4"}}}}) {
    io::save_model(f / "a.safetensors", *build_network(config, 1), config);
    ModelConfig other = config;
    other.classes = 5;
    const auto whole = build_network(other, 2), meta = build_meta(other, 2);
    const io::WeightMatch a = io::load_pretrained(*whole, f / "a.safetensors"), b = io::load_pretrained(*meta, f / "a.safetensors");
    CHECK(a.missing == b.missing);
    REQUIRE(!b.missing.empty());
    CHECK(tensor(*meta, b.missing[0]).device() == kMeta);
    CHECK(tensor(*meta, b.loaded[0]).device() == kCpu);
    meta->initialise();
    for (const nn::NamedTensor& t : whole->state()) CHECK_MESSAGE(same_bytes(t.tensor, tensor(*meta, t.name)), t.name);
  }
}

TEST_CASE("weights of a component, of DataParallel, and of a backbone alone find their place") {
  TempFolder f;
  const auto from = build_network(kSmall, 1), to = build_network(kSmall, 2);
  std::vector<nn::NamedTensor> pair, parallel, backbone;
  for (const nn::NamedTensor& t : from->state()) {
    pair.push_back({"generator." + t.name, t.tensor});
    parallel.push_back({"module." + t.name, t.tensor});
  }
  pair.push_back({"discriminator.0.weight", Tensor::zeros({1, 1, 1, 1})});
  write(f / "pair.safetensors", pair, {{"component", "generator"}});
  write(f / "parallel.safetensors", parallel);
  for (const char* name : {"pair", "parallel"}) {
    const io::WeightMatch m = io::load_pretrained(*to, f / (std::string(name) + ".safetensors"));
    CHECK(m.loaded.size() == from->state().size());
    CHECK(m.unexpected.empty());
  }
  CHECK(same_bytes(tensor(*to, "head.weight"), tensor(*from, "head.weight")));

  // torchvision's resnet50 has no prefix, and a classifier.
  for (const auto& [preset, part] : {std::pair{"smp", "encoder."}, std::pair{"torchvision", "backbone."}}) {
    const ModelConfig deeplab{.model = "deeplabv3plus", .preset = preset, .options = {{"base", "4"}}};
    const auto net = build_network(deeplab, 3), other = build_network(deeplab, 4);
    backbone.assign(1, {"fc.weight", Tensor::zeros({10, 128})});
    for (const nn::NamedTensor& t : net->state())
      if (t.name.starts_with(part)) backbone.push_back({t.name.substr(std::string(part).size()), t.tensor});
    write(f / "resnet50.safetensors", backbone);
    const io::WeightMatch m = io::load_pretrained(*other, f / "resnet50.safetensors");
    CHECK(m.loaded.size() == 318);
    CHECK(m.unexpected == std::vector<std::string>{"fc.weight"});
    CHECK(m.missing.size() == net->state().size() - 318);
    const std::string name = std::string(part) + "layer4.2.conv2.weight";
    CHECK(same_bytes(tensor(*other, name), tensor(*net, name)));
  }
}

TEST_CASE("weights that do not fit are refused by name, and nothing is changed") {
  TempFolder f;
  const auto net = build_network(kSmall, 1), before = build_network(kSmall, 1);
  std::vector<nn::NamedTensor> tensors = net->state();
  tensors[0].tensor = Tensor::full({7, 3, 3, 3}, 1);
  for (nn::NamedTensor& t : tensors)
    if (t.name == "down.0.norm1.bias") t.tensor = Tensor::zeros({2}, {DType::i64, kCpu});
  tensors.push_back({"down.1.conv1.weight", Tensor::full(tensor(*net, "down.1.conv1.weight").shape(), 3)});
  write(f / "wrong.safetensors", tensors);
  check_throws<DataError>([&] { io::load_pretrained(*net, f / "wrong.safetensors"); },
                          {"wrong.safetensors", "down.0.conv1.weight", "(7, 3, 3, 3)", "down.0.norm1.bias is i64"});
  for (const nn::NamedTensor& t : before->state()) CHECK_MESSAGE(same_bytes(t.tensor, tensor(*net, t.name)), t.name);
  write(f / "other.safetensors", {{"blocks.0.weight", Tensor::zeros({2})}});
  check_throws<DataError>([&] { io::load_pretrained(*net, f / "other.safetensors"); },
                          {"other.safetensors", "down.0.conv1.weight", "blocks.0.weight", "info", "says what it holds"});
  CHECK(io::presets_like(io::SafetensorsFile(f / "other.safetensors")).empty());
  ModelConfig wider = kSmall;
  wider.options["base"] = "4", wider.options["init"] = "he_normal", wider.in_channels = 4;
  write(f / "wider.safetensors", build_network(wider, 1)->state(), {{"model", to_json(wider)}});
  check_throws<DataError>([&] { io::load_pretrained(*net, f / "wider.safetensors"); },
                          {"its network is --model unet --preset bn --base 4 --depth 1 --channels 4: give these options"});
  tensors = net->state();
  std::erase_if(tensors, [](const nn::NamedTensor& t) { return t.name == "down.0.norm1.bias" || t.name.starts_with("head."); });
  write(f / "less.safetensors", tensors);
  check_throws<DataError>([&] { io::load_pretrained(*net, f / "less.safetensors", {.whole = true}); },
                          {"it lacks weights: 1 (down.0.norm1.bias)"});
  tensors = net->state();
  std::erase_if(tensors, [](const nn::NamedTensor& t) { return t.name.starts_with("head."); });
  write(f / "body.safetensors", tensors);
  CHECK(io::load_pretrained(*net, f / "body.safetensors", {.whole = true}).missing.size() == 2);
  check_throws<DataError>([&] { io::load_pretrained(*net, f / "none.safetensors"); }, {"none.safetensors"});
}

TEST_CASE("transfer leaves the layers of every output as they began, an auxiliary one too") {
  TempFolder f;
  ModelConfig unet = kSmall;
  unet.outputs = {{"cut", 3}, {"burn", 2}};
  ModelConfig beta{.model = "deeplabv3plus", .preset = "beta", .options = {{"base", "4"}}, .outputs = {{"cut", 3}, {"burn", 2}}};
  const ModelConfig auxiliary{.model = "deeplabv3plus", .preset = "torchvision", .classes = 3, .options = {{"base", "4"}, {"aux", "yes"}}};
  const std::tuple<ModelConfig, std::vector<std::string>, std::string> cases[] = {
      {unet, {"head.cut.weight", "head.cut.bias", "head.burn.weight", "head.burn.bias"}, "down.1.conv2.weight"},
      {beta, {"logits.cut.weight", "logits.cut.bias", "logits.burn.weight", "logits.burn.bias"}, "decoder.decoder_conv1.pointwise.weight"},
      {auxiliary,
       {"classifier.4.weight", "classifier.4.bias", "aux_classifier.4.weight", "aux_classifier.4.bias"},
       "aux_classifier.0.weight"}};
  for (const auto& [config, last, inner] : cases) {
    CAPTURE(last[0]);
    const auto from = build_network(config, 1), to = build_network(config, 2), fresh = build_network(config, 2);
    io::save_model(f / "a.safetensors", *from, config);
    CHECK(io::load_pretrained(*to, f / "a.safetensors", {.last_layer = false}).missing == last);
    for (const std::string& name : last) CHECK_MESSAGE(same_bytes(tensor(*to, name), tensor(*fresh, name)), name);
    CHECK(same_bytes(tensor(*to, inner), tensor(*from, inner)));
    io::load_pretrained(*to, f / "a.safetensors");
    for (const std::string& name : last) CHECK_MESSAGE(same_bytes(tensor(*to, name), tensor(*from, name)), name);
  }
  // Onto outputs of other channels: only those are left as they began.
  unet.outputs[1].channels = 4;
  io::save_model(f / "b.safetensors", *build_network(unet, 1), unet);
  unet.outputs[1].channels = 2;
  CHECK(io::load_pretrained(*build_network(unet, 2), f / "b.safetensors").missing ==
        std::vector<std::string>{"head.burn.weight", "head.burn.bias"});
}

TEST_CASE("a file of TensorFlow's resnet_v1_50_beta: every variable of DeepLabV3+ finds its place, kernels turned") {
  TempFolder f;
  const auto turned = [](const std::string& theirs) {
    return theirs.ends_with("depthwise_weights") ? std::array{2, 0, 1, 3} : std::array{3, 0, 1, 2};
  };
  for (const char* preset : {"beta", "beta-dense"}) {
    CAPTURE(std::string(preset));
    TheirFile file = tensorflow_file(4, preset == std::string("beta"), 5);
    file.write(f / "a.safetensors");
    const ModelConfig config{.model = "deeplabv3plus", .preset = preset, .classes = 5, .options = {{"base", "4"}}};
    const auto net = build_network(config, 1);
    io::load_pretrained(*net, f / "a.safetensors", {.strict = true});
    file.check(*net, turned);
  }
  // The backbone alone, as it comes from ImageNet, with what training leaves beside it; no head has a place for its classes.
  TheirFile file = tensorflow_file(4, true, 5);
  std::erase_if(file.archive().tensors, [](const auto& t) { return !t.first.starts_with("resnet_v1_50/"); });
  file.archive().tensors["resnet_v1_50/logits/weights"] = Tensor::zeros({1, 1, 128, 7});
  file.archive().tensors["resnet_v1_50/conv1_1/weights/Momentum"] = Tensor::zeros({3, 3, 3, 4});
  file.archive().tensors["global_step"] = Tensor::zeros({}, {DType::i64, kCpu});
  file.write(f / "backbone.safetensors");
  const ModelConfig config{.model = "deeplabv3plus", .preset = "beta", .options = {{"base", "4"}}};
  const auto net = build_network(config, 1), fresh = build_network(config, 1);
  const io::WeightMatch m = io::load_pretrained(*net, f / "backbone.safetensors");
  CHECK(m.loaded.size() == 5 * (3 + 4 * 4 + 16 * 3 - 12));
  CHECK(m.unexpected == std::vector<std::string>{"global_step", "resnet_v1_50/conv1_1/weights/Momentum", "resnet_v1_50/logits/weights"});
  CHECK(!same_bytes(tensor(*net, "backbone.layer4.2.conv2.weight"), tensor(*fresh, "backbone.layer4.2.conv2.weight")));
  CHECK(same_bytes(tensor(*net, "aspp.aspp1.pointwise.weight"), tensor(*fresh, "aspp.aspp1.pointwise.weight")));
  // Layers of torchvision's backbone have the same names and shapes, but not the same strides.
  const auto other = build_network({.model = "deeplabv3plus", .preset = "torchvision", .options = {{"base", "4"}}}, 1);
  check_throws<DataError>([&] { io::load_pretrained(*other, f / "backbone.safetensors"); },
                          {"backbone.safetensors", "resnet_v1_50_beta", "beta-dense"});
}

TEST_CASE("a file of milesial's U-Net: every tensor finds its place") {
  TempFolder f;
  const TheirFile file = milesial_file(4, 5);
  file.write(f / "a.safetensors");
  const auto net = build_network({.model = "unet", .preset = "milesial", .classes = 5, .options = {{"base", "4"}}}, 1);
  io::load_pretrained(*net, f / "a.safetensors", {.strict = true});
  file.check(*net, [](const std::string&) { return std::array{0, 2, 3, 1}; });
  // Its own size: names and shapes of the 31,037,698 parameters.
  std::int64_t parameters = 0;
  TheirFile whole = milesial_file(64, 2);
  for (const auto& [name, t] : whole.archive().tensors)
    if (name.find("running") == std::string::npos && t.dtype() != DType::i64) parameters += t.numel();
  CHECK(parameters == 31'037'698);
  const auto five = build_network({.model = "unet", .preset = "milesial", .classes = 3, .options = {{"base", "4"}}}, 1);
  CHECK(io::load_pretrained(*five, f / "a.safetensors").missing == std::vector<std::string>{"outc.conv.weight", "outc.conv.bias"});
  const std::vector<io::PresetMatch> like = io::presets_like(io::SafetensorsFile(f / "a.safetensors"));
  REQUIRE(like.size() == 1);
  CHECK(command_options(like[0].model) == "--model unet --preset milesial");
  CHECK(like[0].names == like[0].of);
  // Of our names, many of which the preset bn has, too.
  write(f / "own.safetensors", build_network({.model = "unet", .preset = "retina", .options = {{"base", "4"}}}, 1)->state());
  const std::vector<io::PresetMatch> ours = io::presets_like(io::SafetensorsFile(f / "own.safetensors"));
  CHECK((ours.size() == 1 && ours[0].model.preset == "retina"));
}
