#include "lamina/ops/reduce.hpp"

#include "support/golden.hpp"
#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::test;

namespace {
/// Every set of axes of a rank, the empty one (all axes) among them.
std::vector<std::vector<int>> axis_sets(int rank) {
  std::vector<std::vector<int>> sets;
  for (int mask = 0; mask < 1 << rank; ++mask) {
    std::vector<int> axes;
    for (int i = 0; i < rank; ++i)
      if (mask >> i & 1) axes.push_back(i);
    sets.push_back(axes);
  }
  return sets;
}
std::string digits(const std::vector<int>& axes) {
  std::string s;
  for (int a : axes) s += std::to_string(a);
  return s;
}
}  // namespace

TEST_CASE("sum and mean agree with PyTorch over every set of axes") {
  const auto file = golden("reduce");
  const Tensor x = file.at("x");
  for (auto axes : axis_sets(4)) {
    const std::string name = axes.empty() ? "0123" : digits(axes);
    CAPTURE(name);
    CHECK(relative_error(sum(x, {.axes = axes}), file.at("sum." + name)) <= 1e-14);
    CHECK(relative_error(mean(x, {.axes = axes, .keepdim = true}), file.at("mean." + name)) <= 1e-14);
    for (int& a : axes) a -= 4;
    CHECK(relative_error(sum(x, {.axes = axes}), file.at("sum." + name)) <= 1e-14);
  }
}

TEST_CASE("sum and mean: gradients, slices, instruction sets, threads") {
  for (const Shape& s :
       {Shape{2, 3, 5, 3}, Shape{1, 1, 1, 1}, Shape{0, 2, 2, 4}, Shape{1, 3, 2, 48}, Shape{4, 9}, Shape{3}, Shape{}, Shape{2, 2, 3, 2, 2}})
    for (const auto& axes : axis_sets(s.rank())) {
      OpCase c{"sum of " + s.str() + " over " + digits(axes), {random_normal(s, 1)}, [axes](auto& in, auto&) {
                 return sum(in[0], {.axes = axes});
               }};
      c.takes_into = false;
      check_op(c);
      const bool nothing = s.numel() == 0 && (axes.empty() || axes[0] == 0);
      if (nothing) continue;
      c.name = "mean of " + s.str() + " over " + digits(axes);
      c.op = [axes](auto& in, auto&) { return mean(in[0], {.axes = axes, .keepdim = true}); };
      check_op(c);
    }
  // Several chunks and blocks.
  for (const auto& axes : axis_sets(4)) {
    OpCase c{"large sum over " + digits(axes), {random_normal({3, 90, 80, 5}, 2)}, [axes](auto& in, auto&) {
               return sum(in[0], {.axes = axes});
             }};
    c.takes_into = c.gradients = false;
    c.float_tolerance = 1e-6;
    check_op(c);
  }
}

TEST_CASE("reductions by hand") {
  Tensor x = Tensor::from({1.0, 2.0, 3.0, 4.0, 5.0, 6.0}, {2, 3});
  x.set_requires_grad();
  CHECK(sum(x).item() == 21);
  CHECK(mean(x).item() == 3.5);
  CHECK(sum(x, {.axes = {0}}).to_vector<double>() == std::vector<double>{5, 7, 9});
  CHECK(sum(x, {.axes = {-1}, .keepdim = true}).shape() == Shape{2, 1});
  mean(x, {.axes = {1}}).backward(Tensor::from({3.0, 6.0}, {2}));
  CHECK(x.grad().to_vector<double>() == std::vector<double>{1, 1, 1, 2, 2, 2});
  CHECK(sum(Tensor::zeros({0, 3}), {.axes = {0}}).to_vector<float>() == std::vector<float>{0, 0, 0});
  CHECK(sum(Tensor::zeros({2, 0}), {.axes = {1}}).to_vector<float>() == std::vector<float>{0, 0});
  // In float the sum would stop growing at 2^24.
  CHECK(sum(Tensor::full({1 << 25, 1}, 1)).item() == 1 << 25);
}

TEST_CASE("global_avg_pool") {
  const Tensor x = random_normal({2, 3, 5, 9}, 1), y = global_avg_pool(x);
  CHECK(y.shape() == Shape{2, 1, 1, 9});
  const Tensor shifted = global_avg_pool(Tensor::full({2, 3, 5, 9}, 2.5));
  CHECK(shifted.to_vector<float>() == std::vector<float>(18, 2.5f));
  CHECK(same_bytes(y, mean(x, {.axes = {1, 2}, .keepdim = true})));
  check_throws<ShapeError>([&] { global_avg_pool(Tensor::zeros({3, 4})); }, {"global_avg_pool", "(3, 4)", "(N, H, W, C)"});
}

TEST_CASE("sum and mean reject axes that do not exist, and the mean of nothing") {
  const Tensor x = Tensor::zeros({2, 3});
  for (int axis : {2, -3}) check_throws<ShapeError>([&] { sum(x, {.axes = {axis}}); }, {"sum", "axis", "(2, 3)"});
  check_throws<ShapeError>([&] { mean(x, {.axes = {1, -1}}); }, {"mean", "twice", "(2, 3)"});
  check_throws<ShapeError>([&] { mean(Tensor::zeros({0, 3}), {.axes = {0}}); }, {"mean", "(0, 3)", "no elements"});
  check_throws<DeviceError>([&] { sum(x.to(DType::u8)); }, {"u8", "cpu"});
}
