#include "lamina/ops/reshape.hpp"

#include "lamina/ops/arithmetic.hpp"
#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::test;

TEST_CASE("reshape: values, gradients, slices, instruction sets, threads") {
  struct {
    Shape from, to;
  } const cases[] = {{{2, 3, 5, 3}, {30, 3}},        {{2, 3, 5, 3}, {2, 45}}, {{1, 1, 1, 1}, {}},           {{}, {1, 1}},
                     {{0, 2, 2, 4}, {0, 7}},         {{6}, {2, 3}},           {{2, 2, 3, 48}, {12, 4, 12}}, {{4, 9}, {2, 2, 3, 3}},
                     {{2, 3, 5, 9}, {1, 2, 3, 5, 9}}};
  for (const auto& [from, to] : cases) {
    OpCase c{
        "reshape " + from.str() + " to " + to.str(), {random_normal(from, 1)}, [to = to](auto& in, auto&) { return reshape(in[0], to); }};
    c.takes_into = false;
    check_op(c);
    CHECK(reshape(c.inputs[0], to).to_vector<double>() == c.inputs[0].to_vector<double>());
    const Tensor slice = as_slice(c.inputs[0]);
    CHECK(reshape(slice, to).to_vector<double>() == c.inputs[0].to_vector<double>());
    CHECK(reshape(slice, to).shape() == to);
  }
}

TEST_CASE("reshape is a view unless the channels of a slice change") {
  const Tensor x = random_normal({2, 3, 4}, 1), slice = as_slice(x);
  CHECK(reshape(x, {8, 3}).data<double>() == x.data<double>());
  const Tensor pixels = reshape(slice, {6, 4});
  CHECK(pixels.data<double>() == slice.data<double>());
  CHECK(pixels.ld() == slice.ld());
  CHECK(reshape(slice, {24}).contiguous());
}

TEST_CASE("a reshaped tensor and its source both receive gradients") {
  Tensor x = random_normal({2, 3}, 1);
  x.set_requires_grad();
  const Tensor h = scale(x, 2), flat = reshape(h, {6});
  add(reshape(flat, {2, 3}), h).backward(Tensor::full({2, 3}, 1, like(x)));
  CHECK(x.grad().to_vector<double>() == std::vector<double>(6, 4.0));
}

TEST_CASE("reshape rejects another element count") {
  const Tensor x = Tensor::zeros({2, 3});
  check_throws<ShapeError>([&] { reshape(x, {7}); }, {"reshape", "(2, 3)", "(7)"});
  check_throws<ShapeError>([&] { reshape(x, {-2, -3}); }, {"negative"});
  check_throws<DeviceError>([&] { reshape(Tensor::zeros({2, 6}, {DType::i32}).channels(0, 3), {6}); }, {"i32", "cpu"});
}
