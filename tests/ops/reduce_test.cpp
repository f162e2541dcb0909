#include <cmath>

#include "lamina/ops/arithmetic.hpp"
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
  const auto file = golden_archive("reduce");
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

TEST_CASE("sums are as exact as f64 where large values cancel, on every device") {
  std::vector<Device> devices = cuda_devices();
  devices.push_back(kCpu);
  // Large values of either sign, the last of which leaves a sum near 1.
  const std::int64_t rows = 6000, cols = 12;
  const Tensor x = scale(random_normal({rows, cols}, 5), 1e5).to(DType::f32);
  std::vector<double> columns(cols);
  double all = 0;
  float* v = x.data<float>();
  for (std::int64_t c = 0; c < cols; ++c) {
    double sum = 0;
    for (std::int64_t r = 0; r < rows - 1; ++r) sum += static_cast<double>(v[r * cols + c]);
    float& last = v[(rows - 1) * cols + c];
    last = static_cast<float>(1 - sum);
    columns[static_cast<std::size_t>(c)] = sum + static_cast<double>(last);
    all += columns[static_cast<std::size_t>(c)];
  }
  for (Device device : devices) {
    CAPTURE(device.str());
    const Tensor there = x.to(device);
    const auto close = [](const Tensor& got, const std::vector<double>& expected, double factor = 1) {
      const auto g = got.to(kCpu).to_vector<float>();
      REQUIRE(g.size() == expected.size());
      for (std::size_t i = 0; i < g.size(); ++i)
        CHECK(std::abs(static_cast<double>(g[i]) - factor * expected[i]) < 1e-6 * factor * (std::abs(expected[i]) + 1));
    };
    close(sum(there, {.axes = {0}}), columns);
    close(mean(there, {.axes = {0}}), columns, 1.0 / rows);
    close(sum(there), {all});
    close(sum(there.view_as({2, rows / 2, cols}), {.axes = {0, 1}}), columns);
    const Tensor turned = Tensor::empty({cols, rows});  // long rows, and several of them together
    for (std::int64_t c = 0; c < cols; ++c)
      for (std::int64_t r = 0; r < rows; ++r) turned.data<float>()[c * rows + r] = v[r * cols + c];
    close(sum(turned.to(device), {.axes = {1}}), columns);
    close(sum(turned.to(device).view_as({cols, 60, rows / 60}), {.axes = {1, 2}}), columns);
    close(sum(as_slice(there), {.axes = {0}}), columns);
    close(sum(as_slice(there)), {all});
  }
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
