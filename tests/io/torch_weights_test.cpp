// Networks that PyTorch saved: torch_weights_test.py writes them, and runs this.
#include <cstdlib>

#include "lamina/io/pretrained.hpp"
#include "lamina/io/safetensors.hpp"
#include "lamina/models/registry.hpp"
#include "lamina/ops/resize.hpp"
#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::test;

TEST_CASE("networks that PyTorch saved load whole and give its outputs" * doctest::skip(!std::getenv("LAMINA_TORCH_WEIGHTS"))) {
  for (const auto& entry : std::filesystem::directory_iterator(std::getenv("LAMINA_TORCH_WEIGHTS"))) {
    const std::string file = entry.path().string(), ending = ".values.safetensors";
    if (!file.ends_with(ending)) continue;
    CAPTURE(file);
    const io::TensorArchive values = io::read_safetensors(file);
    const auto net = models::build_network(models::model_config_from_json(values.metadata_at("model")), 1);
    io::load_pretrained(*net, file.substr(0, file.size() - ending.size()) + ".weights.safetensors", {.strict = true});
    net->eval();
    const NoGrad no_grad;
    const Tensor& images = values.at("images");
    for (const nn::NamedTensor& o : net->run(images)) {
      CAPTURE(o.name);
      const Tensor full =
          o.tensor.size(1) == images.size(1) ? o.tensor : resize_bilinear(o.tensor, images.size(1), images.size(2), net->grid());
      CHECK(relative_error(full, values.at("output." + o.name)) <= 1e-5);
    }
    MESSAGE(entry.path().filename().string(), " agrees");
  }
}
