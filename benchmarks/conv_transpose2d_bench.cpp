#include "lamina/ops/conv_transpose2d.hpp"

#include <benchmark/benchmark.h>

#include <cmath>

using namespace lamina;

/// Upsampling (4, H, H, C) -> (4, 2H, 2H, C / 2) with a k x k kernel and stride 2; GFLOP/s of the defining sum.
static void conv_transpose2d_forward(benchmark::State& state) {
  const std::int64_t h = state.range(0), c = state.range(1), k = state.range(2);
  const Tensor x = Tensor::normal({4, h, h, c}, {1, 1}), w = Tensor::normal({c, k, k, c / 2}, {2, 2});
  const ConvTranspose2dParams p{.stride = 2, .padding = Padding::tf_same()};
  for (float v : conv_transpose2d(x, w, {}, p).to_vector<float>())
    if (!std::isfinite(v)) return state.SkipWithError("the result is not finite");
  for (auto _ : state) benchmark::DoNotOptimize(conv_transpose2d(x, w, {}, p).data<float>());
  state.counters["GFLOP/s"] = benchmark::Counter(
      2e-9 * static_cast<double>(4 * h * h * c * (c / 2) * k * k) * static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}
BENCHMARK(conv_transpose2d_forward)
    ->ArgNames({"H", "C", "k"})
    ->Args({16, 256, 2})
    ->Args({32, 128, 2})
    ->Args({64, 64, 2})
    ->Args({128, 32, 2})
    ->Args({64, 64, 4})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
