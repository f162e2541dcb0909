#include "lamina/ops/argmax.hpp"

#include <algorithm>
#include <cmath>

#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::test;

TEST_CASE("argmax: by hand, ties, slices, instruction sets, errors") {
  const Tensor x = Tensor::from({0.0, 3.0, 3.0, -1.0, -2.0, -0.5, 7.0, 1.0, 2.0}, {1, 1, 3, 3});
  ThreadPool pool(2);
  for (Isa isa : instruction_sets())
    for (DType dtype : {DType::f32, DType::f64}) {
      const ExecutorScope scope(pool, isa);
      CHECK(argmax(x.to(dtype)).to_vector<std::uint8_t>() == std::vector<std::uint8_t>{1, 2, 0});
      CHECK(argmax(as_slice(x.to(dtype))).to_vector<std::uint8_t>() == std::vector<std::uint8_t>{1, 2, 0});
      CHECK(argmax(x.to(dtype)).shape() == Shape{1, 1, 3});
    }
  CHECK(argmax(Tensor::zeros({0, 4, 4, 3})).numel() == 0);
  check_throws<ShapeError>([] { argmax(Tensor::zeros({1, 1, 1, 257})); }, {"argmax", "(1, 1, 1, 257)"});
}

TEST_CASE("argmax on each device: NaN and infinities in any place") {
  const double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
  const Tensor x = Tensor::from({1.0,  3.0,  3.0,  -1.0,  // the first of equal ones
                                 -4.0, -3.0, -2.0, -1.0,  //
                                 0.0,  -0.0, 0.0,  0.0,   //
                                 inf,  1.0,  inf,  2.0,   //
                                 1.0,  2.0,  3.0,  inf,   //
                                 -inf, -inf, -inf, -inf,  //
                                 -inf, -2.0, -inf, -1.0,  //
                                 1.0,  nan,  2.0,  0.0,   // NaN is greater than nothing,
                                 3.0,  2.0,  1.0,  nan,   //
                                 nan,  1.0,  2.0,  3.0,   // and nothing is greater than NaN
                                 nan,  nan,  nan,  nan,   //
                                 nan,  inf,  -inf, nan},
                                {12, 4});
  const std::vector<std::uint8_t> want{1, 3, 0, 0, 3, 0, 3, 2, 0, 0, 0, 0};
  for_kinds([&](Device device, DType dtype) {
    CAPTURE(device.str());
    CAPTURE(name_of(dtype));
    const Tensor there = x.to(dtype).to(device);
    CHECK(argmax(there).to(kCpu).to_vector<std::uint8_t>() == want);
    CHECK(argmax(as_slice(there)).to(kCpu).to_vector<std::uint8_t>() == want);
    CHECK(argmax(there).device() == device);
  });
}

TEST_CASE("argmax on each device: many ties, channel slices, sizes that are no multiple of a block") {
  for (const Shape& s : {Shape{1, 3}, Shape{255, 2}, Shape{257, 1}, Shape{2, 19, 27, 21}, Shape{3, 100, 256}}) {
    Tensor x = Tensor::uniform(s, {7, 1}, -3, 3, {DType::f64, kCpu});
    const auto v = x.view2<double>();
    std::vector<std::uint8_t> want;
    for (std::int64_t r = 0; r < v.rows; ++r) {
      for (std::int64_t c = 0; c < v.cols; ++c) v.row(r)[c] = std::round(v.row(r)[c]);  // seven values
      want.push_back(static_cast<std::uint8_t>(std::max_element(v.row(r), v.row(r) + v.cols) - v.row(r)));
    }
    for_kinds([&](Device device, DType dtype) {
      CAPTURE(s.str());
      CAPTURE(device.str());
      CAPTURE(name_of(dtype));
      const Tensor there = x.to(dtype).to(device);
      CHECK(argmax(there).to(kCpu).to_vector<std::uint8_t>() == want);
      CHECK(argmax(as_slice(there)).to(kCpu).to_vector<std::uint8_t>() == want);
    });
  }
  for (std::int64_t classes : {7, 8, 9, 16, 17, 31, 32, 33, 63, 64, 65, 72, 73, 128, 255, 256}) {  // the greatest in each place
    Tensor x = Tensor::zeros({classes, classes}, {DType::f64, kCpu});
    std::vector<std::uint8_t> want;
    for (std::int64_t c = 0; c < classes; ++c) {
      x.data<double>()[c * classes + c] = 1;
      want.push_back(static_cast<std::uint8_t>(c));
    }
    for_kinds([&](Device device, DType dtype) {
      CAPTURE(classes);
      CHECK(argmax(x.to(dtype).to(device)).to(kCpu).to_vector<std::uint8_t>() == want);
    });
  }
  for (Device device : cuda_devices()) CHECK(argmax(Tensor::zeros({0, 4, 4, 3}, {DType::f32, device})).numel() == 0);
}
