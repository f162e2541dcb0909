// Moments that a convolution takes of its result, and batch_norm2d that uses them.
#include "lamina/ops/batch_norm2d.hpp"
#include "lamina/ops/conv2d.hpp"
#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::test;

namespace {

/// Means and biased variances of the channels, from their definition in double, beside x.
Tensor moments_of(const Tensor& x) {
  const auto values = x.to_vector<double>();
  const auto cols = static_cast<std::size_t>(x.size(-1)), rows = values.size() / cols;
  std::vector<double> moments(2 * cols);
  for (std::size_t i = 0; i < values.size(); ++i) moments[i % cols] += values[i] / static_cast<double>(rows);
  for (std::size_t i = 0; i < values.size(); ++i)
    moments[cols + i % cols] += std::pow(values[i] - moments[i % cols], 2) / static_cast<double>(rows);
  return Tensor::from(std::span<const double>(moments), {2, x.size(-1)}, x.device());
}
Tensor row(const Tensor& moments, std::int64_t i) { return moments.rows(i, 1).to(kCpu); }

struct MomentCase {
  Shape x, w;
  Conv2dParams p = {};
  Conv2dPlan plan = {};
};

constexpr Conv2dPlan tiled(GemmTile tile) { return Conv2dPlan::all(Conv2dAlgorithm::automatic, tile); }

/// Every algorithm of CUDA; the CPU measures what is stored, by whatever algorithm.
const std::vector<MomentCase> kCases = {
    {{2, 13, 11, 8}, {132, 1, 1, 8}, {}, tiled(GemmTile::m128n128)},  // two tiles and a bit down, one and a bit across
    {{2, 13, 11, 16}, {70, 1, 1, 16}, {}, tiled(GemmTile::m128n64)},
    {{2, 13, 11, 5}, {70, 3, 3, 5}, {.padding = Padding::symmetric(1)}, tiled(GemmTile::m64n64)},
    {{2, 25, 23, 8}, {33, 2, 3, 8}, {.stride = 2, .padding = Padding::symmetric(1)}, tiled(GemmTile::m128n32)},
    {{2, 14, 13, 6}, {10, 3, 3, 3}, {.padding = Padding::symmetric(1), .groups = 2, .activation = Activation::relu()}},
    {{2, 9, 16, 6}, {140, 1, 1, 3}, {.groups = 2}, tiled(GemmTile::m64n64)},
    {{1, 1, 1, 8}, {9, 1, 1, 8}},                                                  // one pixel
    {{1, 16, 16, 8}, {32, 1, 1, 8}},                                               // full tiles
    {{1, 37, 29, 3}, {16, 3, 3, 3}, {.padding = Padding::symmetric(1)}},           // direct, three tiles
    {{1, 14, 17, 4}, {5, 3, 3, 4}, {.activation = Activation::leaky_relu(0.2f)}},  // direct: threads without pixels
    {{1, 31, 27, 2}, {11, 3, 3, 2}, {.padding = Padding::symmetric(1)}},           // direct: a thread beyond the last line
    {{1, 20, 21, 1}, {70, 3, 3, 1}},                                               // direct: two blocks of channels
    {{1, 12, 19, 48}, {48, 3, 3, 1}, {.groups = 48}},                              // depthwise
    {{1, 9, 7, 3}, {5, 3, 3, 3}, {.stride = 2}, Conv2dPlan::all(Conv2dAlgorithm::naive)},
};

}  // namespace

TEST_CASE("conv2d_measured: moments of its result by every algorithm; the result of conv2d") {
  for (const MomentCase& c : kCases)
    for (bool sliced : {false, true}) {
      const Conv2dPlanScope scope(c.plan);
      const std::vector<Tensor> in{random_normal(c.x, 1), random_normal(c.w, 2), random_normal({c.w[0]}, 3)};
      const auto measured = [p = c.p, sliced](const std::vector<Tensor>& t) {
        const Tensor into = as_slice(Tensor::zeros(conv2d_shape(t[0].shape(), t[1].shape(), p), like(t[0])));
        return conv2d_measured(t[0], t[1], t[2], p, sliced ? into : Tensor{});
      };
      // Sums of up to 72 products, then variances of some hundred: a few eps * sqrt.
      check_op({.name = message("moments of conv2d x ", c.x, " w ", c.w, sliced ? " sliced" : ""),
                .inputs = in,
                .op = [&](auto& t, auto&) { return measured(t).moments; },
                .float_tolerance = 4e-6,
                .bf16_tolerance = kReadsRounded,
                .gradients = false,
                .takes_into = false,
                .precise = {false, false, true}});
      for (Device device : cuda_devices())
        for (DType dtype : {DType::f32, DType::bf16}) {
          CAPTURE(c.w.str());
          const std::vector<Tensor> there{in[0].to(dtype).to(device), in[1].to(dtype).to(device), in[2].to(DType::f32).to(device)};
          const Measured y = measured(there);
          CHECK(same_bytes(y.x.to(kCpu), conv2d(there[0], there[1], there[2], c.p).to(kCpu)));
          // Of what is stored, rounding included.
          CHECK(relative_error(row(y.moments, 0), row(moments_of(y.x), 0)) < 5e-7);
          CHECK(relative_error(row(y.moments, 1), row(moments_of(y.x), 1)) < 5e-7);
        }
    }
  const Measured none = conv2d_measured(Tensor::zeros({0, 4, 4, 2}), Tensor::zeros({3, 3, 3, 2}));
  CHECK(none.x.shape() == Shape{0, 2, 2, 3});
  CHECK(none.moments.to_vector<double>() == std::vector<double>(6));
  for (Device device : cuda_devices()) {
    const TensorOptions options{DType::bf16, device};
    CHECK(conv2d_measured(Tensor::zeros({0, 4, 4, 8}, options), Tensor::zeros({3, 1, 1, 8}, options)).moments.to_vector<double>() ==
          std::vector<double>(6));
  }
}

TEST_CASE("conv2d_measured: a mean of 1000 beside a deviation of 1 costs no digits; nor does an outlier") {
  std::vector<Device> devices = cuda_devices();
  devices.push_back(kCpu);
  for (Device device : devices)
    for (DType dtype : {DType::f32, DType::bf16})
      for (const MomentCase& c : {MomentCase{{1, 40, 33, 8}, {40, 1, 1, 8}}, MomentCase{{1, 40, 33, 3}, {20, 1, 1, 3}}})
        for (double outlier : {0.0, 3000.0}) {
          if (device.is_cpu() && dtype == DType::bf16) continue;
          CAPTURE(c.w.str());
          CAPTURE(outlier);
          Tensor x = random_normal(c.x, 1), w = random_normal(c.w, 2);
          for (std::int64_t i = 0; i < c.x[3]; ++i) x.data<double>()[i] += outlier;  // the first pixel
          for (std::int64_t i = 0; i < w.numel(); ++i) w.data<double>()[i] /= std::sqrt(static_cast<double>(c.x[3]));
          const Tensor bias = Tensor::full({c.w[0]}, 1000);
          const Measured y = conv2d_measured(x.to(dtype).to(device), w.to(dtype).to(device), bias.to(device), c.p);
          const Tensor exact = moments_of(y.x);
          CHECK(relative_error(row(y.moments, 0), row(exact, 0)) < 2.5e-7);
          CHECK(relative_error(row(y.moments, 1), row(exact, 1)) <
                2e-5);  // differences from a mean rounded by 1000 * 2^-24, in sums of 128
        }
}

TEST_CASE("batch_norm2d with given moments: values, gradients, slices, threads") {
  for (const Shape& s : {Shape{2, 3, 5, 3}, Shape{1, 7, 3, 48}, Shape{4, 9}, Shape{0, 2, 2, 4}}) {
    const Shape c{s[-1]};
    const std::vector<Tensor> in{random_normal(s, 1), Tensor::uniform(c, {2, 0}, 0.5, 1.5, {DType::f64, kCpu}), random_normal(c, 3),
                                 random_normal(s, 4)};
    const BatchNorm2dParams p{.activation = Activation::relu()};
    check_op({.name = "batch_norm2d with moments " + s.str(),
              .inputs = in,
              .op =
                  [p](auto& t, auto& into) {
                    return batch_norm2d({t[0], moments_of(t[0])}, t[1], t[2], {}, {}, p, t[3], into);
                  },
              .precise = {false, true, true, false}});
  }
}

TEST_CASE("batch_norm2d uses the moments it is given, to normalise and for the running statistics; not in evaluation") {
  std::vector<Device> devices = cuda_devices();
  devices.push_back(kCpu);
  for (Device device : devices) {
    const Tensor x = Tensor::from({1.f, 2.f, 3.f, 6.f}, {1, 2, 2, 1}).to(device), given = Tensor::from({5.0, 4.0}, {2, 1}).to(device);
    const Tensor mean = Tensor::full({1}, 10).to(device), var = Tensor::full({1}, 8).to(device);
    const Tensor y = batch_norm2d({x, given}, {}, {}, mean, var, {.momentum = 0.25, .epsilon = 12});
    CHECK(y.to_vector<double>() == std::vector<double>{-1, -0.75, -0.5, 0.25});
    CHECK(mean.to_vector<double>()[0] == 0.75 * 10 + 0.25 * 5);
    CHECK(var.to_vector<double>()[0] == doctest::Approx(0.75 * 8 + 0.25 * 4 * 4 / 3).epsilon(1e-7));
    const Tensor one = Tensor::full({1}, 1).to(device), four = Tensor::full({1}, 4).to(device);
    const Tensor eval = batch_norm2d({x, given}, {}, {}, one, four, {.training = false, .epsilon = 12});
    CHECK(eval.to_vector<double>() == std::vector<double>{0, 0.25, 0.5, 1.25});
  }
  const Tensor x = Tensor::zeros({2, 3, 4, 5});
  check_throws<ShapeError>(
      [&] {
        batch_norm2d({x, Tensor::zeros({2, 4}, {DType::f64, kCpu})}, {}, {}, {}, {});
      },
      {"batch_norm2d", "moments", "(2, 5)", "(2, 4)", "(2, 3, 4, 5)"});
  check_throws<DeviceError>([&] { batch_norm2d({x, Tensor::zeros({2, 5})}, {}, {}, {}, {}); }, {"batch_norm2d", "f32", "f64"});
}
