#include "lamina/ops/pool2d.hpp"

#include "support/golden.hpp"
#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::test;

TEST_CASE("max_pool2d: values, gradients, slices, instruction sets, threads") {
  struct Case {
    Shape shape;
    Pool2dParams params;
  };
  const Case cases[] = {{{2, 4, 6, 3}, {}},
                        {{1, 5, 7, 9}, {}},
                        {{2, 7, 5, 1}, {.kernel = 3, .stride = 2, .padding = Padding::symmetric(1)}},
                        {{1, 6, 6, 48}, {.kernel = 3, .stride = 1, .padding = Padding::symmetric(1)}},
                        {{1, 9, 4, 2}, {.kernel = 2, .stride = 3, .padding = {.top = 1, .bottom = 0, .left = 0, .right = 1}}},
                        {{1, 1, 1, 1}, {.kernel = 1, .stride = 1}},
                        {{0, 4, 4, 3}, {}}};
  std::uint64_t seed = 1;
  for (const Case& c : cases)
    check_op({"max_pool2d " + c.shape.str(), {random_normal(c.shape, seed++)}, [p = c.params](auto& in, auto& into) {
                return max_pool2d(in[0], p, into);
              }});
}

TEST_CASE("max_pool2d agrees with PyTorch") {
  const auto file = golden_archive("max_pool2d");
  const auto check = [&](const char* name, const Pool2dParams& p) {
    check_golden(file, name, {"x"}, [&](auto& in) { return max_pool2d(in[0], p); });
  };
  check("two", {});
  check("odd", {});
  check("resnet", {.kernel = 3, .stride = 2, .padding = Padding::symmetric(1)});
  check("overlap", {.kernel = 3, .stride = 1, .padding = Padding::symmetric(1)});
  check("gaps", {.kernel = 2, .stride = 3, .padding = Padding::symmetric(1)});
}

TEST_CASE("max_pool2d by hand: ties go to the first pixel, padding is never taken") {
  Tensor x = Tensor::from({1.0, 5.0, 5.0, 2.0, -3.0, -1.0, -1.0, -2.0}, {1, 2, 4, 1});
  x.set_requires_grad();
  const Tensor y = max_pool2d(x);
  CHECK(y.to_vector<double>() == std::vector<double>{5, 5});
  y.backward(Tensor::from({10.0, 20.0}, y.shape()));
  CHECK(x.grad().to_vector<double>() == std::vector<double>{0, 10, 20, 0, 0, 0, 0, 0});
  const Tensor negative = Tensor::full({1, 2, 2, 1}, -7, {DType::f64, kCpu});
  CHECK(max_pool2d(negative, {.kernel = 3, .stride = 2, .padding = Padding::symmetric(1)}).item() == -7);
}

TEST_CASE("max_pool2d: the first maximum and the first NaN win") {
  const double nan = std::numeric_limits<double>::quiet_NaN(), values[] = {0, 1, nan};
  constexpr std::size_t kWindows = 81;  // one a channel
  std::vector<double> x(4 * kWindows), expected(kWindows), gradient(4 * kWindows);
  for (std::size_t c = 0; c < kWindows; ++c) {
    std::size_t best = 0, digits = c;
    for (std::size_t i = 0; i < 4; ++i, digits /= 3) {
      const double v = x[i * kWindows + c] = values[digits % 3], champion = x[best * kWindows + c];
      if (v > champion || (std::isnan(v) && !std::isnan(champion))) best = i;
    }
    expected[c] = x[best * kWindows + c];
    gradient[best * kWindows + c] = 1;
  }
  const auto check = [&](Device device, DType dtype, int stride) {
    CAPTURE(device.str());
    CAPTURE(name_of(dtype));
    CAPTURE(stride);
    Tensor in = Tensor::from(std::span<const double>(x), {1, 2, 2, kWindows}).to(dtype).to(device);
    in.set_requires_grad();
    const Tensor y = max_pool2d(in, {.stride = stride});
    const auto got = y.to(kCpu).to(DType::f64).to_vector<double>();
    for (std::size_t c = 0; c < kWindows; ++c) CHECK((got[c] == expected[c] || (std::isnan(got[c]) && std::isnan(expected[c]))));
    y.backward(Tensor::full(y.shape(), 1, {dtype, device}));
    CHECK(in.grad().to(kCpu).to(DType::f64).to_vector<double>() == gradient);
  };
  for (int stride : {2, 1}) {  // 1: as for windows that overlap
    ThreadPool pool(1);
    for (Isa isa : instruction_sets()) {
      const ExecutorScope scope(pool, isa);
      for (DType dtype : {DType::f32, DType::f64}) check(kCpu, dtype, stride);
    }
    for (Device device : cuda_devices())
      for (DType dtype : {DType::f32, DType::bf16}) check(device, dtype, stride);
  }
}

TEST_CASE("max_pool2d rejects windows that make no sense") {
  const Tensor x = Tensor::zeros({1, 4, 4, 2});
  check_throws<ShapeError>([&] { max_pool2d(Tensor::zeros({4, 4})); }, {"max_pool2d", "(4, 4)"});
  check_throws<ShapeError>([&] { max_pool2d(x, {.kernel = 0}); }, {"kernel 0"});
  check_throws<ShapeError>([&] { max_pool2d(x, {.kernel = 16}); }, {"kernel 16", "[1, 15]"});
  check_throws<ShapeError>([&] { max_pool2d(x, {.stride = -1}); }, {"stride -1"});
  check_throws<ShapeError>([&] { max_pool2d(x, {.kernel = 5}); }, {"window of 5", "(1, 4, 4, 2)"});
  check_throws<ShapeError>([&] { max_pool2d(x, {.kernel = 2, .padding = Padding::symmetric(2)}); }, {"padding 2"});
}

TEST_CASE("avg_pool2d agrees with PyTorch") {
  const auto file = golden_archive("pool2d");
  struct {
    const char* name;
    Pool2dParams params;
  } const cases[] = {{"plain", {}},
                     {"with_padding", {.kernel = 3, .stride = 2, .padding = Padding::symmetric(1)}},
                     {"without_padding", {.kernel = 3, .stride = 2, .padding = Padding::symmetric(1), .count_include_pad = false}},
                     {"overlap", {.kernel = 4, .stride = 1, .padding = Padding::symmetric(2, 1), .count_include_pad = false}}};
  for (const auto& [name, params] : cases) {
    CAPTURE(name);
    Tensor x = file.at("x").clone();
    x.set_requires_grad();
    const Tensor y = avg_pool2d(x, params);
    CHECK(relative_error(y, file.at(name + std::string(".y"))) <= 1e-14);
    y.backward(file.at(name + std::string(".dy")));
    CHECK(relative_error(x.grad(), file.at(name + std::string(".dx"))) <= 1e-14);
  }
}

TEST_CASE("avg_pool2d: gradients, slices, instruction sets, threads") {
  struct {
    Shape shape;
    Pool2dParams params;
  } const cases[] = {
      {{2, 4, 6, 3}, {}},
      {{1, 5, 7, 9}, {}},
      {{2, 7, 5, 1}, {.kernel = 3, .stride = 2, .padding = Padding::symmetric(1), .count_include_pad = false}},
      {{1, 6, 6, 48}, {.kernel = 3, .stride = 1, .padding = Padding::symmetric(1)}},
      {{1, 9, 4, 2}, {.kernel = 2, .stride = 3, .padding = {.top = 1, .bottom = 0, .left = 0, .right = 1}, .count_include_pad = false}},
      {{1, 1, 1, 1}, {.kernel = 1, .stride = 1}},
      {{1, 17, 17, 2}, {.kernel = 17, .stride = 1}},
      {{0, 4, 4, 3}, {}}};
  std::uint64_t seed = 1;
  for (const auto& [shape, params] : cases)
    check_op({"avg_pool2d " + shape.str(), {random_normal(shape, seed++)}, [p = params](auto& in, auto& into) {
                return avg_pool2d(in[0], p, into);
              }});
}

TEST_CASE("avg_pool2d rejects windows that make no sense") {
  const Tensor x = Tensor::zeros({1, 4, 4, 2});
  check_throws<ShapeError>([&] { avg_pool2d(Tensor::zeros({4, 4})); }, {"avg_pool2d", "(4, 4)"});
  check_throws<ShapeError>([&] { avg_pool2d(x, {.kernel = 0}); }, {"avg_pool2d", "kernel 0"});
  check_throws<ShapeError>([&] { avg_pool2d(x, {.stride = 0}); }, {"avg_pool2d", "stride 0"});
  check_throws<ShapeError>([&] { avg_pool2d(x, {.kernel = 5}); }, {"avg_pool2d", "window of 5", "(1, 4, 4, 2)"});
  check_throws<ShapeError>([&] { avg_pool2d(x, {.kernel = 2, .padding = Padding::symmetric(2)}); }, {"avg_pool2d", "padding 2"});
  check_throws<ShapeError>([&] { avg_pool2d(x, {}, Tensor::zeros({1, 2, 3, 2})); }, {"avg_pool2d", "(1, 2, 3, 2)", "(1, 2, 2, 2)"});
  check_throws<DeviceError>([&] { avg_pool2d(x.to(DType::u8)); }, {"u8", "cpu"});
}
