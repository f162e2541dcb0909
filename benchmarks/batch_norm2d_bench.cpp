#include "lamina/ops/batch_norm2d.hpp"

#include <benchmark/benchmark.h>

#include <cmath>

using namespace lamina;

/// Feature maps (4, H, H, C) in training with ReLU. Forward reads x twice and writes y; backward reads x and dy twice and writes dx.
static void run(benchmark::State& state, bool backward) {
  const std::int64_t h = state.range(0), c = state.range(1);
  Tensor x = Tensor::normal({4, h, h, c}, {1, 2}), gamma = Tensor::full({c}, 1), beta = Tensor::zeros({c});
  const Tensor dy = Tensor::normal(x.shape(), {3, 4}), mean = Tensor::zeros({c}), var = Tensor::full({c}, 1);
  const BatchNorm2dParams p{.activation = Activation::relu()};
  double sum = 0;
  for (float v : batch_norm2d(x, gamma, beta, mean, var, p).to_vector<float>()) sum += v;
  if (!(std::abs(sum / static_cast<double>(x.numel()) - 0.3989) < 1e-2)) return state.SkipWithError("the mean of relu(normal) is off");
  gamma.set_requires_grad();
  beta.set_requires_grad();
  if (backward) x.set_requires_grad();
  const Tensor y = batch_norm2d(x, gamma, beta, mean, var, p);
  for (auto _ : state) {
    if (backward) {
      for (const Tensor& t : {x, gamma, beta}) t.zero_grad();
      y.backward(dy, true);
      benchmark::DoNotOptimize(x.grad().data<float>());
    } else {
      benchmark::DoNotOptimize(batch_norm2d(x, gamma, beta, mean, var, p).data<float>());
    }
  }
  state.SetBytesProcessed(state.iterations() * x.numel() * (backward ? 20 : 12));
}
static void batch_norm2d_forward(benchmark::State& state) { run(state, false); }
static void batch_norm2d_backward(benchmark::State& state) { run(state, true); }
BENCHMARK(batch_norm2d_forward)->Args({256, 16})->Args({128, 32})->Args({64, 64})->Args({32, 256})->Args({16, 1024})->UseRealTime();
BENCHMARK(batch_norm2d_backward)->Args({256, 16})->Args({128, 32})->Args({64, 64})->Args({32, 256})->Args({16, 1024})->UseRealTime();
