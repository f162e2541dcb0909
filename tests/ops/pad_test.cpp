#include "lamina/ops/pad.hpp"

#include "support/golden.hpp"
#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::test;

namespace {
Tensor counting(const Shape& shape) {
  std::vector<double> v(static_cast<std::size_t>(shape.numel()));
  for (std::size_t i = 0; i < v.size(); ++i) v[i] = static_cast<double>(i);
  return Tensor::from(std::span<const double>(v), shape);
}
}  // namespace

TEST_CASE("pad and crop agree with PyTorch") {
  const auto file = golden_archive("pad");
  const auto check = [&](const std::string& name, auto op) {
    CAPTURE(name);
    Tensor x = file.at("x").clone();
    x.set_requires_grad();
    const Tensor y = op(x);
    CHECK(same_bytes(y, file.at(name + ".y")));
    y.backward(counting(y.shape()));
    CHECK(same_bytes(x.grad(), file.at(name + ".dx")));
  };
  check("pad", [](const Tensor& x) { return pad(x, {.top = 0, .bottom = 2, .left = 3, .right = 1}, -1.5); });
  check("crop", [](const Tensor& x) { return crop(x, {.top = 1, .left = 1, .height = 3, .width = 2}); });
}

TEST_CASE("pad and crop: gradients, slices, instruction sets, threads") {
  for (const Shape& s :
       {Shape{2, 3, 5, 3}, Shape{1, 1, 1, 1}, Shape{0, 2, 2, 4}, Shape{1, 7, 4, 9}, Shape{1, 2, 3, 48}, Shape{1, 0, 2, 3}}) {
    const std::vector<Tensor> in{random_normal(s, 1)};
    for (const PadParams& p : {PadParams{}, PadParams{1, 0, 2, 3}, PadParams{0, 4, 0, 0}, PadParams::symmetric(2)})
      check_op({"pad " + s.str(), in, [p](auto& t, auto& into) { return pad(t[0], p, 0.5, into); }});
    if (s[1] == 0) continue;
    const CropParams corner{s[1] - 1, s[2] - 1, 1, 1}, whole{0, 0, s[1], s[2]}, half{s[1] / 2, 0, s[1] - s[1] / 2, (s[2] + 1) / 2};
    for (const CropParams& p : {corner, whole, half})
      check_op({"crop " + s.str(), in, [p](auto& t, auto& into) { return crop(t[0], p, into); }});
  }
  OpCase large{"pad, several tasks", {random_normal({2, 90, 110, 4}, 2)}, [](auto& t, auto& into) {
                 return pad(t[0], {3, 1, 2, 5}, 1, into);
               }};
  large.gradients = false;
  check_op(large);
}

TEST_CASE("pad and crop reject what does not fit") {
  const Tensor x = Tensor::zeros({1, 4, 5, 3}), flat = Tensor::zeros({4, 5});
  check_throws<ShapeError>([&] { pad(flat, {}); }, {"pad", "(4, 5)", "(N, H, W, C)"});
  check_throws<ShapeError>([&] { pad(x, {.left = -1}); }, {"pad", "left -1", "(1, 4, 5, 3)", "crop"});
  check_throws<ShapeError>([&] { pad(x, {.top = 1}, 0, Tensor::zeros({1, 4, 5, 3})); }, {"pad", "(1, 4, 5, 3)", "(1, 5, 5, 3)"});
  check_throws<ShapeError>([&] { pad(Tensor::zeros({1 << 20, 0, 1 << 20, 1 << 20}), PadParams::symmetric(1 << 30)); }, {"overflows"});
  check_throws<DeviceError>([&] { pad(x.to(DType::i32), {}); }, {"i32", "cpu"});
  check_throws<ShapeError>([&] { crop(flat, {0, 0, 1, 1}); }, {"crop", "(4, 5)", "(N, H, W, C)"});
  for (const CropParams& p : {CropParams{}, CropParams{0, 0, 0, 1}, CropParams{0, 0, 1, -1}, CropParams{-1, 0, 2, 2},
                              CropParams{3, 0, 2, 1}, CropParams{0, 3, 1, 3}, CropParams{0, 0, 5, 1}, CropParams{INT64_MAX, 0, 1, 1}})
    check_throws<ShapeError>([&] { crop(x, p); }, {"crop", "(1, 4, 5, 3)", "within"});
}
