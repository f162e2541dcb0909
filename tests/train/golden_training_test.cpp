#include "lamina/models/unet.hpp"
#include "lamina/ops/segmentation_loss.hpp"
#include "lamina/optim/optimizer.hpp"
#include "lamina/optim/schedule.hpp"
#include "support/golden.hpp"

using namespace lamina;
using namespace lamina::test;

TEST_CASE("a U-Net learns what PyTorch's learns: losses of the first steps, and logits after them") {
  const io::TensorArchive file = golden_archive("training");
  nn::RandomStream random({1, 2});
  models::UNet net({.in_channels = 3, .classes = 4, .base = 4, .depth = 2}, random);
  std::vector<nn::NamedTensor> weights;
  for (const nn::NamedTensor& t : net.state()) weights.push_back({t.name, file.at("weights." + t.name)});
  net.load_state(weights);
  optim::Adam adam(net.named_parameters(), {.lr = 2e-3});
  const std::vector<double> expected = file.at("losses").to_vector<double>();
  const optim::Schedule schedule(
      {.kind = optim::parse_schedule("onecycle"), .lr = 2e-3, .total_steps = static_cast<std::int64_t>(expected.size())});
  for (std::size_t step = 0; step < expected.size(); ++step) {
    CAPTURE(step);
    adam.set_lr(schedule.lr(static_cast<std::int64_t>(step)));
    const Tensor loss =
        segmentation_loss(net(file.at("images")), file.at("labels"), {.ignore_label = 255, .empty_class = EmptyClass::penalize});
    CHECK(std::abs(loss.item() - expected[step]) <= 1e-6 * expected[step]);
    adam.zero_grad();
    loss.backward();
    adam.step();
  }
  net.eval();
  const NoGrad no_grad;
  CHECK(relative_error(net(file.at("images")), file.at("logits")) <= 1e-5);
}
