#include "lamina/ops/batch_norm2d.hpp"

#include "support/golden.hpp"
#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::test;

namespace {
/// x, gamma, beta, residual of a case; x is spread over several scales so that the channels differ.
std::vector<Tensor> inputs_for(const Shape& s) {
  const Shape c{s[-1]};
  return {random_normal(s, 1), Tensor::uniform(c, {2, 0}, 0.5, 1.5, {DType::f64, kCpu}), random_normal(c, 3), random_normal(s, 4)};
}
Tensor running(const Tensor& x, double value) { return Tensor::full({x.size(-1)}, value, precise_like(x)); }
}  // namespace

TEST_CASE("batch_norm2d: values, gradients, slices, instruction sets, threads") {
  for (const Shape& s : {Shape{2, 3, 5, 3}, Shape{3, 1, 1, 1}, Shape{0, 2, 2, 4}, Shape{1, 7, 3, 48}, Shape{2, 9, 8, 9}, Shape{4, 9}})
    for (bool training : {true, false})
      for (Activation act : {Activation::none(), Activation::relu(), Activation::leaky_relu(0.1f), Activation::sigmoid()}) {
        const BatchNorm2dParams p{.training = training, .activation = act};
        const auto in = inputs_for(s);
        const std::string name =
            "batch_norm2d " + s.str() + (training ? " training" : " evaluation") + " act " + std::to_string(int(act.kind));
        check_op(
            {.name = name,
             .inputs = {in[0], in[1], in[2]},
             .op = [p](auto& t, auto& into) { return batch_norm2d(t[0], t[1], t[2], running(t[0], 0.3), running(t[0], 1.7), p, {}, into); },
             .precise = {false, true, true}});
        check_op({.name = name + " residual",
                  .inputs = in,
                  .op = [p](auto& t,
                            auto& into) { return batch_norm2d(t[0], t[1], t[2], running(t[0], 0.3), running(t[0], 1.7), p, t[3], into); },
                  .bf16_tolerance = act.kind == Activation::Kind::none ? 0 : kReadsRounded,  // the residual's gradient
                  .precise = {false, true, true, false}});
      }
  // Some gradients only: the residual's is written with the sums where they are taken, else with x's.
  for (bool training : {true, false})
    for (std::size_t only : {0, 1, 3}) {
      const std::vector<bool> differentiable{only == 0, only == 1, false, true};
      check_op({.name = "batch_norm2d, some gradients",
                .inputs = inputs_for({2, 3, 5, 9}),
                .op =
                    [training](auto& t, auto& into) {
                      const BatchNorm2dParams p{.training = training, .activation = Activation::relu()};
                      return batch_norm2d(t[0], t[1], t[2], running(t[0], 0.3), running(t[0], 1.7), p, t[3], into);
                    },
                .differentiable = differentiable,
                .precise = {false, true, true, false}});
    }
  check_op({"without gamma, beta and running statistics", {random_normal({2, 3, 5, 3}, 1)}, [](auto& t, auto& into) {
              return batch_norm2d(t[0], {}, {}, {}, {}, {}, {}, into);
            }});
}

TEST_CASE("batch_norm2d agrees with PyTorch") {
  const auto file = golden_archive("batch_norm2d");
  const auto check = [&](const std::string& name, const BatchNorm2dParams& p) {
    const Tensor mean = file.at(name + ".mean").clone(), var = file.at(name + ".var").clone();
    check_golden(file, name, {"x", "gamma", "beta", "residual"},
                 [&](auto& in) { return batch_norm2d(in[0], in[1], in[2], mean, var, p, in[3]); });
    CHECK(relative_error(mean, file.at(name + ".mean_after")) <= 1e-14);
    CHECK(relative_error(var, file.at(name + ".var_after")) <= 1e-14);
  };
  check("training", {});
  check("training_relu", {.momentum = 0.3, .epsilon = 1e-3, .activation = Activation::relu()});
  check("evaluation", {.training = false});
  check("evaluation_leaky", {.training = false, .epsilon = 1e-3, .activation = Activation::leaky_relu(0.125f)});
}

TEST_CASE("batch_norm2d by hand") {
  // One channel 1, 2, 3, 6: mean 3, biased variance 3.5, unbiased 14/3.
  const Tensor x = Tensor::from({1.0, 2.0, 3.0, 6.0}, {1, 2, 2, 1}), gamma = Tensor::from({2.0}, {1}), beta = Tensor::from({1.0}, {1});
  const Tensor mean = Tensor::from({10.0}, {1}), var = Tensor::from({4.0}, {1});
  const double scale = 2 / std::sqrt(3.5 + 1e-5);
  const Tensor y = batch_norm2d(x, gamma, beta, mean, var, {.momentum = 0.25});
  CHECK(relative_error(y, Tensor::from({1 - 2 * scale, 1 - scale, 1.0, 1 + 3 * scale}, x.shape())) < 1e-15);
  CHECK(mean.item() == doctest::Approx(0.75 * 10 + 0.25 * 3).epsilon(1e-15));
  CHECK(var.item() == doctest::Approx(0.75 * 4 + 0.25 * 14 / 3).epsilon(1e-15));
  const Tensor eval =
      batch_norm2d(x, gamma, beta, Tensor::from({1.0}, {1}), Tensor::from({4.0}, {1}),
                   {.training = false, .epsilon = 5, .activation = Activation::relu()}, Tensor::full(x.shape(), -2, like(x)));
  CHECK(relative_error(eval, Tensor::from({0.0, 0.0, 1.0 / 3, 7.0 / 3}, x.shape())) < 1e-15);
}

TEST_CASE("batch_norm2d statistics survive a large mean, and outliers, in float") {
  for (const auto& [offset, outlier] : {std::pair{1000.0, 0.0}, std::pair{-300.0, 3000.0}}) {
    Tensor x = random_normal({1, 64, 64, 17}, 5);
    for (double& v : std::span(x.data<double>(), static_cast<std::size_t>(x.numel()))) v += offset;
    for (int c = 0; c < 17; ++c) x.data<double>()[c] += outlier;  // the first pixel
    const Tensor x32 = x.to(DType::f32), exact = x32.to(DType::f64);
    const BatchNorm2dParams p{.momentum = 1};
    const Tensor m = running(exact, 0), v = running(exact, 0), m32 = running(x32, 0), v32 = running(x32, 0);
    batch_norm2d(exact, {}, {}, m, v, p);
    batch_norm2d(x32, {}, {}, m32, v32, p);
    CHECK(relative_error(m32, m) < 1.2e-7);  // rounding of the result
    CHECK(relative_error(v32, v) < 1e-6);    // 64-row float sums of squared deviations
    // The reference itself, from its definition.
    const auto values = exact.to_vector<double>();
    double mean = 0, var = 0;
    for (std::size_t i = 3; i < values.size(); i += 17) mean += values[i] / 4096;
    for (std::size_t i = 3; i < values.size(); i += 17) var += (values[i] - mean) * (values[i] - mean) / 4095;
    CHECK(m.data<double>()[3] == doctest::Approx(mean).epsilon(1e-13));
    CHECK(v.data<double>()[3] == doctest::Approx(var).epsilon(1e-9));
  }
}

TEST_CASE("batch_norm2d on CUDA: many chunks and column groups; running statistics; a large mean, and outliers") {
  for (Device device : cuda_devices())
    for (DType dtype : {DType::f32, DType::bf16})
      for (const Shape& s : {Shape{2, 37, 41, 5}, Shape{1, 9, 31, 264}, Shape{1, 64, 64, 40}})
        for (const auto& [offset, outlier] : {std::pair{0.0, 0.0}, std::pair{1000.0, 0.0}, std::pair{-300.0, 3000.0}}) {
          CAPTURE(s.str());
          CAPTURE(offset);
          Tensor x = random_normal(s, 5);
          for (double& v : std::span(x.data<double>(), static_cast<std::size_t>(x.numel()))) v += offset;
          for (std::int64_t c = 0; c < s[3]; ++c) x.data<double>()[c] += outlier;  // the first pixel
          const Tensor on_device = x.to(dtype).to(device), exact = on_device.to(kCpu).to(DType::f64);
          const Tensor m = running(exact, 2), v = running(exact, 3), m32 = running(on_device, 2), v32 = running(on_device, 3);
          batch_norm2d(exact, {}, {}, m, v, {.momentum = 0.5});
          batch_norm2d(on_device, {}, {}, m32, v32, {.momentum = 0.5});
          CHECK(relative_error(m32, m) < 2.5e-7);
          CHECK(relative_error(v32, v) <
                5e-6);  // (x - mean)^2 with a mean rounded by 1000 * 2^-24, over 279 rows: 1000 * 2^-24 / sqrt(279)
        }
}

TEST_CASE("batch_norm2d leaves running statistics alone in evaluation and on an empty batch") {
  const Tensor mean = Tensor::full({3}, 0.5), var = Tensor::full({3}, 2);
  batch_norm2d(Tensor::full({2, 4, 4, 3}, 7), {}, {}, mean, var, {.training = false});
  batch_norm2d(Tensor::zeros({0, 4, 4, 3}), {}, {}, mean, var, {.training = true});
  CHECK(mean.to_vector<float>() == std::vector<float>(3, 0.5f));
  CHECK(var.to_vector<float>() == std::vector<float>(3, 2.f));
}

TEST_CASE("batch_norm2d of a constant channel is beta, and its gradient finite") {
  Tensor x = Tensor::full({1, 40, 40, 2}, 0.1f);
  x.set_requires_grad();
  const Tensor beta = Tensor::from({1.f, -2.f}, {2});
  const Tensor y = batch_norm2d(x, {}, beta, {}, {});
  CHECK(y.data<float>()[0] == doctest::Approx(1).epsilon(1e-4));
  CHECK(y.data<float>()[1] == doctest::Approx(-2).epsilon(1e-4));
  y.backward(Tensor::normal(y.shape(), {1, 1}));
  for (float g : x.grad().to_vector<float>()) REQUIRE(std::isfinite(g));
}

TEST_CASE("batch_norm2d rejects wrong shapes and attributes") {
  const Tensor x = Tensor::zeros({2, 3, 4, 5}), c = Tensor::zeros({5}), bad = Tensor::zeros({4});
  check_throws<ShapeError>([&] { batch_norm2d(x, bad, c, c, c); }, {"batch_norm2d", "gamma", "(5)", "(4)", "(2, 3, 4, 5)"});
  check_throws<ShapeError>([&] { batch_norm2d(x, c, bad, c, c); }, {"beta", "(5)", "(4)"});
  check_throws<ShapeError>([&] { batch_norm2d(x, c, c, bad, c); }, {"running_mean", "(5)", "(4)"});
  check_throws<ShapeError>([&] { batch_norm2d(x, c, c, c, bad); }, {"running_var", "(5)", "(4)"});
  check_throws<ShapeError>(
      [&] {
        batch_norm2d(x, c, c, c, c, {}, Tensor::zeros({2, 3, 4, 4}));
      },
      {"residual", "(2, 3, 4, 4)", "(2, 3, 4, 5)"});
  check_throws<ShapeError>([&] { batch_norm2d(x, c, c, c, {}); }, {"running_mean and running_var"});
  check_throws<ShapeError>([&] { batch_norm2d(x, c, c, {}, {}, {.training = false}); }, {"evaluation needs"});
  check_throws<OptionError>([&] { batch_norm2d(x, c, c, c, c, {.epsilon = 0}); }, {"epsilon"});
  check_throws<OptionError>([&] { batch_norm2d(x, c, c, c, c, {.momentum = 1.5}); }, {"momentum", "1.5"});
  check_throws<ShapeError>([&] { batch_norm2d(Tensor::zeros({1, 1, 1, 5}), c, c, c, c); }, {"more than one value", "(1, 1, 1, 5)"});
  check_throws<OptionError>([&] { batch_norm2d(x, c, c, c, c, {.activation = Activation::leaky_relu(-1)}); }, {"slope", "-1"});
  check_throws<DeviceError>([&] { batch_norm2d(x, c.to(DType::f64), c, c, c); }, {"f32", "f64"});
}
