#include "lamina/ops/dropout.hpp"

#include <benchmark/benchmark.h>

using namespace lamina;

/// Dropout of feature maps (4, H, H, C), by element and by channel; reads x and writes y.
template <Tensor (*op)(const Tensor&, double, RandomKey, const Tensor&)>
static void forward(benchmark::State& state) {
  const std::int64_t h = state.range(0), c = state.range(1);
  const Tensor x = Tensor::full({4, h, h, c}, 1);
  const auto y = op(x, 0.5, {1, 2}, {}).to_vector<float>();
  double sum = 0;
  for (float v : y) sum += v;
  if (!(std::abs(sum / static_cast<double>(y.size()) - 1) < 0.2)) return state.SkipWithError("the mean is not kept");
  for (auto _ : state) benchmark::DoNotOptimize(op(x, 0.5, {1, 2}, {}).data<float>());
  state.SetBytesProcessed(state.iterations() * x.numel() * 8);
}
BENCHMARK(forward<dropout>)->Name("dropout")->Args({256, 16})->Args({32, 512})->UseRealTime();
BENCHMARK(forward<dropout_channels>)->Name("dropout_channels")->Args({256, 16})->Args({32, 512})->UseRealTime();
