// What every op says of a tensor that is none, or of a type that nobody computes in.
#include "lamina/ops/ops.hpp"
#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::test;

namespace {

/// An op of tensors, and what it calls them; those without kernels of its own take any type.
struct Case {
  const char* op;
  std::vector<const char*> names;
  std::vector<Tensor> inputs;
  std::function<Tensor(const std::vector<Tensor>&)> run;
  bool any_type = false;
};

using Inputs = const std::vector<Tensor>&;

std::vector<Case> ops_of_images() {
  const Tensor x = Tensor::full({1, 4, 4, 2}, 1), w = Tensor::full({2, 3, 3, 2}, 1), c = Tensor::full({2}, 1),
               labels = Tensor::zeros({1, 4, 4}, {DType::u8, kCpu});
  return {
      {"activation", {"x"}, {x}, [](Inputs t) { return relu(t[0]); }},
      {"argmax", {"x"}, {x}, [](Inputs t) { return argmax(t[0]); }},
      {"batch_norm2d", {"x"}, {x}, [](Inputs t) { return batch_norm2d(t[0], {}, {}, {}, {}); }},
      {"concat",
       {"one of its tensors"},
       {x},
       [x](Inputs t) {
         return concat({x, t[0]});
       }},
      {"stack",
       {"one of its tensors"},
       {c},
       [c](Inputs t) {
         return stack({c, t[0]});
       }},
      {"conv2d", {"x", "w"}, {x, w}, [](Inputs t) { return conv2d(t[0], t[1]); }},
      {"conv_transpose2d", {"x", "w"}, {x, w}, [](Inputs t) { return conv_transpose2d(t[0], t[1]); }},
      {"count_above",
       {"x"},
       {x},
       [](Inputs t) {
         return count_above(t[0], std::vector<float>{0, 1});
       }},
      {"is_above",
       {"x"},
       {x},
       [](Inputs t) {
         return is_above(t[0], std::vector<float>{0, 1});
       }},
      {"dropout",
       {"x"},
       {x},
       [](Inputs t) {
         return dropout(t[0], 0.5, {1, 1});
       }},
      {"dropout_channels",
       {"x"},
       {x},
       [](Inputs t) {
         return dropout_channels(t[0], 0.5, {1, 1});
       }},
      {"expand",
       {"x"},
       {c},
       [](Inputs t) {
         return expand(t[0], {3, 2});
       }},
      {"group_norm", {"x", "gamma", "beta"}, {x, c, c}, [](Inputs t) { return group_norm(t[0], t[1], t[2], 1); }},
      {"linear", {"x", "w"}, {c, Tensor::full({3, 2}, 1)}, [](Inputs t) { return linear(t[0], t[1]); }},
      {"matmul", {"a", "b"}, {Tensor::full({1, 2}, 1), Tensor::full({2, 3}, 1)}, [](Inputs t) { return matmul(t[0], t[1]); }},
      {"pad", {"x"}, {x}, [](Inputs t) { return pad(t[0], PadParams::symmetric(1)); }},
      {"crop", {"x"}, {x}, [](Inputs t) { return crop(t[0], {.height = 1, .width = 1}); }},
      {"permute", {"x"}, {c}, [](Inputs t) { return permute(t[0], {0}); }},
      {"transpose", {"x"}, {x}, [](Inputs t) { return transpose(t[0], 0, 1); }},
      {"max_pool2d", {"x"}, {x}, [](Inputs t) { return max_pool2d(t[0], {.kernel = 2, .stride = 2}); }},
      {"avg_pool2d", {"x"}, {x}, [](Inputs t) { return avg_pool2d(t[0], {.kernel = 2, .stride = 2}); }},
      {"sum", {"x"}, {x}, [](Inputs t) { return sum(t[0]); }},
      {"mean", {"x"}, {x}, [](Inputs t) { return mean(t[0]); }},
      {"global_avg_pool", {"x"}, {x}, [](Inputs t) { return global_avg_pool(t[0]); }},
      {"l1_loss", {"x", "target"}, {x, x}, [](Inputs t) { return l1_loss(t[0], t[1]); }},
      {"mse_loss", {"x", "target"}, {x, x}, [](Inputs t) { return mse_loss(t[0], t[1]); }},
      {"smooth_l1_loss", {"x", "target"}, {x, x}, [](Inputs t) { return smooth_l1_loss(t[0], t[1]); }},
      {"reshape", {"x"}, {x}, [](Inputs t) { return reshape(t[0], {32}); }, true},
      {"resize_nearest", {"x"}, {x}, [](Inputs t) { return resize_nearest(t[0], 2, 2); }},
      {"resize_bilinear", {"x"}, {x}, [](Inputs t) { return resize_bilinear(t[0], 2, 2, ResizeGrid::half_pixel); }},
      {"segmentation_loss", {"logits"}, {x}, [labels](Inputs t) { return segmentation_loss(t[0], labels); }},
      {"segmentation_loss", {"labels"}, {labels}, [x](Inputs t) { return segmentation_loss(x, t[0]); }, true},
      {"slice_channels", {"x"}, {x}, [](Inputs t) { return slice_channels(t[0], 0, 1); }, true},
      {"softmax", {"x"}, {x}, [](Inputs t) { return softmax(t[0]); }},
      {"log_softmax", {"x"}, {x}, [](Inputs t) { return log_softmax(t[0]); }},
      {"warp", {"images"}, {Tensor::zeros({0, 2, 2, 3}, {DType::u8, kCpu})}, [](Inputs t) { return warp(t[0], {}, {}).images; }, true},
  };
}

std::vector<Case> ops_of_elements() {
  const Tensor x = Tensor::full({2}, 1);
  return {
      {"add", {"a", "b"}, {x, x}, [](Inputs t) { return add(t[0], t[1]); }},
      {"sub", {"a", "b"}, {x, x}, [](Inputs t) { return sub(t[0], t[1]); }},
      {"mul", {"a", "b"}, {x, x}, [](Inputs t) { return mul(t[0], t[1]); }},
      {"div", {"a", "b"}, {x, x}, [](Inputs t) { return div(t[0], t[1]); }},
      {"div", {"a"}, {x}, [](Inputs t) { return t[0] / 2; }},
      {"div", {"b"}, {x}, [](Inputs t) { return 2 / t[0]; }},
      {"scale", {"x"}, {x}, [](Inputs t) { return scale(t[0], 2); }},
      {"maximum", {"a", "b"}, {x, x}, [](Inputs t) { return maximum(t[0], t[1]); }},
      {"maximum", {"a"}, {x}, [](Inputs t) { return maximum(t[0], 2); }},
      {"minimum", {"a", "b"}, {x, x}, [](Inputs t) { return minimum(t[0], t[1]); }},
      {"minimum", {"a"}, {x}, [](Inputs t) { return minimum(t[0], 2); }},
      {"greater", {"a", "b"}, {x, x}, [](Inputs t) { return greater(t[0], t[1]); }},
      {"greater", {"a"}, {x}, [](Inputs t) { return greater(t[0], 2); }},
      {"where", {"condition"}, {x}, [x](Inputs t) { return where(t[0], x, x); }, true},
      {"where", {"a", "b"}, {x, x}, [x](Inputs t) { return where(x, t[0], t[1]); }},
      {"where", {"a"}, {x}, [x](Inputs t) { return where(x, t[0], 2); }},
      {"where", {"b"}, {x}, [x](Inputs t) { return where(x, 2, t[0]); }},
      {"exp", {"x"}, {x}, [](Inputs t) { return exp(t[0]); }},
      {"clamp", {"x"}, {x}, [](Inputs t) { return clamp(t[0], 0, 1); }},
  };
}

}  // namespace

TEST_CASE("every op names itself and the argument that is undefined, or of a type without kernels") {
  for (const std::vector<Case>& cases : {ops_of_images(), ops_of_elements()})
    for (const Case& c : cases) {
      CAPTURE(c.op);
      CHECK_NOTHROW(c.run(c.inputs));
      for (std::size_t i = 0; i < c.inputs.size(); ++i) {
        const std::string named = std::string(c.op) + ": " + c.names[i];
        CAPTURE(named);
        std::vector<Tensor> inputs = c.inputs;
        inputs[i] = {};
        check_throws<ShapeError>([&] { c.run(inputs); }, {named.c_str(), "is undefined"});
        if (c.any_type) continue;
        for (const DType dtype : {DType::u8, DType::bf16}) {
          inputs[i] = c.inputs[i].to(dtype);
          check_throws<DeviceError>([&] { c.run(inputs); }, {named.c_str(), name_of(dtype), "f32 and f64", "Tensor::to"});
        }
      }
    }
}

TEST_CASE("optional arguments may be undefined, and are named where their type has no kernels") {
  const Tensor x = Tensor::full({1, 4, 4, 2}, 1), w = Tensor::full({2, 1, 1, 2}, 1), u8 = Tensor::zeros({2}, {DType::u8, kCpu});
  check_throws<DeviceError>([&] { conv2d(x, w, u8); }, {"conv2d: b is u8"});
  check_throws<DeviceError>([&] { conv_transpose2d(x, w, u8); }, {"conv_transpose2d: b is u8"});
  check_throws<DeviceError>([&] { linear(x, Tensor::full({2, 2}, 1), u8); }, {"linear: b is u8"});
  check_throws<DeviceError>([&] { batch_norm2d(x, u8, {}, {}, {}); }, {"batch_norm2d: gamma is u8"});
  check_throws<DeviceError>([&] { batch_norm2d(x, {}, {}, {}, {}, {}, x.to(DType::u8)); }, {"batch_norm2d: residual is u8"});
  check_throws<DeviceError>([&] { l1_loss(x, x, {.reduction = RegressionLossParams::Reduction::sum, .weights = x.to(DType::u8)}); },
                            {"l1_loss: weights is u8"});
}

TEST_CASE("numbers beside a tensor are of its shape's kind: scalars stay scalars") {
  const Tensor one = Tensor::scalar(3, DType::f64);
  for (const Tensor& y : {maximum(one, 2), minimum(one, 2), greater(one, 2), one / 2, 2 / one, where(one, one, 2), where(one, 2, one)})
    CHECK(y.shape() == Shape{});
  CHECK((one / 2).item() == 1.5);
}
