// The harness must see what it is there to see: each mutant breaks one rule of an op, and op_failures names it.
#include "lamina/ops/ops.hpp"
#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::test;

namespace {

/// Does some failure contain `part`?
bool names(const std::vector<std::string>& failures, const std::string& part) {
  for (const std::string& f : failures)
    if (f.find(part) != std::string::npos) return true;
  return false;
}

/// The op of `c` with its gradients passed through `change(input, gradient)`.
OpCase with_gradients(OpCase c, std::function<Tensor(std::size_t, const Tensor&)> change) {
  c.op = [op = c.op, change](const std::vector<Tensor>& inputs, const Tensor& into) {
    std::vector<Tensor> leaves;
    for (const Tensor& t : inputs) {
      leaves.push_back(t ? t.detach() : t);
      if (t && t.requires_grad()) leaves.back().set_requires_grad();
    }
    const Tensor y = op(leaves, into);
    return record("mutant", inputs, y.detach(), [y, leaves, change](const Tensor& dy, NeedsGrad need) -> Grads {
      y.backward(dy);
      Grads grads;
      for (std::size_t i = 0; i < leaves.size(); ++i) grads.push_back(need[i] ? change(i, leaves[i].grad()) : Tensor{});
      return grads;
    });
  };
  return c;
}

std::vector<OpCase> every_op() {
  const Tensor x = random_normal({2, 4, 5, 3}, 1), z = random_normal({2, 4, 5, 3}, 2), c = random_normal({3}, 3), d = random_normal({3}, 4);
  const Tensor w = random_normal({3, 3, 3, 3}, 5), labels = Tensor::full({2, 4, 5}, 1, {DType::u8, kCpu});
  return {
      {.name = "activation",
       .inputs = {x},
       .op = [](auto& in, auto& into) { return lamina::tanh(in[0], into); },
       .bf16_tolerance = kReadsRounded},
      {"add", {x, z}, [](auto& in, auto& into) { return add(in[0], in[1], into); }},
      {"sub", {x, z}, [](auto& in, auto& into) { return sub(in[0], in[1], into); }},
      {"mul", {x, z}, [](auto& in, auto& into) { return mul(in[0], in[1], into); }},
      {.name = "batch_norm2d",
       .inputs = {x, c, d, z},
       .op = [](auto& in, auto& into) { return batch_norm2d(in[0], in[1], in[2], {}, {}, {}, in[3], into); },
       .precise = {false, true, true, false}},
      {"concat",
       {x, z},
       [](auto& in, auto& into) {
         return concat({in[0], in[1]}, into);
       }},
      {.name = "conv2d",
       .inputs = {x, w, c},
       .op = [](auto& in, auto& into) { return conv2d(in[0], in[1], in[2], {}, into); },
       .precise = {false, false, true}},
      {.name = "conv_transpose2d",
       .inputs = {x, w, c},
       .op = [](auto& in, auto& into) { return conv_transpose2d(in[0], in[1], in[2], {.stride = 2}, into); },
       .precise = {false, false, true}},
      {"dropout",
       {x},
       [](auto& in, auto& into) {
         return dropout(in[0], 0.5, {1, 2}, into);
       }},
      {"dropout_channels",
       {x},
       [](auto& in, auto& into) {
         return dropout_channels(in[0], 0.5, {1, 2}, into);
       }},
      {.name = "group_norm",
       .inputs = {x, c, d},
       .op = [](auto& in, auto& into) { return group_norm(in[0], in[1], in[2], 3, 1e-5, into); },
       .precise = {false, true, true}},
      {"max_pool2d", {x}, [](auto& in, auto& into) { return max_pool2d(in[0], {}, into); }},
      {"pad", {x}, [](auto& in, auto& into) { return pad(in[0], {.top = 1, .right = 2}, 0, into); }},
      {"crop", {x}, [](auto& in, auto& into) { return crop(in[0], {.top = 1, .left = 2, .height = 3, .width = 2}, into); }},
      {"resize_nearest", {x}, [](auto& in, auto& into) { return resize_nearest(in[0], 7, 9, into); }},
      {"resize_bilinear", {x}, [](auto& in, auto& into) { return resize_bilinear(in[0], 7, 9, ResizeGrid::half_pixel, into); }},
      {.name = "smooth_l1_loss", .inputs = {x, z}, .op = [](auto& in, auto&) { return smooth_l1_loss(in[0], in[1]); }, .takes_into = false},
      {.name = "l1_loss", .inputs = {x, z}, .op = [](auto& in, auto&) { return l1_loss(in[0], in[1]); }, .takes_into = false},
      {.name = "mse_loss", .inputs = {x, z}, .op = [](auto& in, auto&) { return mse_loss(in[0], in[1]); }, .takes_into = false},
      {.name = "segmentation_loss",
       .inputs = {x, labels},
       .op = [](auto& in, auto&) { return segmentation_loss(in[0], in[1]); },
       .takes_into = false},
      {.name = "softmax", .inputs = {x}, .op = [](auto& in, auto& into) { return softmax(in[0], into); }, .bf16_tolerance = kReadsRounded},
      {.name = "log_softmax",
       .inputs = {x},
       .op = [](auto& in, auto& into) { return log_softmax(in[0], into); },
       .bf16_tolerance = kReadsRounded},
      {"avg_pool2d", {x}, [](auto& in, auto& into) { return avg_pool2d(in[0], {}, into); }},
      {.name = "mean", .inputs = {x}, .op = [](auto& in, auto&) { return mean(in[0]); }, .takes_into = false},
      {.name = "slice_channels", .inputs = {x}, .op = [](auto& in, auto&) { return slice_channels(in[0], 1, 2); }, .takes_into = false},
      {.name = "reshape",
       .inputs = {x},
       .op =
           [](auto& in, auto&) {
             return reshape(in[0], {8, 15});
           },
       .takes_into = false},
  };
}

}  // namespace

TEST_CASE("the harness sees a zeroed, a missing and a slightly wrong gradient of every op") {
  for (const OpCase& c : every_op()) {
    CAPTURE(c.name);
    const auto keep = [](std::size_t, const Tensor& g) { return g; };
    CHECK(op_failures(with_gradients(c, keep)).empty());
    for (std::size_t i = 0; i < c.inputs.size(); ++i) {
      if (c.inputs[i].dtype() != DType::f64) continue;  // labels
      CAPTURE(i);
      const auto only = [i](auto change) { return [i, change](std::size_t input, const Tensor& g) { return input == i ? change(g) : g; }; };
      CHECK(names(op_failures(with_gradients(c, only([](const Tensor& g) { return Tensor::zeros(g.shape(), like(g)); }))), "gradcheck"));
      CHECK(names(op_failures(with_gradients(c, only([](const Tensor&) { return Tensor{}; }))), "gradcheck"));
      CHECK(names(op_failures(with_gradients(c, only([](const Tensor& g) { return scale(g, 1 + 1e-6); }))), "gradcheck"));
    }
  }
}

TEST_CASE("the harness sees a backward that reads what was written after the forward") {
  const auto op = [](bool says_so) -> OpFunction {
    return [says_so](const std::vector<Tensor>& in, const Tensor&) {
      const auto rule = [a = in[0], b = in[1]](const Tensor& dy, NeedsGrad) -> Grads { return {mul(dy, b), mul(dy, a)}; };
      const Tensor y = mul(in[0].detach(), in[1].detach());
      return says_so ? record("mutant", in, y, {in[0], in[1]}, rule) : record("mutant", in, y, {in[0]}, rule);
    };
  };
  OpCase c{"mutant", {random_normal({2, 3}, 1), random_normal({2, 3}, 2)}, op(true)};
  c.takes_into = false;
  CHECK(op_failures(c).empty());
  c.op = op(false);
  CHECK(names(op_failures(c), "gradient 1 is silently another one after a write to input 1"));
}

TEST_CASE("the harness sees what goes wrong in a forward") {
  const std::vector<Tensor> x{random_normal({2, 4, 5, 3}, 1)};
  const auto failures = [&](OpFunction op) {
    return op_failures({.name = "mutant", .inputs = x, .op = std::move(op), .gradients = false});
  };
  const auto copy_to = [](const std::vector<Tensor>& in, const Tensor& y, const Tensor& into) {
    Tensor out = output_for("mutant", y.shape(), like(y), into, in);
    out.copy_from(y);
    return out;
  };
  CHECK(failures([&](auto& in, auto& into) { return copy_to(in, in[0], into); }).empty());
  // A channel slice read as if it were packed.
  CHECK(names(failures([&](auto& in, auto& into) {
                Tensor::Impl impl = *in[0].detach().impl();
                impl.ld = 3;
                return copy_to(in, Tensor(std::make_shared<Tensor::Impl>(impl)), into);
              }),
              "sliced result 0"));
  // The destination ignored, added to, or overrun.
  CHECK(names(failures([&](auto& in, auto&) { return in[0].clone(); }), "not in the destination"));
  CHECK(names(failures([&](auto& in, auto& into) {
                Tensor out = into ? into : Tensor::zeros(in[0].shape(), like(in[0]));
                out.copy_from(add(out, in[0]));
                return out;
              }),
              "sliced result 0"));
  CHECK(names(failures([&](auto& in, auto& into) {
                const Tensor y = copy_to(in, in[0], into);
                if (into && into.dtype() == DType::f64) into.template data<double>()[3] = 0;
                return y;
              }),
              "beside the destination"));
  // A destination over an input taken; one beside it refused.
  CHECK(names(failures([&](auto& in, auto& into) { return copy_to({}, in[0], into); }), "was taken"));
  CHECK(names(failures([&](auto& in, auto& into) {
                if (into && into.storage().same_as(in[0].storage())) throw ShapeError("overlap");
                return copy_to(in, in[0], into);
              }),
              "was refused"));
  // Bytes that depend on the thread count, and a kernel that is imprecise in float or wrong on one instruction set.
  CHECK(names(failures([&](auto& in, auto& into) { return copy_to(in, scale(in[0], 1 + 1e-15 * current_cpu().concurrency()), into); }),
              "thread count"));
  CHECK(names(failures([&](auto& in, auto& into) { return copy_to(in, scale(in[0], in[0].dtype() == DType::f32 ? 1.0001 : 1), into); }),
              "off by"));
  // A kernel that is wrong on CUDA alone, or that gives other bits the second time.
  if (!cuda_devices().empty()) {
    CHECK(names(failures([&](auto& in, auto& into) { return copy_to(in, scale(in[0], in[0].device().is_cuda() ? 1.1 : 1), into); }),
                "cuda:0"));
    int calls = 0;
    CHECK(names(
        failures([&](auto& in, auto& into) { return copy_to(in, scale(in[0], in[0].device().is_cuda() ? 1 + 1e-6 * ++calls : 1), into); }),
        "differs the second time"));
  }
  if (constexpr Isa least = {}; detected_isa() != least)
    CHECK(names(failures([&](auto& in, auto& into) { return copy_to(in, scale(in[0], current_cpu().isa == least ? 1.0001 : 1), into); }),
                name_of(least)));
}
