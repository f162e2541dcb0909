// Training on the CUDA device, or on the host shim: the same losses as on the CPU, and the whole trainer.
#include "lamina/lamina.hpp"
#include "lamina/train/trainer.hpp"
#include "support/op_check.hpp"
#include "support/runs.hpp"

using namespace lamina;
using namespace lamina::test;

#if LAMINA_HAS_CUDA
namespace {

/// Bright squares on a dark, noisy ground, in 3 classes by their colour. (In flat areas the maximum of a pooling window would be a matter
/// of rounding, which differs between devices.)
void draw(Tensor& images, Tensor& labels) {
  Random random({7, 7});
  images = Tensor::normal({2, 32, 32, 3}, {7, 8}, -0.5, 0.3);
  labels = Tensor::zeros({2, 32, 32}, {DType::u8, kCpu});
  for (std::int64_t n = 0; n < 2; ++n)
    for (int square = 0; square < 4; ++square) {
      const auto top = static_cast<std::int64_t>(random.below(22)), left = static_cast<std::int64_t>(random.below(22));
      const int kind = square % 2;
      for (std::int64_t i = top; i < top + 10; ++i)
        for (std::int64_t j = left; j < left + 10; ++j) {
          const std::int64_t pixel = (n * 32 + i) * 32 + j;
          labels.data<std::uint8_t>()[pixel] = static_cast<std::uint8_t>(1 + kind);
          for (int c = 0; c < 3; ++c) images.data<float>()[pixel * 3 + c] += c == kind ? 1.5f : 0.f;
        }
    }
}

/// The losses of `steps` updates of a network. Where two pixels of a pooling window differ by rounding alone, devices
/// choose differently and their runs part (the CPU's own instruction sets too, by 1e-3 in 20 steps); from this seed that does not happen.
std::vector<double> losses_of(models::Network& net, Device device, int steps, DType dtype, double lr) {
  net.to(device);
  net.to(dtype);
  CHECK(net.options().device == device);
  CHECK(net.options().dtype == dtype);
  optim::Sgd sgd(net.named_parameters(), {.lr = lr});
  Tensor images, labels;
  draw(images, labels);
  const Tensor y = labels.to(device);
  std::vector<double> losses;
  for (int i = 0; i < steps; ++i) {
    const nn::RandomScope dropout(RandomKey{6, static_cast<std::uint64_t>(i)});
    const Tensor loss = segmentation_loss(net(images), y, {.upsample = net.grid()});
    losses.push_back(loss.item());
    sgd.zero_grad();
    loss.backward();
    sgd.step();
  }
  return losses;
}

/// Those of a U-Net of base 8 and depth 3.
std::vector<double> losses_on(Device device, int steps, DType dtype = DType::f32) {
  nn::RandomStream random(RandomKey{5});
  models::UNet net({.in_channels = 3, .classes = 3, .base = 8, .depth = 3}, random);
  return losses_of(net, device, steps, dtype, 0.01);
}

}  // namespace

TEST_CASE("20 steps of a U-Net have the same losses on both devices, and they fall by a third") {
  for (Device device : cuda_devices()) {
    const auto cpu = losses_on(kCpu, 20), cuda = losses_on(device, 20);
    for (std::size_t i = 0; i < cpu.size(); ++i) {
      CAPTURE(i);
      CHECK(std::abs(cuda[i] - cpu[i]) <= 1e-4 * cpu[i]);
    }
    CHECK(cuda.back() < cuda.front() * 2 / 3);
    // In bf16 runs part, slowly; they learn the same.
    const auto rounded = losses_on(device, 20, DType::bf16);
    CHECK(std::abs(rounded.front() - cpu.front()) <= 1e-2 * cpu.front());
    CHECK(rounded.front() != cuda.front());
    CHECK(std::abs(rounded.back() - cpu.back()) <= 5e-2 * cpu.back());
  }
}

TEST_CASE("steps of DeepLabV3+: gradients are the same on both devices; in bf16 it learns what it does in f32") {
  for (Device device : cuda_devices())
    for (const char* conv : {"separable", "dense"}) {
      CAPTURE(std::string(conv));
      const auto network = [&](const char* norm) {
        return models::build_network({.model = "deeplabv3plus",
                                      .preset = "small",
                                      .classes = 3,
                                      .options = {{"base", "4"}, {"conv", conv}, {"norm", norm}, {"dropout", "0"}}},
                                     5);
      };
      // With statistics of a batch of two, image pooling's norm sees two values a channel, whose difference may be a matter of rounding.
      const auto host = network("group"), there = network("group");
      CHECK(losses_of(*host, kCpu, 1, DType::f32, 0)[0] == doctest::Approx(losses_of(*there, device, 1, DType::f32, 0)[0]).epsilon(1e-5));
      const auto expected = host->named_parameters(), computed = there->named_parameters();
      for (std::size_t i = 0; i < expected.size(); ++i)
        CHECK_MESSAGE(relative_error(computed[i].tensor.grad(), expected[i].tensor.grad()) < 1e-3, expected[i].name);
      if (conv == std::string("dense")) continue;
      const auto whole = losses_of(*network("batch"), device, 12, DType::f32, 0.05),
                 rounded = losses_of(*network("batch"), device, 12, DType::bf16, 0.05);
      CHECK(std::abs(rounded[0] - whole[0]) <= 1e-2 * whole[0]);
      CHECK(rounded[0] != whole[0]);
      CHECK(whole[11] < 0.9 * whole[0]);
      CHECK(std::abs(rounded[11] - whole[11]) <= 0.25 * (whole[0] - whole[11]));
    }
}

TEST_CASE("the trainer on a CUDA device: a run, its report, the same bytes twice, predictions on either device") {
  for (Device device : cuda_devices())
    for (const char* precision : {"f32", "bf16"}) {
      CAPTURE(precision);
      TempFolder f;
      small_phantom(f / "data");
      const auto train_into = [&](const char* out, std::atomic<bool>* stop = nullptr) {
        const train::TrainConfig config = train::resolved({.data = (f / "data").string(),
                                                           .base = 2,
                                                           .depth = 1,
                                                           .width = 16,
                                                           .height = 16,
                                                           .augment = "hflip",
                                                           .epochs = 2,
                                                           .batch = 2,
                                                           .device = device.str(),
                                                           .precision = precision,
                                                           .out = (f / out).string()});
        const data::Dataset dataset = data::open_dataset(config.data, {.seed = config.seed});
        return train::train(config, dataset, true,
                            {.step =
                                 [&](const auto&) {
                                   if (stop) *stop = true;
                                 }},
                            stop);
      };
      CHECK(train_into("a") == train::Outcome::finished);
      // An interruption in between changes nothing.
      std::atomic<bool> stop = false;
      CHECK(train_into("b", &stop) == train::Outcome::interrupted);
      CHECK(train_into("b") == train::Outcome::finished);
      check_same_run(f / "a", f / "b");
      CHECK(std::filesystem::exists(f / "a" / "report.html"));
      // What was trained on the device predicts on either.
      const data::Image photo = data::read_image(data::open_dataset((f / "data").string(), {}).items(data::Split::val)[0].image);
      const auto host = infer::Predictor(f / "a").predict(photo), there = infer::Predictor(f / "a", device).predict(photo);
      CHECK(relative_error(there.probabilities, host.probabilities) < 1e-4);
    }
}

TEST_CASE("training on a device that is not there says so before anything is written") {
  TempFolder f;
  small_phantom(f / "data");
  const data::Dataset dataset = data::open_dataset((f / "data").string(), {});
  train::TrainConfig config{.data = (f / "data").string(), .device = "cuda:7", .out = (f / "run").string()};
  check_throws<DeviceError>([&] { train::train(config, dataset, true, {}, nullptr); }, {"cuda:7 is absent"});
  config.device = "gpu";
  check_throws<OptionError>([&] { train::train(config, dataset, true, {}, nullptr); }, {"unknown device \"gpu\"", "cuda:0"});
  CHECK(!std::filesystem::exists(f / "run"));
}
#endif
