// Weights that nothing can be learned from.
#include <limits>

#include "lamina/io/checkpoint.hpp"
#include "lamina/io/pretrained.hpp"
#include "lamina/io/safetensors.hpp"
#include "lamina/models/registry.hpp"
#include "support/op_check.hpp"
#include "support/temp_folder.hpp"

using namespace lamina;
using namespace lamina::test;

TEST_CASE("weights that are not finite, or not of their shape, are refused by file and tensor, and nothing is changed") {
  TempFolder f;
  const models::ModelConfig unet{.model = "unet", .classes = 3, .options = {{"base", "2"}, {"depth", "1"}}};
  const auto net = models::build_network(unet, 1), before = models::build_network(unet, 1), other = models::build_network(unet, 2);
  const auto file = [&](const std::string& name, const Tensor& value, const char* to) {
    io::save_checkpoint(f / "good.safetensors", {other->state(), {}, {}});
    const io::SafetensorsFile good(f / "good.safetensors");
    io::TensorArchive archive;
    for (std::size_t i = 0; i < good.tensors().size(); ++i) archive.tensors[good.tensors()[i].name] = good.read(i);
    archive.tensors[name] = value;
    io::write_safetensors(f / to, archive);
    return f / to;
  };
  for (const double bad : {std::numeric_limits<double>::quiet_NaN(), -std::numeric_limits<double>::infinity()}) {
    Tensor bias = Tensor::zeros({3});
    bias.data<float>()[1] = static_cast<float>(bad);
    check_throws<DataError>([&] { io::load_pretrained(*net, file("head.bias", bias, "w.safetensors")); },
                            {"w.safetensors", "1 of the 3 numbers of head.bias", "not finite"});
    CHECK(io::load_pretrained(*models::build_network(unet, 1), file("head.bias", bias, "w.safetensors"), {.last_layer = false})
              .missing.size() == 2);
  }
  for (std::size_t i = 0; i < net->state().size(); ++i) CHECK(same_bytes(net->state()[i].tensor, before->state()[i].tensor));
  // Shapes as the file has them: outputs, inputs, height, width.
  check_throws<DataError>(
      [&] {
        io::load_pretrained(*net, file("down.0.conv1.weight", Tensor::zeros({7, 3, 1, 5}), "s.safetensors"));
      },
      {"down.0.conv1.weight is (7, 3, 1, 5) in the file, (2, 3, 3, 3) in the network"});
}
