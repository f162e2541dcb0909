#include "lamina/ops/resize.hpp"

#include "support.hpp"

using namespace lamina;

/// Doubling of feature maps (4, H, H, C), as in a U-Net's decoder; reads x and writes y, backward reads dy and writes dx.
static void run(benchmark::State& state, bool bilinear, bool backward) {
  const std::int64_t h = state.range(0), c = state.range(1);
  const Tensor x = Tensor::full({4, h, h, c}, 1.5);
  const auto op = [&] { return bilinear ? resize_bilinear(x, 2 * h, 2 * h, ResizeGrid::half_pixel) : resize_nearest(x, 2 * h, 2 * h); };
  const Tensor y = op();
  if (y.data<float>()[y.numel() / 3] != 1.5f) return state.SkipWithError("a constant image changed");
  bench::time_op(state, x, backward, x.numel() * 20, op);
}
BENCHMARK_CAPTURE(run, nearest_forward, false, false)->Args({128, 32})->Args({32, 128})->UseRealTime();
BENCHMARK_CAPTURE(run, nearest_backward, false, true)->Args({128, 32})->Args({32, 128})->UseRealTime();
BENCHMARK_CAPTURE(run, bilinear_forward, true, false)->Args({128, 32})->Args({32, 128})->UseRealTime();
BENCHMARK_CAPTURE(run, bilinear_backward, true, true)->Args({128, 32})->Args({32, 128})->UseRealTime();
