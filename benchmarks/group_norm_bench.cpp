#include "lamina/ops/group_norm.hpp"

#include <cmath>

#include "support.hpp"

using namespace lamina;

/// Feature maps (4, H, H, C) with 8 groups. Forward reads x twice and writes y; backward reads x and dy twice and writes dx.
static void run(benchmark::State& state, bool backward) {
  const std::int64_t h = state.range(0), c = state.range(1);
  const Tensor x = Tensor::normal({4, h, h, c}, {1, 2}), gamma = Tensor::full({c}, 1), beta = Tensor::zeros({c});
  double squares = 0;
  for (float v : group_norm(x, gamma, beta, 8).to_vector<float>()) squares += v * v;
  if (!(std::abs(squares / static_cast<double>(x.numel()) - 1) < 1e-3)) return state.SkipWithError("the variance is not 1");
  bench::time_op(state, x, backward, x.numel() * (backward ? 20 : 12), [&] { return group_norm(x, gamma, beta, 8); });
}
static void group_norm_forward(benchmark::State& state) { run(state, false); }
static void group_norm_backward(benchmark::State& state) { run(state, true); }
BENCHMARK(group_norm_forward)->Args({256, 16})->Args({64, 128})->UseRealTime();
BENCHMARK(group_norm_backward)->Args({256, 16})->Args({64, 128})->UseRealTime();
