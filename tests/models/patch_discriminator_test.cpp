// Discriminators against the published ones: parameters, names, the sizes of their scores, the patch that a score sees, initial values.
#include "lamina/models/patch_discriminator.hpp"

#include "lamina/models/registry.hpp"
#include "lamina/ops/ops.hpp"
#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::models;
using namespace lamina::test;

namespace {

std::int64_t parameters(const ModelConfig& config, int size) { return model_cost(config, size, size).parameters; }

/// The height of the scores for square pictures.
std::int64_t score_size(const ModelConfig& config, int size) {
  const auto net = build_meta(config);
  net->eval();  // training needs several values a channel
  return (*net)(Tensor::empty({1, size, size, net->in_channels()}, {DType::f32, kMeta})).size(1);
}

/// Heights of a convolution's outputs along the way.
std::vector<std::int64_t> chain(const ModelConfig& config, int size) {
  std::vector<std::int64_t> sizes;
  for (const LayerCost& row : model_cost(config, size, size).rows)
    if (row.op == "conv2d") sizes.push_back(row.output[1]);
  return sizes;
}

}  // namespace

TEST_CASE("discriminators have the parameters of the published ones") {
  CHECK(parameters({.model = "patchgan"}, 256) == 2'768'705);
  CHECK(parameters({.model = "patchgan", .preset = "patchgan", .in_channels = 4}, 256) == 2'766'657);
  CHECK(parameters({.model = "patchgan", .preset = "pixel"}, 256) == 9'024);
  CHECK(parameters({.model = "patchgan", .preset = "surrogate"}, 129) == 139'585);
  // The last convolution of the surrogate discriminator: 128 * 8 * 8 + 1 in place of 128 * 4 * 4 + 1.
  CHECK(parameters({.model = "patchgan", .preset = "surrogate", .options = {{"last_kernel", "8"}}}, 129) == 139'585 + 128 * 48);
}

TEST_CASE("their scores have the sizes of the sources") {
  using Sizes = std::vector<std::int64_t>;
  CHECK(chain({.model = "patchgan"}, 256) == Sizes{128, 64, 32, 31, 30});
  CHECK(chain({.model = "patchgan"}, 129) == Sizes{64, 32, 16, 15, 14});
  CHECK(chain({.model = "patchgan", .preset = "surrogate"}, 129) == Sizes{64, 32, 4});
  CHECK(chain({.model = "patchgan", .preset = "surrogate", .options = {{"last_kernel", "8"}, {"last_stride", "8"}}}, 129) ==
        Sizes{64, 32, 4});
  CHECK(chain({.model = "patchgan", .preset = "pixel"}, 17) == Sizes{17, 17, 17});
  // One score sees 16, 34, 70, 142 and 286 pixels: a picture so large, less its border of one pixel a convolution, has one in the middle.
  for (const char* preset : {"patchgan", "surrogate", "pixel"}) {
    CAPTURE(preset);
    const ModelConfig config{.model = "patchgan", .preset = preset};
    const int least = build_meta(config)->minimum_size();
    CHECK(score_size(config, least) >= 1);
    check_throws<ShapeError>([&] { score_size(config, least - 1); }, {least > 1 ? std::to_string(least).c_str() : "(1, 0, 0, 6)"});
  }
  for (const int layers : {1, 2, 4, 5}) {
    const ModelConfig config{.model = "patchgan", .options = {{"layers", std::to_string(layers)}}};
    const int least = build_meta(config)->minimum_size();
    CHECK(least == 3 << layers);
    CHECK(score_size(config, least) == 1);
  }
}

TEST_CASE("a score sees a patch of 70 pixels, the surrogate's last one 22") {
  for (const auto& [preset, base, patch] : {std::tuple("patchgan", "2", 70), std::tuple("surrogate", "2", 22)}) {
    CAPTURE(preset);
    const auto net = build_network({.model = "patchgan", .preset = preset, .in_channels = 1, .options = {{"base", base}}}, 1);
    net->eval();  // batch statistics would see everything
    Tensor x = Tensor::normal({1, 160, 160, 1}, {1, 2});
    x.set_requires_grad();
    const Tensor y = (*net)(x), one = Tensor::zeros(y.shape());
    one.data<float>()[(y.size(1) / 2) * y.size(2) + y.size(2) / 2] = 1;
    y.backward(one);
    const auto dx = x.grad().to_vector<float>();
    int first = 160, last = -1;
    for (int i = 0; i < 160 * 160; ++i)
      if (dx[static_cast<std::size_t>(i)] != 0) first = std::min(first, i / 160), last = std::max(last, i / 160);
    CHECK(last - first + 1 == patch);
  }
}

TEST_CASE("its tensors have the names of pix2pix, and its initial values") {
  const auto net = build_network({.model = "patchgan"}, 3), meta = build_meta({.model = "patchgan"}, 3);
  meta->initialise();
  for (std::size_t i = 0; i < net->state().size(); ++i) CHECK(same_bytes(net->state()[i].tensor, meta->state()[i].tensor));
  std::vector<std::string> names;
  for (const auto& p : net->named_parameters()) names.push_back(p.name);
  CHECK(names == std::vector<std::string>{"model.0.weight", "model.0.bias", "model.2.weight", "model.3.weight", "model.3.bias",
                                          "model.5.weight", "model.6.weight", "model.6.bias", "model.8.weight", "model.9.weight",
                                          "model.9.bias", "model.11.weight", "model.11.bias"});
  for (const auto& p : net->named_parameters()) {
    CAPTURE(p.name);
    double sum = 0, squares = 0;
    for (const float v : p.tensor.to_vector<float>()) sum += v, squares += double{v} * v;
    const double n = static_cast<double>(p.tensor.numel()), mean = sum / n, sd = std::sqrt(squares / n - mean * mean);
    const bool scale = p.tensor.rank() == 1 && p.name.ends_with("weight");
    if (p.name.ends_with("bias")) {
      CHECK(sum == 0);
      continue;
    }
    CHECK(std::abs(mean - scale) <= 5 * 0.02 / std::sqrt(n));
    CHECK(std::abs(sd - 0.02) <= 5 * 0.02 / std::sqrt(2 * n));
  }
}

TEST_CASE("a discriminator refuses what it is not") {
  check_throws<OptionError>([] { build_meta({.model = "patchgan", .classes = 2}); }, {"one output of one channel"});
  check_throws<OptionError>([] { build_meta({.model = "patchgan", .preset = "pixel", .options = {{"layers", "3"}}}); }, {"fixed layers"});
  check_throws<OptionError>([] { build_meta({.model = "patchgan", .preset = "surogate"}); }, {"did you mean \"surrogate\""});
  nn::RandomStream random({1, 1});
  check_throws<OptionError>([&] { PatchDiscriminator({.layers = 7}, random); }, {"7 layers", "[0, 6]"});
  check_throws<OptionError>([&] { PatchDiscriminator({.last_stride = 0}, random); }, {"stride 0"});
  check_throws<ShapeError>([&] { PatchDiscriminator({.base = 1}, random)(Tensor::zeros({1, 64, 64, 3})); }, {"(N, H, W, 6)", "64, 64, 3"});
}
