#include "lamina/ops/conv_transpose2d.hpp"

#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::test;

namespace {
struct TransposeCase {
  Shape x, w;
  ConvTranspose2dParams p = {};
  bool bias = true;
};
const std::vector<TransposeCase> kCases = {
    {{2, 3, 4, 3}, {3, 2, 2, 2}, {.stride = 2}},
    {{1, 3, 2, 2}, {2, 3, 3, 3}, {.stride = 2, .padding = Padding::symmetric(1), .output_padding = 1}},
    {{1, 3, 4, 2}, {2, 4, 4, 2}, {.stride = 2, .padding = Padding::symmetric(1)}, false},
    {{1, 3, 4, 2}, {2, 3, 3, 2}},
    {{1, 3, 4, 4}, {4, 3, 3, 1}, {.stride = 2, .padding = Padding::symmetric(1), .groups = 2}},
    {{1, 3, 4, 2}, {2, 3, 3, 2}, {.stride = 2, .padding = Padding::symmetric(1), .output_padding = 2, .dilation = 3}},
    {{1, 3, 4, 2}, {2, 3, 3, 2}, {.stride = 3, .padding = {0, 1, 2, 0}, .dilation = 2}},
    {{1, 3, 2, 2}, {2, 2, 2, 2}, {.stride = 2, .padding = Padding::tf_same()}},
    {{1, 3, 2, 2}, {2, 3, 3, 2}, {.stride = 2, .padding = Padding::tf_same()}},
    {{1, 3, 2, 2}, {2, 1, 1, 2}, {.stride = 2, .padding = Padding::tf_same()}},
    {{0, 3, 2, 2}, {2, 2, 2, 2}, {.stride = 2}},
    {{1, 1, 1, 1}, {1, 1, 1, 1}},
    {{1, 5, 7, 9}, {9, 2, 2, 48}, {.stride = 2}, false},
};
}  // namespace

TEST_CASE("conv_transpose2d: values, gradients, slices, instruction sets, threads") {
  auto check = [](const TransposeCase& c) {
    std::vector<Tensor> in{random_normal(c.x, 1), random_normal(c.w, 2)};
    if (c.bias) in.push_back(random_normal({c.w[3] * c.p.groups}, 3));
    OpCase op{message("x ", c.x, " w ", c.w, " stride ", c.p.stride), in,
              [=](auto& t, auto& into) { return conv_transpose2d(t[0], t[1], c.bias ? t[2] : Tensor{}, c.p, into); }};
    op.precise = {false, false, true};
    if (c.p.activation.kind != Activation::Kind::none) op.bf16_tolerance = kReadsRounded;
    check_op(op);
  };
  for (const TransposeCase& c : kCases) check(c);
  TransposeCase activated = kCases[0];
  activated.p.activation = Activation::leaky_relu(0.2f);
  check(activated);
}

TEST_CASE("conv_transpose2d is the data gradient of conv2d") {
  for (const TransposeCase& c : kCases) {
    if (c.p.output_padding >= c.p.stride) continue;  // such a result is larger than any input of that convolution
    const Tensor x = random_normal(c.x, 1), w = random_normal(c.w, 2);
    const Tensor y = conv_transpose2d(x, w, {}, c.p);
    Tensor image = Tensor::zeros(y.shape(), like(y));
    image.set_requires_grad();
    const Conv2dPlanScope scope(Conv2dPlan::all(Conv2dAlgorithm::naive));
    conv2d(image, w, {}, c.p.transposed()).backward(x);
    CHECK(relative_error(y, image.grad()) <= 1e-13);
  }
}

TEST_CASE("conv_transpose2d by hand") {
  // Two pixels, a 1x3 kernel, stride 2: the middle output gets the third tap of the first and the first tap of the second pixel.
  const Tensor x = Tensor::from({1.0, 2.0}, {1, 1, 2, 1}), w = Tensor::from({1.0, 10.0, 100.0}, {1, 1, 3, 1});
  CHECK(conv_transpose2d(x, w, Tensor::from({0.5}, {1}), {.stride = 2}).to_vector<double>() ==
        std::vector<double>{1.5, 10.5, 102.5, 20.5, 200.5});
}

TEST_CASE("conv_transpose2d rejects shapes and attributes") {
  const Tensor x = Tensor::zeros({1, 3, 3, 4}), w = Tensor::zeros({4, 3, 3, 2});
  check_throws<ShapeError>([&] { conv_transpose2d(x, Tensor::zeros({3, 3, 3, 2})); }, {"conv_transpose2d", "(1, 3, 3, 4)", "(3, 3, 3, 2)"});
  check_throws<ShapeError>([&] { conv_transpose2d(x, w, {}, {.groups = 3}); }, {"groups = 3", "(1, 3, 3, 4)", "(4, 3, 3, 2)"});
  check_throws<ShapeError>([&] { conv_transpose2d(x, w, {}, {.stride = 0}); }, {"stride", "0"});
  check_throws<ShapeError>([&] { conv_transpose2d(x, w, {}, {.stride = 2, .output_padding = 2}); }, {"output_padding", "2"});
  check_throws<ShapeError>([&] { conv_transpose2d(x, w, {}, {.stride = 2, .output_padding = -1}); }, {"output_padding", "-1"});
  check_throws<ShapeError>([&] { conv_transpose2d(x, w, {}, {.stride = 2, .padding = Padding::tf_same(), .output_padding = 1}); },
                           {"SAME"});
  check_throws<ShapeError>([&] { conv_transpose2d(x, w, {}, {.padding = Padding::symmetric(3)}); },
                           {"padding", "(1, 3, 3, 4)", "(4, 3, 3, 2)"});
  check_throws<ShapeError>([&] { conv_transpose2d(x, w, Tensor::zeros({4})); }, {"bias", "(2)", "(4)"});
  check_throws<DeviceError>([&] { conv_transpose2d(x, w.to(DType::f64)); }, {"conv_transpose2d", "f32", "f64"});
}
