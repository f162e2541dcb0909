#include "lamina/ops/activation.hpp"

#include <benchmark/benchmark.h>

#include <cmath>

using namespace lamina;

/// Feature maps (4, 256, 256, 16): reads x and writes y; backward reads y and dy and writes dx.
static void run(benchmark::State& state, Activation act, double at_one, bool backward) {
  Tensor x = Tensor::full({4, 256, 256, 16}, 1);
  const Tensor dy = Tensor::normal(x.shape(), {3, 4});
  if (backward) x.set_requires_grad();
  const Tensor y = activation(x, act);
  if (!(std::abs(y.data<float>()[0] - at_one) < 1e-5)) return state.SkipWithError("the value at 1 is wrong");
  for (auto _ : state) {
    if (backward) {
      x.zero_grad();
      y.backward(dy, true);
      benchmark::DoNotOptimize(x.grad().data<float>());
    } else {
      benchmark::DoNotOptimize(activation(x, act).data<float>());
    }
  }
  state.SetBytesProcessed(state.iterations() * x.numel() * (backward ? 12 : 8));
}
BENCHMARK_CAPTURE(run, relu_forward, Activation::relu(), 1.0, false)->UseRealTime();
BENCHMARK_CAPTURE(run, relu_backward, Activation::relu(), 1.0, true)->UseRealTime();
BENCHMARK_CAPTURE(run, sigmoid_forward, Activation::sigmoid(), 0.7310586, false)->UseRealTime();
BENCHMARK_CAPTURE(run, tanh_forward, Activation::tanh(), 0.7615942, false)->UseRealTime();
BENCHMARK_CAPTURE(run, tanh_backward, Activation::tanh(), 0.7615942, true)->UseRealTime();
