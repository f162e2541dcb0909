#include "lamina/ops/stack.hpp"

#include "support/golden.hpp"
#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::test;

TEST_CASE("stack agrees with PyTorch") {
  for (const int axis : {0, 1, -1})
    check_golden(golden_archive("elementwise"), "stack" + std::to_string(axis), {"a", "b", "c"},
                 [&](const auto& in) { return stack(in, axis); });
}

TEST_CASE("stack: gradients, slices, instruction sets, threads, devices") {
  for (const Shape& s : {Shape{2, 3, 2, 5}, Shape{3}, Shape{}, Shape{0, 2}})
    for (const int axis : {0, -1})
      check_op({.name = "stack " + s.str(),
                .inputs = {random_normal(s, 1), random_normal(s, 2), random_normal(s, 3)},
                .op = [axis](auto& in, auto&) { return stack(in, axis); },
                .takes_into = false});
}

TEST_CASE("stack rejects other shapes and axes") {
  const Tensor a = Tensor::zeros({2, 3}), b = Tensor::zeros({3, 2});
  CHECK(stack({a, a, a, a}, 1).shape() == Shape{2, 4, 3});
  check_throws<ShapeError>([&] { stack({a, b}); }, {"stack", "(2, 3)", "(3, 2)"});
  check_throws<ShapeError>([&] { stack({a, a}, 3); }, {"stack", "axis 3", "(2, 3)"});
  check_throws<ShapeError>([&] { stack(std::span<const Tensor>{}); }, {"stack", "at least one"});
  check_throws<ShapeError>(
      [&] {
        const Tensor five = Tensor::zeros({1, 1, 1, 1, 1});
        stack({five, five});
      },
      {"at most 5 axes"});
}
