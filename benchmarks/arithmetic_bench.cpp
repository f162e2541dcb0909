#include "lamina/ops/arithmetic.hpp"

#include <benchmark/benchmark.h>

using namespace lamina;

/// Sum of two feature maps (4, 256, 256, 16), packed or as halves of one buffer; reads a and b, writes y.
static void add_maps(benchmark::State& state) {
  const std::int64_t halves[] = {16, 16};
  const auto slices = Tensor::empty_slices({4, 256, 256}, halves);
  slices[0].fill(1);
  slices[1].fill(2);
  const bool packed = state.range(0) == 0;
  const Tensor a = packed ? slices[0].clone() : slices[0], b = packed ? slices[1].clone() : slices[1];
  if (add(a, b).data<float>()[12345] != 3) return state.SkipWithError("1 + 2 is not 3");
  for (auto _ : state) benchmark::DoNotOptimize(add(a, b).data<float>());
  state.SetBytesProcessed(state.iterations() * a.numel() * 12);
}
BENCHMARK(add_maps)->ArgName("sliced")->Arg(0)->Arg(1)->UseRealTime();
