// The project's own kernels, whichever warp runs ahead.
#include <vector>

#include "detail/cuda/reduce.cuh"
#include "lamina/core/tensor.hpp"
#include "lamina/ops/batch_norm2d.hpp"
#include "lamina/ops/conv2d.hpp"
#include "lamina/ops/reduce.hpp"
#include "lamina/ops/segmentation_loss.hpp"
#include "orders.hpp"
#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::kernels::cuda;
using namespace lamina::test;

namespace {

/// y (turns, threads): the block's sum of (turn + 1) * thread, as every thread sees it.
__global__ void block_sums_kernel(int turns, double* y) {
  LAMINA_SHARED(double, shared);
  for (int turn = 0; turn < turns; ++turn) {
    const double sum = block_sum(static_cast<double>(threadIdx.x * static_cast<unsigned>(turn + 1)), shared);
    y[turn * static_cast<int>(blockDim.x) + static_cast<int>(threadIdx.x)] = sum;
  }
}

/// What an op gives on the device under an order, and its gradients.
std::vector<Tensor> results_in(const char* order, const OpCase& c, DType dtype) {
  return in_order(order, [&] {
    std::vector<Tensor> results;
    for (const Tensor& t : test::detail::run(c, dtype, false, false, nullptr, device(), dtype)) results.push_back(t.to(kCpu));
    return results;
  });
}

}  // namespace

TEST_CASE("block sums in the same memory, whichever warp runs ahead") {
  constexpr int kTurns = 3, kThreads = 96;
  for (const char* order : kOrders)
    in_order(order, [&] {
      const Tensor y = on_device<double>(kTurns * kThreads);
      launch<block_sums_kernel>(cuda(), 1, kThreads, kThreads / 32 * sizeof(double), kTurns, y.data<double>());
      const auto sums = y.to_vector<double>();
      for (int i = 0; i < kTurns * kThreads; ++i) CHECK(sums[static_cast<std::size_t>(i)] == (i / kThreads + 1) * 95 * 96 / 2);
    });
}

TEST_CASE("kernels with shared memory give the same numbers whichever warp runs ahead") {
  const auto conv = [](const Shape& x, const Shape& w, const Conv2dParams& p, GemmTile tile = GemmTile::automatic) {
    return OpCase{message("conv2d x ", x, " w ", w), {random_normal(x, 1), random_normal(w, 2)}, [p, tile](auto& in, auto&) {
                    const Conv2dPlanScope scope(Conv2dPlan::all(Conv2dAlgorithm::automatic, tile));
                    return conv2d(in[0], in[1], {}, p);
                  }};
  };
  const auto moments = [](const Shape& x, const Shape& w) {
    return OpCase{.name = message("moments of conv2d x ", x, " w ", w),
                  .inputs = {random_normal(x, 1), random_normal(w, 2)},
                  .op = [](auto& in, auto&) { return conv2d_measured(in[0], in[1]).moments; },
                  .gradients = false};
  };
  const auto loss = [](const Shape& x, const Shape& y, LossActivation activation) {
    Tensor labels = Tensor::zeros(y, {DType::u8, kCpu});
    for (std::int64_t i = 0; i < labels.numel(); ++i) labels.data<std::uint8_t>()[i] = i % 7 == 0;
    const SegmentationLossOptions o{.activation = activation, .class_weights = {1, 2, 3, 4}, .upsample = ResizeGrid::half_pixel};
    return OpCase{message("segmentation_loss ", x, y), {random_normal(x, 3), labels}, [o](auto& in, auto&) {
                    return segmentation_loss(in[0], in[1], o);
                  }};
  };
  const std::vector<OpCase> cases{
      conv({1, 6, 7, 40}, {40, 2, 3, 40}, {}, GemmTile::m64n64),
      conv({1, 6, 7, 40}, {5, 1, 1, 40}, {}, GemmTile::m128n32),
      conv({1, 6, 7, 40}, {5, 1, 1, 40}, {}, GemmTile::m128n64),
      conv({1, 9, 11, 40}, {1, 1, 1, 40}, {}, GemmTile::m128n128),
      conv({1, 9, 8, 3}, {9, 7, 7, 3}, {}),                // direct: two chunks of the patch
      conv({1, 7, 8, 34}, {34, 2, 2, 1}, {.groups = 34}),  // depthwise
      moments({1, 10, 9, 8}, {40, 1, 1, 8}),
      moments({1, 16, 17, 2}, {6, 3, 3, 2}),
      loss({1, 37, 17, 4}, {1, 37, 17}, LossActivation::softmax),
      loss({1, 37, 17, 4}, {1, 37, 17, 4}, LossActivation::sigmoid),
      loss({1, 5, 3, 4}, {1, 37, 17}, LossActivation::softmax),
      loss({1, 5, 3, 4}, {1, 37, 17, 4}, LossActivation::sigmoid),
      {"sum", {random_normal({3000}, 4)}, [](auto& in, auto&) { return sum(in[0]); }},
      {.name = "batch_norm2d",
       .inputs = {random_normal({2, 40, 9, 5}, 5), random_normal({5}, 6), random_normal({5}, 7)},
       .op = [](auto& in, auto&) { return batch_norm2d(in[0], in[1], in[2], {}, {}); },
       .precise = {false, true, true}},
  };
  for (const OpCase& c : cases)
    for (DType dtype : {DType::f32, DType::bf16}) {
      const auto ascending = results_in("ascending", c, dtype), descending = results_in("descending", c, dtype);
      REQUIRE(ascending.size() == descending.size());
      for (std::size_t i = 0; i < ascending.size(); ++i)
        CHECK_MESSAGE(relative_error(ascending[i], descending[i]) == 0,
                      c.name << std::string(dtype == DType::f32 ? " f32" : " bf16") << ", result " << i);
    }
}
