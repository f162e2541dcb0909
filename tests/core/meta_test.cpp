// The meta device: shapes without memory.
#include <filesystem>
#include <set>

#include "lamina/ops/ops.hpp"
#include "lamina/optim/optimizer.hpp"
#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::test;

namespace {

using Op = std::function<Tensor(const std::vector<Tensor>&)>;

/// The shapes of an op's result and gradients on a device.
std::vector<Shape> shapes(const Op& op, const std::vector<Tensor>& inputs, Device device) {
  std::vector<Tensor> in;
  for (const Tensor& t : inputs) in.push_back(t ? t.to(device) : t);
  for (std::size_t i = 0; i < in.size(); ++i)
    if (in[i] && in[i].dtype() == DType::f32) in[i] = in[i].clone().set_requires_grad();
  const Tensor y = op(in);
  CHECK(y.device() == device);
  std::vector<Shape> all{y.shape()};
  if (y.requires_grad()) y.backward(Tensor::full(y.shape(), 1, like(y)));
  for (const Tensor& t : in) all.push_back(t && t.grad() ? t.grad().shape() : Shape{});
  return all;
}

}  // namespace

TEST_CASE("every op computes on the meta device the shapes, and gradients' shapes, that it computes on the CPU") {
  const Tensor x = random_normal({2, 6, 5, 4}, 1, DType::f32), w = random_normal({6, 3, 3, 4}, 2, DType::f32),
               wt = random_normal({4, 2, 2, 6}, 3, DType::f32), c4 = Tensor::full({4}, 1), c6 = Tensor::full({6}, 1),
               labels = Tensor::zeros({2, 6, 5}, {DType::u8, kCpu}), u8 = Tensor::zeros({2, 6, 5, 3}, {DType::u8, kCpu});
  using V = const std::vector<Tensor>&;
  const std::vector<std::pair<const char*, std::pair<Op, std::vector<Tensor>>>> cases{
      {"activation", {[](V t) { return sigmoid(t[0]); }, {x}}},
      {"argmax", {[](V t) { return argmax(t[0]); }, {x}}},
      {"arithmetic", {[](V t) { return mul(add(t[0], t[0]), sub(scale(t[0], 2), t[0])); }, {x}}},
      {"batch_norm2d", {[](V t) { return batch_norm2d(t[0], t[1], t[1], t[1].detach(), t[1].detach(), {}, t[0]); }, {x, c4}}},
      {"count_above",
       {[](V t) {
          return is_above(t[0], std::vector<float>{0, 1, 2, 3});
        },
        {x}}},
      {"expand",
       {[](V t) {
          return expand(t[0], {3, 2, 6, 5, 4});
        },
        {x}}},
      {"matmul",
       {[](V t) { return matmul(linear(t[0], t[1]), t[2]); },
        {x, random_normal({3, 4}, 4, DType::f32), random_normal({3, 2}, 5, DType::f32)}}},
      {"operators", {[](V t) { return (1 - t[0] * 2) / (t[0] + t[1]) - t[0]; }, {x, c4}}},
      {"permute",
       {[](V t) {
          return transpose(permute(t[0], {3, 0, 2, 1}), 1, 2);
        },
        {x}}},
      {"stack",
       {[](V t) {
          return stack({t[0], scale(t[0], 2)}, 1);
        },
        {x}}},
      {"unary", {[](V t) { return clamp(exp(abs(t[0])), 0, 1); }, {x}}},
      {"where", {[](V t) { return where(t[0].detach(), t[0], scale(t[0], 2)); }, {x}}},
      {"concat",
       {[](V t) {
          return concat({t[0], slice_channels(t[0], 1, 2)});
        },
        {x}}},
      {"conv2d", {[](V t) { return conv2d(t[0], t[1], t[2], {.stride = 2, .activation = Activation::relu()}); }, {x, w, c6}}},
      {"measured", {[](V t) { return conv2d_measured(t[0], t[1], t[2]).x; }, {x, w, c6}}},
      {"conv_transpose2d", {[](V t) { return conv_transpose2d(t[0], t[1], t[2], {.stride = 2}); }, {x, wt, c6}}},
      {"dropout",
       {[](V t) {
          return dropout_channels(dropout(t[0], 0.5, {1, 2}), 0.5, {1, 2});
        },
        {x}}},
      {"group_norm", {[](V t) { return group_norm(t[0], t[1], t[1], 2); }, {x, c4}}},
      {"pad", {[](V t) { return crop(pad(t[0], PadParams::symmetric(2)), {.top = 1, .height = 3, .width = 2}); }, {x}}},
      {"pool2d", {[](V t) { return avg_pool2d(max_pool2d(t[0])); }, {x}}},
      {"reduce", {[](V t) { return add(sum(t[0]), mean(global_avg_pool(t[0]))); }, {x}}},
      {"regression_loss", {[](V t) { return add(l1_loss(t[0], t[0]), mse_loss(t[0], t[0])); }, {x}}},
      {"slice_channels", {[](V t) { return slice_channels(t[0], 1, 2); }, {x}}},
      {"reshape",
       {[](V t) {
          return reshape(slice_channels(t[0], 0, 2), {12, 10});
        },
        {x}}},
      {"resize", {[](V t) { return resize_bilinear(resize_nearest(t[0], 9, 9), 4, 7, ResizeGrid::half_pixel); }, {x}}},
      {"segmentation_loss",
       {[](V t) {
          return segmentation_loss(t[0], t[1], {.class_weights = {1, 2, 3, 4}});
        },
        {x, labels}}},
      {"softmax", {[](V t) { return log_softmax(softmax(t[0])); }, {x}}},
      {"warp", {[](V t) { return warp(t[0], t[1], std::vector<AffineMap>(2), {.height = 3, .width = 4}).images; }, {u8, labels}}}};
  for (const auto& [name, op] : cases) {
    CAPTURE(std::string(name));
    CHECK(shapes(op.first, op.second, kMeta) == shapes(op.first, op.second, kCpu));
  }
  // Every header of ops/ has a row.
  std::set<std::string> rows{"measured", "ops"}, headers{"measured", "ops"};
  for (const auto& c : cases) rows.insert(c.first);
  for (const auto& file : std::filesystem::directory_iterator(std::filesystem::path(LAMINA_SOURCE_DIR) / "include/lamina/ops"))
    if (file.path().extension() == ".hpp") headers.insert(file.path().stem().string());
  CHECK(rows == headers);
  check_throws<ShapeError>([&] { conv2d(x.to(kMeta), wt.to(kMeta)); }, {"(2, 6, 5, 4)"});
  check_throws<DeviceError>([&] { add(x, x.to(kMeta)); }, {"cpu", "meta"});
}

TEST_CASE("reading a value on the meta device is an error that says who asked") {
  const Tensor x = Tensor::zeros({2, 1}, {DType::f32, kMeta}), logits = Tensor::zeros({1, 2, 2, 3}, {DType::f32, kMeta});
  CHECK(x.device().str() == "meta");
  for (const char* part : {"(2, 1)", "meta", "no values"}) {
    check_throws<DeviceError>([&] { x.to_vector<float>(); }, {"to_vector", part});
    check_throws<DeviceError>([&] { x.data<float>(); }, {"data", part});
    check_throws<DeviceError>([&] { x.to(kCpu); }, {"copy_from", part});
  }
  check_throws<DeviceError>([&] { Tensor::zeros({}, {DType::f32, kMeta}).item(); }, {"item"});
  SegmentationLossParts parts;
  check_throws<DeviceError>(
      [&] {
        segmentation_loss(logits, Tensor::zeros({1, 2, 2}, {DType::u8, kMeta}), {}, &parts);
      },
      {"segmentation_loss", "meta"});
  check_throws<OptionError>([] { parse_device("meta"); }, {"unknown device", "meta"});
}

TEST_CASE("meta memory is counted as if it were there: the peak of a step is known before there is a step") {
  release_cached_memory(kMeta);
  reset_peak_memory(kMeta);
  const std::size_t before = memory_stats(kMeta).in_use, cpu = memory_stats(kCpu).in_use;
  const auto used = [&] { return memory_stats(kMeta).in_use - before; };
  const TensorOptions meta{DType::f32, kMeta};
  Tensor x = Tensor::zeros({1, 1024, 1024, 16}, meta);  // 64 MiB
  x.set_requires_grad();
  CHECK(used() == 64u << 20);
  {
    const Tensor y = activation(x, Activation::relu());
    CHECK(used() == 128u << 20);
    const Tensor loss = sum(y);
    CHECK(used() > 128u << 20);
    loss.backward();  // dy (spread) and dx beside x and y
  }
  CHECK(memory_stats(kMeta).peak - before >= 256u << 20);
  CHECK(memory_stats(kMeta).peak - before < (256u << 20) + (2u << 20));
  CHECK(used() == 128u << 20);  // x and its gradient
  optim::Adam adam({{"x", x}}, {});
  adam.step();
  CHECK(used() == 256u << 20);  // and two moments
  CHECK(memory_stats(kCpu).in_use - cpu < 4096);
  set_memory_limit(before + (300u << 20), kMeta);
  check_throws<MemoryError>([&] { Tensor::zeros({1, 1024, 1024, 16}, meta); }, {"meta", "67108864"});
  set_memory_limit(0, kMeta);
}
