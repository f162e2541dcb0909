#include "lamina/ops/activation.hpp"

#include <cmath>

#include "support.hpp"

using namespace lamina;

/// Feature maps (4, 256, 256, 16): reads x and writes y; backward reads y and dy and writes dx.
static void run(benchmark::State& state, Activation act, double at_one, bool backward) {
  const Tensor x = Tensor::full({4, 256, 256, 16}, 1);
  if (!(std::abs(activation(x, act).data<float>()[0] - at_one) < 1e-5)) return state.SkipWithError("the value at 1 is wrong");
  bench::time_op(state, x, backward, x.numel() * (backward ? 12 : 8), [&] { return activation(x, act); });
}
BENCHMARK_CAPTURE(run, relu_forward, Activation::relu(), 1.0, false)->UseRealTime();
BENCHMARK_CAPTURE(run, relu_backward, Activation::relu(), 1.0, true)->UseRealTime();
BENCHMARK_CAPTURE(run, sigmoid_forward, Activation::sigmoid(), 0.7310586, false)->UseRealTime();
BENCHMARK_CAPTURE(run, tanh_forward, Activation::tanh(), 0.7615942, false)->UseRealTime();
BENCHMARK_CAPTURE(run, tanh_backward, Activation::tanh(), 0.7615942, true)->UseRealTime();
