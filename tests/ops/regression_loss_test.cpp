#include "lamina/ops/regression_loss.hpp"

#include "support/golden.hpp"
#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::test;

namespace {
const RegressionLossParams kSum{.reduction = RegressionLossParams::Reduction::sum};
using Loss = Tensor (*)(const Tensor&, const Tensor&, const RegressionLossParams&);
Tensor smooth(const Tensor& x, const Tensor& target, const RegressionLossParams& p) { return smooth_l1_loss(x, target, 0.75, p); }
constexpr Loss kLosses[] = {l1_loss, mse_loss, smooth};
const char* name_of(Loss loss) { return loss == l1_loss ? "l1_loss" : loss == mse_loss ? "mse_loss" : "smooth_l1_loss"; }
}  // namespace

TEST_CASE("l1_loss, mse_loss and smooth_l1_loss agree with PyTorch") {
  const auto file = golden_archive("regression_loss");
  const auto check = [&](const char* name, Loss loss, const RegressionLossParams& p) {
    check_golden(file, name, {"x", "target"}, [&](auto& in) { return loss(in[0], in[1], p); });
  };
  check("l1_loss.mean", l1_loss, {});
  check("l1_loss.sum", l1_loss, kSum);
  check("mse_loss.mean", mse_loss, {});
  check("mse_loss.sum", mse_loss, kSum);
  check("smooth_l1_loss.mean", smooth, {});
  check("smooth_l1_loss.sum", smooth, kSum);
  const RegressionLossParams weighted{.reduction = kSum.reduction, .weights = file.at("weights")};
  for (Loss loss : kLosses) check((std::string(name_of(loss)) + ".weighted").c_str(), loss, weighted);
}

TEST_CASE("l1_loss and mse_loss: gradients, slices, instruction sets, threads") {
  for (const Shape& s :
       {Shape{2, 3, 5, 3}, Shape{1, 1, 1, 1}, Shape{0, 2, 2, 4}, Shape{1, 7, 3, 48}, Shape{2, 2, 1, 9}, Shape{33}, Shape{}})
    for (Loss loss : kLosses)
      for (const RegressionLossParams& p : {RegressionLossParams{}, kSum}) {
        if (s.numel() == 0 && p.reduction == RegressionLossParams::Reduction::mean) continue;
        // The target lies at least 0.25 away: |x - target| has no kink near.
        const Tensor x = random_normal(s, 1), gap = away_from_zero(random_normal(s, 2), 0.25), target = x.clone();
        for (std::int64_t i = 0; i < s.numel(); ++i) target.data<double>()[i] += gap.data<double>()[i];
        check_op({.name = name_of(loss) + (" " + s.str()),
                  .inputs = {x, target},
                  .op = [loss, p](auto& in, auto&) { return loss(in[0], in[1], p); },
                  .takes_into = false});
      }
}

TEST_CASE("l1_loss and mse_loss of many elements: several tasks and blocks, packed and sliced") {
  const Tensor x = random_normal({2, 90, 110, 8}, 3), target = random_normal({2, 90, 110, 8}, 4);
  for (Loss loss : kLosses) {
    OpCase c{.name = "large", .inputs = {x, target}, .op = [loss](auto& in, auto&) { return loss(in[0], in[1], {}); }, .takes_into = false};
    c.float_tolerance = 1e-6;
    c.gradients = false;
    check_op(c);
    double sum = 0;
    const auto a = x.to_vector<double>(), b = target.to_vector<double>();
    for (std::size_t i = 0; i < a.size(); ++i) {
      const double d = std::abs(a[i] - b[i]);
      sum += loss == l1_loss ? d : loss == mse_loss ? d * d : d < 0.75 ? d * d / 1.5 : d - 0.375;
    }
    CHECK(loss(x, target, kSum).item() == doctest::Approx(sum).epsilon(1e-12));
  }
}

TEST_CASE("l1_loss and mse_loss times weights, packed and sliced, on every device") {
  for (const Shape& s : {Shape{2, 3, 5, 3}, Shape{1, 7, 3, 48}, Shape{2, 2, 1, 9}})
    for (Loss loss : kLosses) {
      const Tensor x = random_normal(s, 1), gap = away_from_zero(random_normal(s, 2), 0.25), target = x.clone();
      for (std::int64_t i = 0; i < s.numel(); ++i) target.data<double>()[i] += gap.data<double>()[i];
      const Tensor weights = Tensor::uniform(s, {5, 1}, 0, 3, {DType::f64, kCpu});
      for (std::int64_t i = 0; i < s.numel(); ++i)
        weights.data<double>()[i] = std::round(4 * weights.data<double>()[i]) / 4;  // also in bf16
      check_op({.name = name_of(loss) + (" " + s.str()),
                .inputs = {x, target},
                .op =
                    [&](auto& in, auto&) {
                      RegressionLossParams p = kSum;
                      p.weights = weights.to(in[0].dtype()).to(in[0].device());
                      return loss(in[0], in[1], p);
                    },
                .takes_into = false});
    }
  RegressionLossParams mean;
  mean.weights = Tensor::zeros({2, 3});
  check_throws<OptionError>([&] { (void)l1_loss(Tensor::zeros({2, 3}), Tensor::zeros({2, 3}), mean); }, {"l1_loss", "sum"});
  RegressionLossParams other = kSum;
  other.weights = Tensor::zeros({3, 2});
  check_throws<ShapeError>([&] { (void)mse_loss(Tensor::zeros({2, 3}), Tensor::zeros({2, 3}), other); }, {"mse_loss", "(3, 2)"});
}

TEST_CASE("l1_loss and mse_loss by hand; a constant target takes no gradient; NaN shows") {
  Tensor x = Tensor::from({1.0, -2.0, 4.0, 0.5}, {2, 2});
  x.set_requires_grad();
  const Tensor target = Tensor::from({0.0, 1.0, 4.0, 1.0}, {2, 2});
  CHECK(l1_loss(x, target).item() == 4.5 / 4);
  CHECK(mse_loss(x, target, kSum).item() == 10.25);
  l1_loss(x, target, kSum).backward();
  CHECK(x.grad().to_vector<double>() == std::vector<double>{1, -1, 0, -1});
  x.zero_grad();
  mse_loss(x, target).backward();
  CHECK(x.grad().to_vector<double>() == std::vector<double>{0.5, -1.5, 0, -0.25});
  CHECK(!target.grad());
  for (Loss loss : kLosses) CHECK(std::isnan(loss(Tensor::from({std::nan(""), 1.0}, {2}), Tensor::zeros({2}, {DType::f64}), {}).item()));
}

TEST_CASE("l1_loss and mse_loss reject tensors that do not match, and the mean of nothing") {
  const Tensor x = Tensor::zeros({2, 3}), empty = Tensor::zeros({0, 3});
  for (Loss loss : kLosses) {
    const char* name = name_of(loss);
    check_throws<ShapeError>([&] { loss(x, Tensor::zeros({3, 2}), {}); }, {name, "(2, 3)", "(3, 2)"});
    check_throws<ShapeError>([&] { loss(x, Tensor::zeros({2, 1}), {}); }, {name, "(2, 3)", "(2, 1)"});
    check_throws<ShapeError>([&] { loss(empty, empty, {}); }, {name, "(0, 3)", "average"});
    CHECK(loss(empty, empty, kSum).item() == 0);
    check_throws<DeviceError>([&] { loss(x, x.to(DType::f64), {}); }, {name, "f32", "f64"});
    check_throws<DeviceError>([&] { loss(x.to(DType::u8), x.to(DType::u8), {}); }, {"u8", "cpu"});
  }
}

TEST_CASE("one large error does not swallow the small ones: sums in double on CUDA") {
  constexpr std::int64_t kCount = std::int64_t{1} << 17;
  for (Device device : cuda_devices()) {
    CAPTURE(device.str());
    for (const std::int64_t at : {std::int64_t{0}, std::int64_t{7}, kCount - 1}) {
      const Tensor x = Tensor::full({kCount}, 1), zero = Tensor::zeros({kCount}, {DType::f32, device});
      x.data<float>()[at] = 4096;
      const RegressionLossParams total{RegressionLossParams::Reduction::sum};
      CHECK(mse_loss(x.to(device), zero, total).item() == 16777216 + kCount);  // 2^24 + 2^17 - 1, rounded to even
      x.data<float>()[at] = 1 << 24;
      CHECK(l1_loss(x.to(device), zero, total).item() == 16777216 + kCount);
    }
  }
}
