// Weights in bf16 and their masters.
#include "lamina/core/dispatch.hpp"
#include "lamina/kernels/optimizer.hpp"
#include "lamina/optim/optimizer.hpp"
#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::optim;
using namespace lamina::test;

TEST_CASE("updates write a rounded copy of the weights where one is asked for") {
  std::vector<Device> devices = cuda_devices();
  devices.push_back(kCpu);
  for (Device device : devices) {
    const std::int64_t n = 5000;
    const auto make = [&](std::uint64_t seed) { return random_normal({n}, seed, DType::f32).to(device); };
    const Tensor w = make(1), g = make(2), m = make(3), v = Tensor::full({n}, 1, {DType::f32, device}), plain = w.clone();
    const Tensor copy = Tensor::full({n}, std::nan(""), {DType::bf16, device});
    const auto tensor = [&](BFloat16* to) {
      return UpdateTensor<float>{w.data<float>(), g.data<const float>(), m.data<float>(), v.data<float>(), n, true, to};
    };
    const AdamUpdate adam{{}, 0.1, 0.9, 0.999, 1e-8, 1, true};
    const SgdUpdate sgd{{}, 0.1, 0.9, false, false};
    const auto check_copy = [&] {
      CHECK(same_bytes(copy.to(kCpu), w.to(kCpu).to(DType::bf16)));
      CHECK(!same_bytes(w.to(kCpu), plain.to(kCpu)));
    };
    dispatch(w, [&]<class T>(auto& dev) {
      if constexpr (std::is_same_v<T, float>) {
        UpdateTensor<float> list = tensor(copy.data<BFloat16>());
        kernels::adam_update<float>(dev, &list, 1, adam);
        check_copy();
        kernels::sgd_update<float>(dev, &list, 1, sgd);
        check_copy();
      }
    });
  }
}

TEST_CASE("a bf16 parameter is the rounded copy of an f32 master, so that small updates add up") {
  std::vector<Device> devices = cuda_devices();
  devices.push_back(kCpu);
  for (Device device : devices) {
    const Shape shape{5, 7};
    const Tensor start = random_normal(shape, 1).to(DType::bf16).to(device);
    Tensor w = start.clone(), twin = start.to(DType::f32), bias = Tensor::zeros({5}, like(twin)), twin_bias = bias.clone();
    for (Tensor* t : {&w, &twin, &bias, &twin_bias}) t->set_requires_grad();
    const AdamOptions options{.lr = 1e-4};  // a step is less than half of what separates neighbouring bf16 numbers near 1
    Adam mixed({{"w", w}, {"bias", bias}}, options), whole({{"w", twin}, {"bias", twin_bias}}, options);
    CHECK(mixed.state().size() == whole.state().size() + 1);
    CHECK(same_bytes(mixed.state()[4].tensor.to(kCpu), twin.to(kCpu)));
    CHECK(mixed.state()[4].name == "master.w");
    for (std::uint64_t t = 0; t < 100; ++t) {
      const Tensor g = Tensor::uniform(shape, {t, 0}, 0.5, 1).to(device), h = Tensor::full({5}, 1, like(bias));
      w.set_grad(g), twin.set_grad(g), bias.set_grad(h), twin_bias.set_grad(h);
      mixed.step();
      whole.step();
    }
    CHECK(same_bytes(w.to(kCpu), twin.to(kCpu).to(DType::bf16)));
    CHECK(same_bytes(bias.to(kCpu), twin_bias.to(kCpu)));
    CHECK(relative_error(w, start) > 1e-3);
  }
}

TEST_CASE("a bf16 parameter that others wrote is where its master goes on from") {
  std::vector<Device> devices = cuda_devices();
  devices.push_back(kCpu);
  for (const Device device : devices)
    for (const bool adam : {true, false}) {
      Tensor p = Tensor::full({2, 4}, 1, {DType::bf16, device});
      p.set_requires_grad();
      std::unique_ptr<Optimizer> optimizer;
      if (adam)
        optimizer = std::make_unique<Adam>(std::vector<nn::NamedTensor>{{"w", p}}, AdamOptions{.lr = 1e-4});
      else
        optimizer = std::make_unique<Sgd>(std::vector<nn::NamedTensor>{{"w", p}}, SgdOptions{.lr = 1e-4});
      const auto master = [&] { return optimizer->state().at(adam ? 2 : 0).tensor.to(kCpu).to_vector<double>().at(0); };
      const auto step = [&] {
        p.set_grad(Tensor::full({2, 4}, 1, {DType::f32, device}));
        optimizer->step();
      };
      step();
      step();
      CHECK(master() == doctest::Approx(1 - 2e-4).epsilon(1e-6));  // below what bf16 tells apart
      p.copy_from(Tensor::full({2, 4}, 3, {DType::bf16, device}));
      step();
      CHECK(master() == doctest::Approx(3 - 1e-4).epsilon(1e-6));
      CHECK(p.to(kCpu).to_vector<double>().at(7) == 3);
    }
}
