// conv2d and conv_transpose2d against PyTorch.
#include "lamina/ops/conv2d.hpp"
#include "lamina/ops/conv_transpose2d.hpp"
#include "support/golden.hpp"

using namespace lamina;
using namespace lamina::test;

TEST_CASE("conv2d agrees with PyTorch") {
  const auto file = golden_archive("conv2d");
  const auto check = [&](const char* name, const Conv2dParams& p) {
    for (Conv2dAlgorithm algorithm : {Conv2dAlgorithm::automatic, Conv2dAlgorithm::naive}) {
      const Conv2dPlanScope scope(Conv2dPlan::all(algorithm));
      check_golden(file, name, {"x", "w", "b"}, [&](auto& in) { return conv2d(in[0], in[1], in[2], p); });
    }
  };
  const Padding one = Padding::symmetric(1);
  check("same3x3", {.padding = one});
  check("winograd", {.padding = one});
  check("pointwise", {});
  check("stride", {.stride = 2, .padding = one});
  check("dilation", {.padding = Padding::symmetric(2), .dilation = 2});
  check("dilation_stride", {.stride = 2, .padding = Padding::symmetric(3, 2), .dilation = 3});
  check("groups", {.padding = one, .groups = 3});
  check("depthwise", {.padding = one, .groups = 5});
  check("depthwise_stride", {.stride = 2, .padding = Padding::symmetric(2), .groups = 4});
  check("asymmetric", {.padding = {.top = 0, .bottom = 1, .left = 2, .right = 0}});
  check("seven", {.stride = 2, .padding = Padding::symmetric(3)});
}

TEST_CASE("conv_transpose2d agrees with PyTorch") {
  const auto file = golden_archive("conv_transpose2d");
  const auto check = [&](const char* name, const ConvTranspose2dParams& p) {
    check_golden(file, name, {"x", "w", "b"}, [&](auto& in) { return conv_transpose2d(in[0], in[1], in[2], p); });
  };
  check("double", {.stride = 2});
  check("overlap", {.stride = 2, .padding = Padding::symmetric(1), .output_padding = 1});
  check("gan", {.stride = 2, .padding = Padding::symmetric(1)});
  check("dilation", {.padding = Padding::symmetric(1), .dilation = 2});
  check("groups", {.stride = 3, .output_padding = 2, .groups = 2});
}
