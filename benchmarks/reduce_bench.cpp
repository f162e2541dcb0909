#include "lamina/ops/reduce.hpp"

#include <benchmark/benchmark.h>

using namespace lamina;

/// Sums of feature maps (4, H, H, C): all elements, each image's channels (global average pooling), and over the channels. Reads x.
static void reduce(benchmark::State& state, const std::vector<int>& axes) {
  const std::int64_t h = state.range(0), c = state.range(1);
  const Tensor x = Tensor::full({4, h, h, c}, 0.5);
  for (float v : mean(x, {.axes = axes}).to_vector<float>())
    if (v != 0.5f) return state.SkipWithError("the mean is wrong");
  for (auto _ : state) benchmark::DoNotOptimize(mean(x, {.axes = axes}).data<float>());
  state.SetBytesProcessed(state.iterations() * x.numel() * 4);
}
BENCHMARK_CAPTURE(reduce, all, {})->Args({256, 16})->Args({32, 512})->UseRealTime();
BENCHMARK_CAPTURE(reduce, image, {1, 2})->Args({256, 16})->Args({32, 512})->UseRealTime();
BENCHMARK_CAPTURE(reduce, channels, {3})->Args({256, 16})->Args({32, 512})->UseRealTime();
