#include "lamina/ops/activation.hpp"

#include <algorithm>
#include <limits>

#include "lamina/ops/ops.hpp"
#include "support/golden.hpp"
#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::test;

namespace {
const std::pair<const char*, Activation> kActivations[] = {{"none", Activation::none()},
                                                           {"relu", Activation::relu()},
                                                           {"leaky_relu", Activation::leaky_relu(0.125f)},
                                                           {"sigmoid", Activation::sigmoid()},
                                                           {"tanh", Activation::tanh()}};

/// Largest |f(x) - exact(x)| / max(|exact(x)|, floor) over a fine grid of [lo, hi] in f32, on every instruction set.
double float_error(Activation act, double (*exact)(double), double lo, double hi, double floor) {
  constexpr int kPoints = 200001;
  Tensor x = Tensor::empty({kPoints});
  for (int i = 0; i < kPoints; ++i) x.data<float>()[i] = static_cast<float>(lo + (hi - lo) * i / (kPoints - 1));
  double error = 0;
  for (Isa isa : instruction_sets()) {
    ThreadPool pool(1);
    const ExecutorScope scope(pool, isa);
    const Tensor y = activation(x, act);
    for (int i = 0; i < kPoints; ++i) {
      const double want = exact(static_cast<double>(x.data<float>()[i]));
      error = std::max(error, std::abs(static_cast<double>(y.data<float>()[i]) - want) / std::max(std::abs(want), floor));
    }
  }
  return error;
}
double exact_sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double exact_tanh(double x) { return std::tanh(x); }
}  // namespace

TEST_CASE("activations: values, gradients, slices, instruction sets, threads") {
  for (const Shape& s : {Shape{2, 3, 5, 3}, Shape{1, 1, 1, 1}, Shape{0, 2, 2, 4}, Shape{1, 7, 3, 48}, Shape{4, 9}, Shape{}})
    for (const auto& [name, act] : kActivations)
      check_op({.name = std::string(name) + " " + s.str(),
                .inputs = {away_from_zero(random_normal(s, 1), 0.01)},
                .op = [act = act](auto& in, auto& into) { return activation(in[0], act, into); },
                .bf16_tolerance = act.kind == Activation::Kind::tanh || act.kind == Activation::Kind::sigmoid ? kReadsRounded : 0});
}

TEST_CASE("activations agree with PyTorch") {
  const auto file = golden_archive("activation");
  for (const auto& [name, act] : kActivations)
    if (!act.is_none()) check_golden(file, name, {"x"}, [act = act](auto& in) { return activation(in[0], act); });
  check_golden(
      file, "leaky_relu_default", {"x"}, [](auto& in) { return leaky_relu(in[0]); }, 0);  // 0.01 in double
}

TEST_CASE("numbers beside tensors are taken in double") {
  const Tensor x = Tensor::from({-1.0, 5.0, 1e-3}, {3});
  CHECK(leaky_relu(x, 0.1).to_vector<double>() == std::vector<double>{-0.1, 5, 1e-3});
  CHECK(activation(x, Activation::leaky_relu(1. / 3)).to_vector<double>()[0] == -1. / 3);
  CHECK((x / 3).to_vector<double>() == std::vector<double>{-1.0 / 3, 5.0 / 3, 1e-3 / 3});
  CHECK((Tensor::from({1e-310, 0.0}, {2}) / 1e-310).to_vector<double>() == std::vector<double>{1, 0});  // one over it is infinite
  CHECK((x * 0.1).to_vector<double>() == std::vector<double>{-1.0 * 0.1, 5.0 * 0.1, 1e-3 * 0.1});
  CHECK((x + 0.1).to_vector<double>() == std::vector<double>{-1 + 0.1, 5 + 0.1, 1e-3 + 0.1});
  CHECK(clamp(x, -0.1, 0.1).to_vector<double>() == std::vector<double>{-0.1, 0.1, 1e-3});
  CHECK(maximum(x, 0.1).to_vector<double>() == std::vector<double>{0.1, 5, 0.1});
  CHECK(pow(abs(x), 0.1).to_vector<double>()[1] == doctest::Approx(std::pow(5.0, 0.1)).epsilon(1e-15));
  const auto kept = dropout(Tensor::full({64}, 1, {DType::f64, kCpu}), 0.1, {1, 1}).to_vector<double>();
  CHECK(std::count(kept.begin(), kept.end(), 1 / 0.9) > 32);
  CHECK(pad(x.view_as({1, 1, 1, 3}), PadParams::symmetric(1), 0.1).to_vector<double>()[0] == 0.1);
}

TEST_CASE("activations by hand") {
  const Tensor x = Tensor::from({-2.0, -0.5, 0.0, 3.0}, {4});
  CHECK(relu(x).to_vector<double>() == std::vector<double>{0, 0, 0, 3});
  CHECK(leaky_relu(x, 0.25f).to_vector<double>() == std::vector<double>{-0.5, -0.125, 0, 3});
  CHECK(relative_error(sigmoid(x), Tensor::from({0.11920292202211755, 0.3775406687981454, 0.5, 0.9525741268224334}, {4})) < 1e-15);
  CHECK(relative_error(tanh(x), Tensor::from({-0.9640275800758169, -0.46211715726000973, 0.0, 0.9950547536867305}, {4})) < 1e-15);
}

TEST_CASE("float sigmoid and tanh are accurate over their whole range") {
  CHECK(float_error(Activation::sigmoid(), exact_sigmoid, -87, 20, 0) < 3.5e-7);
  CHECK(float_error(Activation::sigmoid(), exact_sigmoid, -104, -87, 1) < 1e-37);  // absolute: the smallest results round to 0
  CHECK(float_error(Activation::tanh(), exact_tanh, -12, 12, 1e-6) < 3e-7);
  CHECK(float_error(Activation::tanh(), exact_tanh, -1e-3, 1e-3, 1e-30) < 3e-7);
}

TEST_CASE("activations at the ends: infinities saturate, NaN stays NaN") {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  const Tensor x = Tensor::from({-inf, inf, nan, -1e30f, 1e30f}, {5});
  CHECK(sigmoid(x).data<float>()[0] == 0);
  CHECK(sigmoid(x).data<float>()[1] == 1);
  CHECK(sigmoid(x).data<float>()[3] == 0);
  CHECK(tanh(x).data<float>()[0] == -1);
  CHECK(tanh(x).data<float>()[1] == 1);
  CHECK(relu(x).data<float>()[1] == inf);
  for (const auto& [name, act] : kActivations) CHECK_MESSAGE(std::isnan(activation(x, act).data<float>()[2]), name);
}

TEST_CASE("activations reject what they cannot differentiate or compute") {
  check_throws<OptionError>([] { leaky_relu(Tensor::zeros({2}), -0.1f); }, {"activation", "slope", "-0.1"});
  check_throws<ShapeError>([] { relu(Tensor::zeros({2, 3}), Tensor::zeros({3, 2})); }, {"activation", "(2, 3)", "(3, 2)"});
  check_throws<DeviceError>([] { relu(Tensor::empty({2}, {DType::i32, kCpu})); }, {"i32"});
}
