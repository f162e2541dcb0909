#include "lamina/ops/matmul.hpp"

#include "support/golden.hpp"
#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::test;

TEST_CASE("linear and matmul agree with PyTorch") {
  const auto file = golden_archive("elementwise");
  check_golden(file, "linear", {"x", "w", "b"}, [](const auto& in) { return linear(in[0], in[1], in[2]); });
  check_golden(file, "matmul", {"a", "b"}, [](const auto& in) { return matmul(in[0], in[1]); });
  check_golden(file, "matmul.batched", {"a", "b"}, [](const auto& in) { return matmul(in[0], in[1]); });
}

TEST_CASE("linear and matmul: gradients, slices, instruction sets, threads, devices") {
  const auto check = [](const std::string& name, std::vector<Tensor> in, const OpFunction& f, std::vector<bool> precise = {}) {
    check_op({.name = name,
              .inputs = std::move(in),
              .op = f,
              .bf16_tolerance = kReadsRounded,
              .takes_into = false,
              .precise = std::move(precise)});
  };
  const OpFunction product = [](auto& in, auto&) { return matmul(in[0], in[1]); };
  check("linear", {random_normal({2, 3, 4}, 1), random_normal({5, 4}, 2), random_normal({5}, 3)},
        [](auto& in, auto&) { return linear(in[0], in[1], in[2]); }, {false, false, true});
  check("linear without b", {random_normal({7}, 1), random_normal({3, 7}, 2)}, [](auto& in, auto&) { return linear(in[0], in[1]); });
  check("matmul", {random_normal({9, 17}, 1), random_normal({17, 5}, 2)}, product);
  check("matmul of no rows", {random_normal({0, 3}, 1), random_normal({3, 2}, 2)}, product);
  check("matmul of batches", {random_normal({3, 4, 6}, 1), random_normal({3, 6, 2}, 2)}, product);
}

TEST_CASE("matmul by hand, and what it rejects") {
  const Tensor a = Tensor::from({1.0, 2.0, 3.0, 4.0}, {2, 2}), b = Tensor::from({5.0, 6.0, 7.0, 8.0}, {2, 2});
  CHECK(matmul(a, b).to_vector<double>() == std::vector<double>{19, 22, 43, 50});
  CHECK(linear(a, b).to_vector<double>() == std::vector<double>{17, 23, 39, 53});
  const Tensor wide = Tensor::zeros({2, 3}, like(a));
  check_throws<ShapeError>([&] { matmul(wide, a); }, {"matmul", "(2, 3)", "(2, 2)"});
  check_throws<ShapeError>(
      [&] {
        matmul(Tensor::zeros({2, 2, 3}, like(a)), Tensor::zeros({3, 3, 2}, like(a)));
      },
      {"matmul", "(2, 2, 3)", "(3, 3, 2)"});
  check_throws<ShapeError>([&] { linear(wide, a); }, {"linear", "(2, 3)", "(2, 2)"});
  check_throws<DeviceError>([&] { matmul(a, b.to(DType::f32)); }, {"f32", "f64"});
}
