#include "lamina/ops/softmax.hpp"

#include "lamina/ops/arithmetic.hpp"
#include "support/golden.hpp"
#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::test;

namespace {
/// The largest |a - b|, where equal infinities differ by 0.
double difference(const Tensor& a, const Tensor& b) {
  const auto x = a.to_vector<double>(), y = b.to_vector<double>();
  double most = 0;
  for (std::size_t i = 0; i < x.size(); ++i)
    if (x[i] != y[i]) most = std::isnan(x[i] - y[i]) ? std::numeric_limits<double>::infinity() : std::max(most, std::abs(x[i] - y[i]));
  return most;
}
}  // namespace

TEST_CASE("softmax and log_softmax agree with PyTorch, also where exp overflows or underflows") {
  const auto file = golden_archive("softmax");
  const auto check = [&](const std::string& name, auto op) {
    for (DType dtype : {DType::f64, DType::f32}) {
      CAPTURE(name);
      CAPTURE(name_of(dtype));
      Tensor x = file.at("x").clone().to(dtype);
      x.set_requires_grad();
      const Tensor y = op(x);
      y.backward(file.at("dy").to(dtype));
      // x and y are up to 1e4 with a gap of up to 60 beneath the maximum: 1e4 in float is rounded by 5e-4 and 800 by 3e-5.
      const double tolerance = dtype == DType::f64 ? 2e-12 : 2e-3;
      CHECK(difference(y, file.at(name + ".y")) <= tolerance);
      CHECK(difference(x.grad(), file.at(name + ".dx")) <= tolerance);
    }
  };
  check("softmax", [](const Tensor& x) { return softmax(x); });
  check("log_softmax", [](const Tensor& x) { return log_softmax(x); });
}

TEST_CASE("softmax and log_softmax: gradients, slices, instruction sets, threads") {
  const auto check = [](auto op, const Tensor& x) {
    check_op({.name = message(op == softmax ? "softmax " : "log_softmax ", x.shape()),
              .inputs = {x},
              .op = [op](auto& t, auto& into) { return op(t[0], into); },
              .bf16_tolerance = kReadsRounded});
  };
  for (const Shape& s :
       {Shape{2, 3, 5, 3}, Shape{1, 1, 1, 1}, Shape{0, 2, 2, 4}, Shape{1, 7, 3, 9}, Shape{2, 2, 1, 48}, Shape{4, 17}, Shape{33}}) {
    for (auto op : {softmax, log_softmax}) check(op, random_normal(s, 1));
  }
  // CUDA's groups of lanes hold 4, 16, 64 and 256 classes, longer rows are read again; a register of the CPU 8 or 16 of them.
  for (std::int64_t classes : {4, 5, 8, 16, 31, 32, 63, 64, 65, 72, 73, 128, 129, 255, 256, 257, 300})
    for (auto op : {softmax, log_softmax}) check(op, random_normal({3, classes}, 3));
  const std::vector<Tensor> large{random_normal({2, 70, 81, 5}, 2)};  // several tasks
  for (auto op : {softmax, log_softmax}) {
    const auto f = [op](auto& t, auto& into) { return op(t[0], into); };
    for (std::int64_t n : {0, 1}) CHECK(same_bytes(op(large[0], {}).rows(n, 1), op(large[0].rows(n, 1), {})));
    const auto results = test::detail::run({"", large, f}, DType::f32, false, false);
    for (Isa isa : instruction_sets()) {
      ThreadPool pool(3);
      const ExecutorScope scope(pool, isa);
      const auto again = test::detail::run({"", large, f}, DType::f64, true, true);
      for (std::size_t i = 0; i < again.size(); ++i) CHECK(relative_error(again[i], results[i]) <= 1e-5);
    }
  }
}

TEST_CASE("softmax by hand: rows sum to 1, a shift changes nothing, NaN spreads over its row alone") {
  const Tensor x = Tensor::from({0.0, std::log(3.0), -1000.0, -1000.0 + std::log(3.0)}, {2, 2});
  CHECK(relative_error(softmax(x), Tensor::from({0.25, 0.75, 0.25, 0.75}, {2, 2})) <= 1e-12);
  const double nan = std::nan("");
  for (int at : {0, 1}) {
    Tensor bad = x.clone();
    bad.data<double>()[at] = nan;
    for (const Tensor& y : {softmax(bad), log_softmax(bad)}) {
      const auto v = y.to_vector<double>();
      CHECK((std::isnan(v[0]) && std::isnan(v[1]) && !std::isnan(v[2]) && !std::isnan(v[3])));
    }
  }
}

TEST_CASE("softmax and log_softmax reject what has no channels") {
  for (auto op : {softmax, log_softmax}) {
    const char* name = op == softmax ? "softmax" : "log_softmax";
    check_throws<ShapeError>([&] { op(Tensor::scalar(1), {}); }, {name, "()", "(..., C)"});
    check_throws<ShapeError>([&] { op(Tensor::zeros({2, 0}), {}); }, {name, "(2, 0)"});
    check_throws<ShapeError>([&] { op(Tensor::zeros({2, 3}), Tensor::zeros({2, 4})); }, {name, "(2, 3)", "(2, 4)"});
    check_throws<DeviceError>([&] { op(Tensor::zeros({2, 3}, {DType::u8}), {}); }, {"u8", "cpu"});
  }
}
