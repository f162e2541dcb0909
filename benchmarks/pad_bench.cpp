#include "lamina/ops/pad.hpp"

#include <benchmark/benchmark.h>

using namespace lamina;

/// A border of two pixels around feature maps (4, H, H, C).
static void pad_forward(benchmark::State& state) {
  const std::int64_t h = state.range(0), c = state.range(1);
  const Tensor x = Tensor::full({4, h, h, c}, 1);
  const PadParams p = PadParams::symmetric(2);
  if (pad(x, p).to_vector<float>()[0] != 0) return state.SkipWithError("the border is not zero");
  std::int64_t bytes = 0;
  for (auto _ : state) {
    const Tensor y = pad(x, p);
    bytes += (x.numel() + y.numel()) * 4;
    benchmark::DoNotOptimize(y.data<float>());
  }
  state.SetBytesProcessed(bytes);
}
BENCHMARK(pad_forward)->Args({256, 3})->Args({256, 16})->Args({64, 64})->UseRealTime();
