#include "lamina/ops/pool2d.hpp"

#include <benchmark/benchmark.h>

using namespace lamina;

/// 2x2 pooling of encoder feature maps (4, H, H, C); reads x and writes y.
template <Tensor (*op)(const Tensor&, const Pool2dParams&, const Tensor&)>
static void forward(benchmark::State& state) {
  const std::int64_t h = state.range(0), c = state.range(1);
  const Tensor x = Tensor::full({4, h, h, c}, 0.5);
  for (float v : op(x, {}, {}).to_vector<float>())
    if (v != 0.5f) return state.SkipWithError("the pooled value is wrong");
  for (auto _ : state) benchmark::DoNotOptimize(op(x, {}, {}).data<float>());
  state.SetBytesProcessed(state.iterations() * x.numel() * 5);
}
BENCHMARK(forward<max_pool2d>)->Name("max_pool2d")->Args({256, 16})->Args({32, 512})->UseRealTime();
BENCHMARK(forward<avg_pool2d>)->Name("avg_pool2d")->Args({256, 16})->Args({32, 512})->UseRealTime();
