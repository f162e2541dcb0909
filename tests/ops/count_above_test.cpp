#include "lamina/ops/count_above.hpp"

#include <cmath>

#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::test;

TEST_CASE("count_above and is_above on each device: by hand, equal values, NaN, slices") {
  const double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
  const Tensor x = Tensor::from({0.0, 0.0, 0.0,    //
                                 1.0, 0.75, -1.0,  //
                                 nan, inf, -inf,   //
                                 2.0, 2.0, 2.0},
                                {2, 2, 3});
  const Tensor value = Tensor::from({-0.5, 0.5, 0.75, 1.5, 3.0, nan}, {6, 1});
  const std::vector<float> limits{0, 0.5f, -2}, grades{0.5f, 1.5f, 2.5f};
  for_kinds([&](Device device, DType dtype) {
    CAPTURE(device.str());
    CAPTURE(name_of(dtype));
    const Tensor there = x.to(dtype).to(device);
    using Labels = std::vector<std::uint8_t>;
    for (const Tensor& t : {there, as_slice(there)}) {
      CHECK(count_above(t, limits).to(kCpu).to_vector<std::uint8_t>() == Labels{1, 3, 1, 3});
      CHECK(is_above(t, limits).to(kCpu).to_vector<std::uint8_t>() == Labels{0, 0, 1, 1, 1, 1, 0, 1, 0, 1, 1, 1});
    }
    CHECK(count_above(there, limits).shape() == Shape{2, 2});
    CHECK(is_above(there, limits).shape() == Shape{2, 2, 3});
    CHECK(count_above(there, limits).device() == device);
    CHECK(count_above(value.to(dtype).to(device), grades).to(kCpu).to_vector<std::uint8_t>() == Labels{0, 0, 1, 1, 3, 0});
    CHECK(count_above(Tensor::zeros({0, 4, 3}, {dtype, device}), limits).numel() == 0);
  });
}

TEST_CASE("count_above: many pixels, every instruction set, the same at any thread count") {
  const Tensor x = Tensor::uniform({3, 41, 67, 5}, {7, 1}, -1, 1, {DType::f64, kCpu});
  const std::vector<float> limits{-0.5f, -0.25f, 0, 0.25f, 0.5f};
  std::vector<std::uint8_t> counts, planes;
  const auto v = x.view2<const double>();
  for (std::int64_t r = 0; r < v.rows; ++r) {
    int n = 0;
    for (std::int64_t c = 0; c < v.cols; ++c) {
      planes.push_back(v.row(r)[c] > static_cast<double>(limits[static_cast<std::size_t>(c)]));
      n += planes.back();
    }
    counts.push_back(static_cast<std::uint8_t>(n));
  }
  for (int threads : {1, 3}) {
    ThreadPool pool(threads);
    for (Isa isa : instruction_sets()) {
      const ExecutorScope scope(pool, isa);
      CHECK(count_above(x, limits).to_vector<std::uint8_t>() == counts);
      CHECK(is_above(x, limits).to_vector<std::uint8_t>() == planes);
    }
  }
  for (Device device : cuda_devices()) CHECK(is_above(x.to(DType::f32).to(device), limits).to(kCpu).to_vector<std::uint8_t>() == planes);
}

TEST_CASE("count_above: thresholds that do not fit") {
  const std::vector<float> two{0, 1}, none;
  check_throws<ShapeError>([&] { count_above(Tensor::zeros({2, 3}), two); }, {"count_above", "2 thresholds", "(2, 3)"});
  check_throws<ShapeError>([&] { is_above(Tensor::zeros({2, 1}), two); }, {"is_above", "2 thresholds", "(2, 1)"});
  check_throws<ShapeError>([&] { count_above(Tensor::zeros({2, 1}), none); }, {"0 thresholds"});
  check_throws<ShapeError>([&] { count_above(Tensor::zeros({2, 1}), std::vector<float>(256)); }, {"256 thresholds"});
}
