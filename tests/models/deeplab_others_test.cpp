// The presets smp and torchvision against those libraries: tests/golden/make_deeplab_others.py.
#include <map>

#include "lamina/models/registry.hpp"
#include "lamina/ops/ops.hpp"
#include "support/golden.hpp"
#include "support/hashed.hpp"

using namespace lamina;
using namespace lamina::models;
using namespace lamina::test;

TEST_CASE("smp's and torchvision's DeepLabs: every name and shape of their weights, and their outputs") {
  const io::TensorArchive file = golden_archive("deeplab_others");
  const Tensor images = hashed_images("images", {2, 64, 96, 3}).to(DType::f32);
  for (const auto& [preset, options] : {std::pair{"smp", OptionValues{}}, std::pair{"torchvision", OptionValues{{"aux", "yes"}}}}) {
    CAPTURE(std::string(preset));
    const std::string prefix = std::string(preset) + ".shape.";
    const auto net = build_meta({.model = "deeplabv3plus", .preset = preset, .classes = 3, .options = options});
    std::map<std::string, std::vector<int>> theirs;
    for (const auto& [name, shape] : file.tensors)
      if (name.starts_with(prefix)) theirs[name.substr(prefix.size())] = shape.to_vector<int>();
    std::vector<nn::NamedTensor> values;
    for (const nn::NamedTensor& t : net->state()) {
      const Shape& s = t.tensor.shape();
      std::vector<int> ours;  // OIHW
      for (const int axis : s.rank() == 4 ? std::vector{0, 3, 1, 2} : s.rank() == 1 ? std::vector{0} : std::vector<int>{})
        ours.push_back(static_cast<int>(s[axis]));
      REQUIRE_MESSAGE(theirs.contains(t.name), t.name);
      CHECK_MESSAGE(theirs.at(t.name) == ours, t.name);
      theirs.erase(t.name);
      values.push_back(
          {t.name, t.tensor.dtype() == DType::i64 ? Tensor::zeros(s, {DType::i64, kCpu}) : hashed_weight(t.name, s).to(DType::f32)});
    }
    CHECK(theirs.empty());
    net->fill(std::move(values));
    net->eval();
    const NoGrad no_grad;
    for (const nn::NamedTensor& o : net->run(images)) {
      CAPTURE(o.name);
      const Tensor full = resize_bilinear(o.tensor, 64, 96, net->grid());
      CHECK(relative_error(avg_pool2d(full, {.kernel = 4, .stride = 4}),
                           file.at(std::string(preset) + (o.name == "aux" ? ".aux" : ".out"))) <= 1e-5);
    }
  }
}
