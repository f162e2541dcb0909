#include "lamina/ops/group_norm.hpp"

#include "lamina/ops/arithmetic.hpp"
#include "support/golden.hpp"
#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::test;

TEST_CASE("group_norm agrees with PyTorch") {
  const auto file = golden_archive("group_norm");
  const auto check = [&](const std::string& name, int groups, double epsilon) {
    CAPTURE(name);
    std::vector<Tensor> in;
    for (const char* input : {".x", ".gamma", ".beta"}) in.push_back(file.at(name + input).clone().set_requires_grad());
    const Tensor y = group_norm(in[0], in[1], in[2], groups, epsilon);
    CHECK(relative_error(y, file.at(name + ".y")) <= 1e-14);
    y.backward(file.at(name + ".dy"));
    CHECK(relative_error(in[0].grad(), file.at(name + ".dx")) <= 1e-14);
    CHECK(relative_error(in[1].grad(), file.at(name + ".dgamma")) <= 1e-14);
    CHECK(relative_error(in[2].grad(), file.at(name + ".dbeta")) <= 1e-14);
  };
  check("layer", 1, 1e-5);
  check("group", 3, 1e-2);
  check("instance", 6, 1e-5);
}

TEST_CASE("group_norm: gradients, slices, instruction sets, threads") {
  struct {
    Shape shape;
    int groups;
    double float_tolerance = 1e-5;
  } const cases[] = {{{2, 3, 5, 3}, 1}, {{2, 3, 5, 3}, 3},  {{1, 2, 1, 1}, 1, 1e-4},
                     {{0, 2, 2, 4}, 2}, {{1, 7, 3, 48}, 8}, {{1, 3, 4, 9}, 3}};
  // In a group of two elements dx is the small rest of terms that cancel.
  for (const auto& [shape, groups, tolerance] : cases) {
    const Shape channels{shape[3]};
    check_op({.name = "group_norm " + shape.str(),
              .inputs = {random_normal(shape, 1), random_normal(channels, 2), random_normal(channels, 3)},
              .op = [groups = groups](auto& in, auto& into) { return group_norm(in[0], in[1], in[2], groups, 1e-3, into); },
              .float_tolerance = tolerance,
              .precise = {false, true, true}});
  }
  // Several chunks an image; one chunk is 32,768 elements.
  OpCase large{"group_norm, several chunks",
               {random_normal({2, 71, 83, 16}, 4), random_normal({16}, 5), random_normal({16}, 6)},
               [](auto& in, auto& into) { return group_norm(in[0], in[1], in[2], 4, 1e-5, into); }};
  large.gradients = false;
  large.precise = {false, true, true};
  check_op(large);
  large.name = "group_norm, many groups and images";
  large.inputs = {random_normal({5, 9, 13, 296}, 4), random_normal({296}, 5), random_normal({296}, 6)};
  for (Device device : cuda_devices())
    for (bool gradients : {false, true}) {
      large.gradients = gradients;
      std::vector<std::string> failures;
      cuda_failures(large, device, failures);
      for (const std::string& f : failures) FAIL_CHECK(large.name << ": " << f);
    }
}

TEST_CASE("group_norm of a single element is beta") {
  std::vector<Tensor> in{random_normal({1, 1, 1, 1}, 1), random_normal({1}, 2), random_normal({1}, 3)};
  for (Tensor& t : in) t.set_requires_grad();
  const Tensor y = group_norm(in[0], in[1], in[2], 1);
  CHECK(y.item() == in[2].item());
  y.backward();
  CHECK(std::abs(in[0].grad().item()) <= 1e-12);
  CHECK(in[1].grad().item() == 0);
  CHECK(in[2].grad().item() == 1);
}

TEST_CASE("group_norm of several chunks has mean 0 and variance 1, also far from 0") {
  // The mean is 10,000 times the deviation: summing squares in float would leave nothing of the variance.
  const std::int64_t pixels = 100 * 200;
  const Tensor x = scale(random_normal({1, 100, 200, 8}, 7), 0.01, 100).to(DType::f32);
  const auto normalise = [](const Tensor& t) {
    return group_norm(t, Tensor::full({8}, 1, like(t)), Tensor::zeros({8}, like(t)), 2, 1e-15);
  };
  const Tensor y = normalise(x.to(DType::f64));
  for (std::int64_t g : {0, 1}) {
    double sum = 0, squares = 0;
    for (double v : y.channels(4 * g, 4).to_vector<double>()) sum += v, squares += v * v;
    CHECK(std::abs(sum / static_cast<double>(4 * pixels)) <= 1e-8);
    CHECK(std::abs(squares / static_cast<double>(4 * pixels) - 1) <= 1e-8);
  }
  CHECK(relative_error(normalise(x), y) <= 1e-4);  // the mean in float is off by up to 4e-6, 4e-4 deviations; max|y| is about 4.5
}

TEST_CASE("group_norm rejects wrong shapes and attributes") {
  const Tensor x = Tensor::zeros({1, 2, 3, 6}), c = Tensor::zeros({6});
  check_throws<ShapeError>([&] { group_norm(c, c, c, 1); }, {"group_norm", "(6)", "(N, H, W, C)"});
  check_throws<ShapeError>([&] { group_norm(Tensor::zeros({1, 0, 3, 6}), c, c, 1); }, {"group_norm", "(1, 0, 3, 6)", "non-empty"});
  for (int groups : {0, -2, 4, 12})
    check_throws<ShapeError>([&] { group_norm(x, c, c, groups); }, {"group_norm", "divide", "(1, 2, 3, 6)"});
  check_throws<ShapeError>([&] { group_norm(x, Tensor::zeros({5}), c, 2); }, {"group_norm", "(6)", "(5)"});
  check_throws<ShapeError>([&] { group_norm(x, c, Tensor::zeros({1, 6}), 2); }, {"group_norm", "(6)", "(1, 6)"});
  check_throws<ShapeError>(
      [&] {
        group_norm(x, c, c, 2, 1e-5, Tensor::zeros({1, 2, 3, 5}));
      },
      {"group_norm", "(1, 2, 3, 5)", "(1, 2, 3, 6)"});
  for (double epsilon : {0.0, -1e-5, std::nan("")})
    check_throws<OptionError>([&] { group_norm(x, c, c, 2, epsilon); }, {"group_norm", "epsilon"});
  check_throws<DeviceError>([&] { group_norm(x, c.to(DType::f64), c, 2); }, {"group_norm", "f32", "f64"});
}
