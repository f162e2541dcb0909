// On CPUs the order of every sum is a function of shape and instruction set: the same bytes at any thread count, for work of many tasks.
#include "lamina/ops/ops.hpp"
#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::test;

namespace {

using Algorithm = Conv2dAlgorithm;

std::vector<OpCase> cases() {
  const Shape image{2, 97, 61, 9};  // 106506 elements, 11834 pixels
  const Tensor x = random_normal(image, 1), z = random_normal(image, 2), gamma = random_normal({9}, 3), beta = random_normal({9}, 4);
  const auto labels = [](const Shape& s, std::uint64_t classes) {
    Tensor t = Tensor::empty(s, {DType::u8, kCpu});
    Random random(RandomKey{5});
    for (std::int64_t i = 0; i < t.numel(); ++i) t.data<std::uint8_t>()[i] = static_cast<std::uint8_t>(random.below(classes));
    return t;
  };
  std::vector<OpCase> all;
  const auto add = [&](std::string name, std::vector<Tensor> in, std::function<Tensor(const std::vector<Tensor>&)> f) {
    all.push_back({.name = std::move(name), .inputs = std::move(in), .op = [f](auto& t, auto&) { return f(t); }});
  };
  for (const std::vector<int>& axes : {std::vector<int>{}, {0, 1, 2}, {3}, {1, 2}, {0, 2}, {1, 3}})
    add(message("sum over ", axes.size(), " axes"), {x}, [axes](auto& t) { return sum(t[0], {.axes = axes}); });
  add("sum of one row", {random_normal({100000}, 6)}, [](auto& t) { return sum(t[0]); });
  for (bool training : {true, false})
    add("batch_norm2d", {x, gamma, beta, z}, [training](auto& t) {
      const Tensor mean = Tensor::full({9}, 0.25, like(t[0])), var = Tensor::full({9}, 2, like(t[0]));
      return batch_norm2d(t[0], t[1], t[2], mean, var, {.training = training, .activation = Activation::relu()}, t[3]);
    });
  add("group_norm", {x, gamma, beta}, [](auto& t) { return group_norm(t[0], t[1], t[2], 3); });
  add("l1_loss", {x, z}, [](auto& t) { return l1_loss(t[0], t[1]); });
  add("mse_loss", {x, z}, [](auto& t) { return mse_loss(t[0], t[1]); });
  add("softmax", {x}, [](auto& t) { return softmax(t[0]); });
  add("log_softmax", {x}, [](auto& t) { return log_softmax(t[0]); });
  for (RegionReduction reduction : {RegionReduction::batch, RegionReduction::sample}) {
    const SegmentationLossOptions softmax{.region_reduction = reduction, .upsample = ResizeGrid::half_pixel},
        sigmoid{.activation = LossActivation::sigmoid, .region_reduction = reduction, .upsample = ResizeGrid::align_corners};
    const Tensor small = random_normal({2, 19, 17, 9}, 7);
    for (const Tensor& logits : {x, small}) {
      add(message("segmentation_loss softmax ", logits.shape()), {logits, labels({2, 97, 61}, 9)},
          [softmax](auto& t) { return segmentation_loss(t[0], t[1], softmax); });
      add(message("segmentation_loss sigmoid ", logits.shape()), {logits, labels(image, 2)},
          [sigmoid](auto& t) { return segmentation_loss(t[0], t[1], sigmoid); });
    }
  }
  for (Algorithm a : {Algorithm::naive, Algorithm::implicit_gemm, Algorithm::direct, Algorithm::winograd2, Algorithm::winograd4})
    add(message("conv2d ", name_of(a)), {random_normal({2, 41, 37, 5}, 8), random_normal({7, 3, 3, 5}, 9), random_normal({7}, 10)},
        [a](auto& t) {
          const Conv2dPlanScope scope(Conv2dPlan::all(a));
          return conv2d(t[0], t[1], t[2], {.padding = Padding::symmetric(1)});
        });
  for (Algorithm a : {Algorithm::implicit_gemm, Algorithm::direct})
    add(message("strided conv2d ", name_of(a)), {random_normal({2, 41, 37, 5}, 8), random_normal({7, 3, 3, 5}, 9), random_normal({7}, 10)},
        [a](auto& t) {
          const Conv2dPlanScope scope(Conv2dPlan::all(a));
          return conv2d(t[0], t[1], t[2], {.stride = 2});
        });
  add("depthwise conv2d", {x, random_normal({9, 3, 3, 1}, 11)}, [](auto& t) { return conv2d(t[0], t[1], {}, {.groups = 9}); });
  add("conv_transpose2d", {random_normal({2, 31, 29, 5}, 12), random_normal({5, 2, 2, 7}, 13), random_normal({7}, 14)},
      [](auto& t) { return conv_transpose2d(t[0], t[1], t[2], {.stride = 2}); });
  add("max_pool2d", {x}, [](auto& t) { return max_pool2d(t[0], {.kernel = 3, .stride = 2}); });
  add("avg_pool2d", {x}, [](auto& t) { return avg_pool2d(t[0], {.kernel = 3, .stride = 2}); });
  add("resize_nearest", {x}, [](auto& t) { return resize_nearest(t[0], 120, 70); });
  add("resize_bilinear", {x}, [](auto& t) { return resize_bilinear(t[0], 40, 99, ResizeGrid::half_pixel); });
  add("dropout", {x}, [](auto& t) { return dropout(t[0], 0.5, {1, 2}); });
  add("dropout_channels", {x}, [](auto& t) { return dropout_channels(t[0], 0.5, {1, 2}); });
  return all;
}

/// Work of at most four tasks.
std::vector<OpCase> few_tasks() {
  const Tensor x = random_normal({1, 14, 14, 16}, 1), w = random_normal({16, 3, 3, 16}, 2), wide = random_normal({16, 2, 2, 16}, 3);
  std::vector<OpCase> all;
  const auto add = [&](std::string name, std::vector<Tensor> in, std::function<Tensor(const std::vector<Tensor>&)> f) {
    all.push_back({.name = std::move(name), .inputs = std::move(in), .op = [f](auto& t, auto&) { return f(t); }});
  };
  for (Algorithm a : {Algorithm::implicit_gemm, Algorithm::direct, Algorithm::winograd2, Algorithm::winograd3, Algorithm::winograd4})
    add(message("conv2d ", name_of(a)), {x, w}, [a](auto& t) {
      const Conv2dPlanScope scope(Conv2dPlan::all(a));
      return conv2d(t[0], t[1], {}, {.padding = Padding::symmetric(1)});
    });
  for (Algorithm a : {Algorithm::implicit_gemm, Algorithm::direct}) {
    add(message("strided conv2d ", name_of(a)), {x, w}, [a](auto& t) {
      const Conv2dPlanScope scope(Conv2dPlan::all(a));
      return conv2d(t[0], t[1], {}, {.stride = 2, .padding = Padding::symmetric(1)});
    });
    add(message("conv_transpose2d ", name_of(a)), {x, wide}, [a](auto& t) {
      const Conv2dPlanScope scope(Conv2dPlan::all(a));
      return conv_transpose2d(t[0], t[1], {}, {.stride = 2});
    });
  }
  const Tensor labels = Tensor::zeros({1, 14, 14}, {DType::u8, kCpu});
  add("softmax", {x}, [](auto& t) { return softmax(t[0]); });
  add("segmentation_loss", {x, labels}, [](auto& t) { return segmentation_loss(t[0], t[1], {}); });
  add("segmentation_loss of small logits", {random_normal({1, 4, 4, 16}, 4), labels},
      [](auto& t) { return segmentation_loss(t[0], t[1], {.upsample = ResizeGrid::half_pixel}); });
  add("resize_bilinear", {random_normal({1, 4, 60, 16}, 5)}, [](auto& t) { return resize_bilinear(t[0], 3, 90, ResizeGrid::half_pixel); });
  return all;
}

}  // namespace

TEST_CASE("a few tasks take as much memory at 64 threads as at 4") {
  ThreadPool four(4), many(64);
  for (Isa isa : instruction_sets())
    for (const OpCase& c : few_tasks()) {
      const auto at = [&](ThreadPool& pool) {
        const ExecutorScope scope(pool, isa);
        (void)test::detail::run(c, DType::f32, false, false);  // what is made once
        const std::size_t before = memory_stats().in_use;
        reset_peak_memory();
        (void)test::detail::run(c, DType::f32, false, false);
        return memory_stats().peak - before;
      };
      const std::size_t want = at(four);
      CHECK(want > 0);
      CHECK_MESSAGE(at(many) == want, c.name);
    }
}

TEST_CASE("patches of a small image are those of its pixels") {
  const Tensor x = random_normal({1, 4, 4, 16}, 1).set_requires_grad(), w = random_normal({16, 3, 3, 16}, 2).set_requires_grad();
  ThreadPool pool(16);
  const ExecutorScope scope(pool, detected_isa());
  const Conv2dPlanScope plan(Conv2dPlan::all(Algorithm::implicit_gemm));
  const std::size_t before = memory_stats().in_use;
  reset_peak_memory();
  sum(conv2d(x, w, {}, {.padding = Padding::symmetric(1)})).backward();
  CHECK(memory_stats().peak - before < 4 * 8 * 16 * 3 * 3 * 16);  // of f64: four matrices of patches, or of weights
}

TEST_CASE("the same bytes at 1, 2, 3, 5 and 16 threads, where there are many tasks") {
  const auto all = cases();
  ThreadPool one(1), two(2), three(3), five(5), sixteen(16);
  for (Isa isa : instruction_sets())
    for (DType dtype : {DType::f64, DType::f32})  // f64 shows the order of sums that end in f32
      for (const OpCase& c : all) {
        const auto at = [&](ThreadPool& pool) {
          const ExecutorScope scope(pool, isa);
          return test::detail::run(c, dtype, false, false);
        };
        const auto want = at(one);
        for (ThreadPool* pool : {&two, &three, &five, &sixteen}) {
          const auto got = at(*pool);
          for (std::size_t i = 0; i < got.size(); ++i)
            CHECK_MESSAGE(same_bytes(got[i], want[i]), c.name << std::string(dtype == DType::f64 ? " f64" : " f32") << " at "
                                                              << pool->concurrency() << " threads, result " << i);
        }
      }
}
