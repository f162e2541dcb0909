#include "lamina/ops/arithmetic.hpp"

#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::test;

namespace {
const Shape kShapes[] = {{2, 3, 5, 3}, {1, 1, 1, 1}, {0, 2, 2, 4}, {1, 7, 3, 48}, {4, 9}, {3}, {}};
}

TEST_CASE("add, sub, mul and scale: values, gradients, slices, instruction sets, threads") {
  for (const Shape& s : kShapes) {
    const std::vector<Tensor> ab{random_normal(s, 1), random_normal(s, 2)};
    check_op({"add " + s.str(), ab, [](auto& in, auto& into) { return add(in[0], in[1], into); }});
    check_op({"sub " + s.str(), ab, [](auto& in, auto& into) { return sub(in[0], in[1], into); }});
    check_op({"mul " + s.str(), ab, [](auto& in, auto& into) { return mul(in[0], in[1], into); }});
    check_op({"scale " + s.str(), {ab[0]}, [](auto& in, auto& into) { return scale(in[0], -1.5, 0.25, into); }});
  }
  // One task is about 32,768 elements: this case has several.
  const std::vector<Tensor> big{random_normal({2, 100, 101, 4}, 3), random_normal({2, 100, 101, 4}, 4)};
  OpCase c{"add large", big, [](auto& in, auto& into) { return add(in[0], in[1], into); }};
  const auto reference = big[0].to_vector<double>();
  const auto sum = add(big[0], big[1]).to_vector<double>();
  const auto other = big[1].to_vector<double>();
  for (std::size_t i = 0; i < sum.size(); ++i) REQUIRE(sum[i] == reference[i] + other[i]);
}

TEST_CASE("arithmetic by hand") {
  const Tensor a = Tensor::from({1.0, -2.0, 0.5}, {3}), b = Tensor::from({4.0, 3.0, -1.0}, {3});
  CHECK(add(a, b).to_vector<double>() == std::vector<double>{5, 1, -0.5});
  CHECK(sub(a, b).to_vector<double>() == std::vector<double>{-3, -5, 1.5});
  CHECK(mul(a, b).to_vector<double>() == std::vector<double>{4, -6, -0.5});
  CHECK(scale(a, 2, 1).to_vector<double>() == std::vector<double>{3, -3, 2});
}

TEST_CASE("add(x, x) and a tensor with three consumers accumulate their gradients") {
  Tensor x = random_normal({2, 3}, 1);
  x.set_requires_grad();
  add(x, x).backward(Tensor::full({2, 3}, 1, like(x)));
  CHECK(x.grad().to_vector<double>() == std::vector<double>(6, 2.0));
  x.zero_grad();
  const Tensor h = scale(x, 3);
  add(add(h, h), h).backward(Tensor::full({2, 3}, 1, like(x)));
  CHECK(x.grad().to_vector<double>() == std::vector<double>(6, 9.0));
}

TEST_CASE("arithmetic rejects shapes and devices that differ") {
  const Tensor a = Tensor::zeros({2, 3}), b = Tensor::zeros({3, 2});
  check_throws<ShapeError>([&] { add(a, b); }, {"add", "(2, 3)", "(3, 2)"});
  check_throws<ShapeError>([&] { sub(a, b); }, {"sub", "(2, 3)", "(3, 2)"});
  check_throws<ShapeError>([&] { mul(a, b); }, {"mul", "(2, 3)", "(3, 2)"});
  check_throws<DeviceError>([&] { add(a, a.to(DType::f64)); }, {"add", "f32", "f64"});
  check_throws<DeviceError>([&] { scale(a.to(DType::i32), 2); }, {"i32", "cpu"});
}
