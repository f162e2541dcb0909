#include "lamina/ops/group_norm.hpp"

#include <benchmark/benchmark.h>

#include <cmath>

using namespace lamina;

/// Feature maps (4, H, H, C) with 8 groups. Forward reads x twice and writes y; backward reads x and dy twice and writes dx.
static void run(benchmark::State& state, bool backward) {
  const std::int64_t h = state.range(0), c = state.range(1);
  Tensor x = Tensor::normal({4, h, h, c}, {1, 2}), gamma = Tensor::full({c}, 1), beta = Tensor::zeros({c});
  const Tensor dy = Tensor::normal(x.shape(), {3, 4});
  double squares = 0;
  for (float v : group_norm(x, gamma, beta, 8).to_vector<float>()) squares += v * v;
  if (!(std::abs(squares / static_cast<double>(x.numel()) - 1) < 1e-3)) return state.SkipWithError("the variance is not 1");
  if (backward) x.set_requires_grad();
  const Tensor y = group_norm(x, gamma, beta, 8);
  for (auto _ : state) {
    if (backward) {
      x.zero_grad();
      y.backward(dy, true);
      benchmark::DoNotOptimize(x.grad().data<float>());
    } else {
      benchmark::DoNotOptimize(group_norm(x, gamma, beta, 8).data<float>());
    }
  }
  state.SetBytesProcessed(state.iterations() * x.numel() * (backward ? 20 : 12));
}
static void group_norm_forward(benchmark::State& state) { run(state, false); }
static void group_norm_backward(benchmark::State& state) { run(state, true); }
BENCHMARK(group_norm_forward)->Args({256, 16})->Args({64, 128})->UseRealTime();
BENCHMARK(group_norm_backward)->Args({256, 16})->Args({64, 128})->UseRealTime();
