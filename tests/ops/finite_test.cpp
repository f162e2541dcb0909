// The kernel that the anomaly mode looks for NaN and infinities with.
#include "lamina/kernels/finite.hpp"

#include "lamina/core/dispatch.hpp"
#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::test;

namespace {
bool all_finite(const Tensor& t) {
  bool ok = false;
  dispatch(t, [&]<class T>(auto& device) { kernels::all_finite<T>(device, t.view2<const T>(), &ok); });
  return ok;
}

constexpr double kNan = std::numeric_limits<double>::quiet_NaN(), kInfinity = std::numeric_limits<double>::infinity();
}  // namespace

TEST_CASE("all_finite sees NaN and infinities in any place, and nothing beside a channel slice") {
  for (const Shape& s : {Shape{1}, Shape{37, 7}, Shape{1, 256}, Shape{257, 1}, Shape{3, 5, 35, 2}}) {
    const Tensor x = random_normal(s, 5, DType::f32);
    const std::int64_t n = x.numel();
    for_kinds([&](Device device, DType dtype) {
      CAPTURE(s.str());
      CAPTURE(device.str());
      CAPTURE(name_of(dtype));
      const Tensor there = x.to(dtype).to(device);
      CHECK(all_finite(there));
      CHECK(all_finite(as_slice(there)));  // beside it all is NaN
      for (std::int64_t i : {std::int64_t{0}, n / 3, n / 2, std::int64_t{255}, n - 1})
        for (double bad : {kNan, kInfinity, -kInfinity}) {
          if (i >= n) continue;
          CAPTURE(i);
          CAPTURE(bad);
          const Tensor spoiled = x.clone();
          spoiled.data<float>()[i] = static_cast<float>(bad);
          const Tensor spoiled_there = spoiled.to(dtype).to(device);
          CHECK(!all_finite(spoiled_there));
          CHECK(!all_finite(as_slice(spoiled_there)));
        }
    });
  }
}

TEST_CASE("all_finite: extreme values are finite, nothing is finite, and more elements than threads are all seen") {
  for_kinds([&](Device device, DType dtype) {
    CAPTURE(device.str());
    CAPTURE(name_of(dtype));
    const double largest = 3.3895313892515355e38, smallest = 1e-45;  // bf16's largest; float's smallest
    CHECK(all_finite(Tensor::from({largest, -largest, smallest, 0.0, -0.0}, {5}).to(dtype).to(device)));
    CHECK(all_finite(Tensor::zeros({0, 3}, {dtype, device})));
  });
  for (Device device : cuda_devices()) {
    Tensor x = Tensor::zeros({(std::int64_t{1} << 20) + 3});
    CHECK(all_finite(x.to(device)));
    x.data<float>()[x.numel() - 1] = static_cast<float>(kNan);
    CHECK(!all_finite(x.to(device)));
  }
}
