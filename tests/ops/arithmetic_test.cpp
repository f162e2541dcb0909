#include "lamina/ops/arithmetic.hpp"

#include "support/golden.hpp"
#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::test;

namespace {
const Shape kShapes[] = {{2, 3, 5, 3}, {1, 1, 1, 1}, {0, 2, 2, 4}, {1, 7, 3, 48}, {4, 9}, {3}, {}};

struct Binary {
  const char* name;
  Tensor (*f)(const Tensor& a, const Tensor& b, const Tensor& into);
};
const Binary kBinary[] = {{"add", add}, {"sub", sub}, {"mul", mul}, {"div", div}, {"maximum", maximum}, {"minimum", minimum}};
}  // namespace

TEST_CASE("arithmetic, max and min agree with PyTorch, also of shapes that are broadcast and of equal elements") {
  const auto file = golden_archive("elementwise");
  for (const Binary& op : kBinary)
    for (const char* shapes : {"same", "channels", "images", "scalar", "outer", "middle"})
      check_golden(file, op.name + std::string(".") + shapes, {"a", "b"}, [&](const auto& in) { return op.f(in[0], in[1], {}); });
}

TEST_CASE("arithmetic of shapes that are broadcast: gradients, slices, instruction sets, threads, devices") {
  const std::pair<Shape, Shape> shapes[] = {
      {{2, 3, 2, 5}, {5}}, {{2, 1, 1, 5}, {2, 3, 2, 1}}, {{2, 3}, {}}, {{0, 3}, {1, 3}}, {{1}, {2, 2, 1, 2, 3}}};
  for (const auto& [a, b] : shapes)
    for (const Binary& op : kBinary)  // a destination may lie over an input that is repeated: `into` is looked at below
      check_op({.name = op.name + (" " + a.str()) + b.str(),
                .inputs = {random_normal(a, 1), away_from_zero(random_normal(b, 2), 0.3)},
                .op = [&](auto& in, auto&) { return op.f(in[0], in[1], {}); },
                .bf16_tolerance = kReadsRounded,
                .takes_into = false});
  const Tensor wide = Tensor::full({3, 4}, -1, {DType::f64, kCpu});
  add(Tensor::from({1.0, 2.0}, {2}), Tensor::from({10.0, 20.0, 30.0}, {3, 1}), wide.channels(1, 2));
  CHECK(wide.to_vector<double>() == std::vector<double>{-1, 11, 12, -1, -1, 21, 22, -1, -1, 31, 32, -1});
}

TEST_CASE("max and min of NaN are NaN, and greater says where") {
  for_kinds([&](Device device, DType dtype) {
    const double nan = std::nan("");
    const Tensor a = Tensor::from({1.0, nan, 3.0, 2.0}, {4}).to(dtype).to(device),
                 b = Tensor::from({nan, 1.0, 2.0, 2.0}, {4}).to(dtype).to(device);
    for (const auto& [y, last] : {std::pair(maximum(a, b), 3.0), std::pair(minimum(a, b), 2.0)}) {
      const auto v = y.to_vector<double>();
      CHECK(std::isnan(v[0]));
      CHECK(std::isnan(v[1]));
      CHECK(v[2] == last);
    }
    CHECK(greater(a, b).to_vector<double>() == std::vector<double>{0, 0, 1, 0});
  });
  Tensor x = random_normal({2, 3}, 1);
  x.set_requires_grad();
  CHECK(!greater(x, Tensor::zeros({3}, like(x))).requires_grad());
}

TEST_CASE("add, sub, mul and scale: values, gradients, slices, instruction sets, threads") {
  for (const Shape& s : kShapes) {
    const std::vector<Tensor> ab{random_normal(s, 1), random_normal(s, 2)};
    const std::vector<Tensor> apart{ab[0], away_from_zero(random_normal(s, 2), 0.3)};  // a quotient's f32 error grows with 1 / b
    for (const Binary& op : kBinary)
      check_op({op.name + (" " + s.str()), apart, [&](auto& in, auto& into) { return op.f(in[0], in[1], into); }, 1e-5, kReadsRounded});
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
