#include "lamina/io/pretrained.hpp"

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
                          {"other.safetensors", "down.0.conv1.weight", "blocks.0.weight"});
  check_throws<DataError>([&] { io::load_pretrained(*net, f / "none.safetensors"); }, {"none.safetensors"});
}
