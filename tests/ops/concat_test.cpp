#include "lamina/ops/concat.hpp"

#include <cmath>

#include "lamina/ops/arithmetic.hpp"
#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::test;

TEST_CASE("concat: values, gradients, slices, instruction sets, threads") {
  for (const Shape& s : {Shape{2, 3, 4, 3}, Shape{1, 1, 1, 1}, Shape{0, 2, 2, 4}, Shape{5, 9}, Shape{3}})
    check_op({"concat " + s.str(), {random_normal(s, 1), random_normal(s.with(-1, 2), 2), random_normal(s, 3)}, [](auto& in, auto& into) {
                return concat(in, into);
              }});
  const Tensor a = Tensor::from({1.0, 2.0, 3.0, 4.0}, {2, 2}), b = Tensor::from({9.0, 8.0}, {2, 1});
  CHECK(concat({a, b}).to_vector<double>() == std::vector<double>{1, 2, 9, 3, 4, 8});
}

TEST_CASE("concat of neighbouring slices copies nothing, and its backward hands out slices of dy") {
  const std::int64_t channels[] = {2, 3};
  const auto slices = Tensor::empty_slices({1, 2, 2}, channels, {DType::f64, kCpu});
  Tensor a = random_normal({1, 2, 2, 2}, 1), b = random_normal({1, 2, 2, 3}, 2);
  a.set_requires_grad();
  b.set_requires_grad();
  const Tensor left = scale(a, 2, 0, slices[0]), right = scale(b, 3, 0, slices[1]);
  const Tensor y = concat({left, right});
  CHECK(y.storage().same_as(left.storage()));
  CHECK(y.shape() == Shape{1, 2, 2, 5});
  CHECK(same_bytes(y, concat({left.clone(), right.clone()})));
  const Tensor dy = random_normal(y.shape(), 3);
  y.backward(dy);
  CHECK(same_bytes(a.grad(), scale(dy.channels(0, 2), 2)));
  CHECK(same_bytes(b.grad(), scale(dy.channels(2, 3), 3)));
  // In the other order they are not neighbours.
  CHECK(!concat({right, left}).storage().same_as(left.storage()));
}

TEST_CASE("a skip with three consumers, whose slice outlives the buffer's other users, gets all its gradients") {
  Tensor x = random_normal({1, 2, 2, 2}, 1);
  x.set_requires_grad();
  Tensor kept;
  {
    const std::int64_t channels[] = {2, 2};
    const auto slices = Tensor::empty_slices({1, 2, 2}, channels, {DType::f64, kCpu});
    kept = scale(x, 2, 0, slices[0]);
    const Tensor up = scale(kept, -1, 0, slices[1]);
    kept = add(add(kept, concat({kept, up}).channels(0, 2).detach()), kept);
    concat({kept, up}).backward(Tensor::full({1, 2, 2, 4}, 1, {DType::f64, kCpu}));
  }
  // kept = 2x + (2x, constant) + 2x: 4; up = -2x: -2.
  CHECK(x.grad().to_vector<double>() == std::vector<double>(8, 2.0));
  for (double v : kept.to_vector<double>()) CHECK(std::isfinite(v));
}

TEST_CASE("a slice is written once, and errors name the shapes") {
  const std::int64_t channels[] = {2, 2};
  const auto slices = Tensor::empty_slices({1, 2, 2}, channels);
  const Tensor x = Tensor::zeros({1, 2, 2, 2});
  scale(x, 1, 0, slices[0]);
  check_throws<ShapeError>([&] { scale(x, 1, 0, slices[0]); }, {"scale", "written before"});
  check_throws<ShapeError>([&] { scale(Tensor::zeros({1, 2, 2, 3}), 1, 0, slices[1]); }, {"(1, 2, 2, 2)", "(1, 2, 2, 3)"});
  check_throws<ShapeError>([&] { concat({x, Tensor::zeros({1, 2, 3, 2})}); }, {"concat", "(1, 2, 2, 2)", "(1, 2, 3, 2)"});
  check_throws<ShapeError>([&] { concat(std::span<const Tensor>{}); }, {"concat", "at least one"});
  check_throws<DeviceError>([&] { concat({x, x.to(DType::f64)}); }, {"f32", "f64"});
}
