// DeepLabV3+ against PyTorch: tests/golden/make_deeplab.py.
#include <algorithm>
#include <cmath>

#include "lamina/models/deeplab_v3_plus.hpp"
#include "lamina/ops/ops.hpp"
#include "lamina/optim/optimizer.hpp"
#include "support/golden.hpp"
#include "support/hashed.hpp"

using namespace lamina;
using namespace lamina::models;
using namespace lamina::test;

namespace {

struct DeeplabCase {
  std::string name, salt;
  Shape images;
  DeepLabV3PlusOptions options;
};

std::vector<DeeplabCase> cases() {
  using Kind = nn::NormOptions::Kind;
  const DeepLabV3PlusOptions common{.outputs = {{kLabels, 4}}, .base = 4, .dropout = 0};
  std::vector<DeeplabCase> all{{"separable", "34.", {3, 33, 33, 3}, common},
                               {"dense_frozen", "42.", {1, 33, 41, 3}, common},
                               {"group_even", "58.", {1, 48, 38, 3}, common},
                               {"crop_pooling", "17.", {2, 33, 25, 3}, common}};
  all[0].options.multi_grid = {1, 2, 4};
  all[2].options.rates = {1, 2, 3};
  all[2].options.norm = Kind::group;
  for (DeeplabCase* c : {&all[1], &all[3]}) {
    c->options.output_stride = 8;
    c->options.rates = {2, 3, 5};
    c->options.form = ConvForm::dense;
  }
  all[1].options.norm = Kind::frozen;
  all[3].options.pooling_crop = 9;  // 2 features
  return all;
}

double relative(double value, double expected) { return std::abs(value - expected) / std::abs(expected); }

/// Two steps of SGD in `dtype`, compared to `tolerance`.
void check_training(const DeeplabCase& c, DType dtype, double tolerance) {
  CAPTURE(c.name);
  const io::TensorArchive file = golden_archive("deeplab");
  const auto expected = [&](const char* what) { return file.at(c.name + "." + what); };
  nn::RandomStream random({1, 2});
  DeepLabV3Plus net(c.options, random);
  net.to(dtype);
  for (const nn::NamedTensor& t : net.state())
    if (t.tensor.dtype() != DType::i64) t.tensor.copy_from(hashed_weight(c.salt + t.name, t.tensor.shape()));
  const Tensor images = hashed_images(c.salt + "images", c.images).to(dtype), labels = hashed_labels(c.salt + "labels", c.images, 4, 3);
  const auto evaluated = [&] {
    const NoGrad no_grad;
    const nn::EvalScope eval(net);
    return net(images);
  };
  CHECK(relative_error(evaluated(), expected("logits")) <= tolerance);

  optim::Sgd sgd(net.named_parameters(), {.lr = 0.01, .momentum = 0.9});
  const auto losses = expected("losses").to_vector<double>();
  const auto norms = expected("norms").to_vector<double>();
  for (std::size_t step = 0; step < losses.size(); ++step) {
    CAPTURE(step);
    const Tensor loss =
        segmentation_loss(net(images), labels, {.ce_weight = 1, .regions = {}, .ignore_label = 255, .upsample = net.grid()});
    CHECK(relative(loss.item(), losses[step]) <= tolerance);
    sgd.zero_grad();
    loss.backward();
    if (step == 0) {
      auto parameters = net.named_parameters();
      std::sort(parameters.begin(), parameters.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
      REQUIRE(parameters.size() == norms.size());
      for (std::size_t i = 0; i < norms.size(); ++i) {
        double squares = 0;
        for (const double g : parameters[i].tensor.grad().to_vector<double>()) squares += g * g;
        CHECK_MESSAGE(relative(std::sqrt(squares), norms[i]) <= tolerance, parameters[i].name);
      }
    }
    sgd.step();
  }
  CHECK(relative_error(evaluated(), expected("logits_after")) <= tolerance);
}

}  // namespace

TEST_CASE("DeepLabV3+ trains as PyTorch's does: logits, losses and the norm of every gradient, in double") {
  for (const DeeplabCase& c : cases()) check_training(c, DType::f64, 1e-9);
}

TEST_CASE("DeepLabV3+ in float keeps to PyTorch's in double: logits, losses and the norm of every gradient") {
  for (const DeeplabCase& c : cases()) check_training(c, DType::f32, 1e-4);
}
