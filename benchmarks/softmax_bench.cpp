#include "lamina/ops/softmax.hpp"

#include <benchmark/benchmark.h>

#include <cmath>

using namespace lamina;

/// Logits (4, H, H, C) of a segmentation model; reads x and writes y.
template <Tensor (*op)(const Tensor&, const Tensor&)>
static void forward(benchmark::State& state) {
  const std::int64_t h = state.range(0), c = state.range(1);
  const Tensor x = Tensor::normal({4, h, h, c}, {1, 2});
  double sum = 0;
  for (float v : op(x, {}).to_vector<float>()) sum += op == softmax ? v : std::exp(v);
  if (!(std::abs(sum / static_cast<double>(4 * h * h) - 1) < 1e-5)) return state.SkipWithError("the rows do not sum to 1");
  for (auto _ : state) benchmark::DoNotOptimize(op(x, {}).data<float>());
  state.SetBytesProcessed(state.iterations() * x.numel() * 8);
}
BENCHMARK(forward<softmax>)->Name("softmax")->Args({256, 2})->Args({256, 9})->Args({256, 32})->UseRealTime();
BENCHMARK(forward<log_softmax>)->Name("log_softmax")->Args({256, 2})->Args({256, 9})->Args({256, 32})->UseRealTime();
