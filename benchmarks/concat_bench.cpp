#include "lamina/ops/concat.hpp"

#include <benchmark/benchmark.h>

using namespace lamina;

/// A skip connection, (4, 256, 256, 16) beside (4, 256, 256, 32): free when both were written into one buffer, else a copy.
static void concat_skip(benchmark::State& state) {
  const std::int64_t widths[] = {16, 32};
  auto parts = Tensor::empty_slices({4, 256, 256}, widths);
  parts[0].fill(1);
  parts[1].fill(2);
  if (state.range(0) == 0)
    for (Tensor& t : parts) t = t.clone();
  const Tensor y = concat(parts);
  if (y.data<float>()[15] != 1 || y.data<float>()[16] != 2) return state.SkipWithError("the parts are not side by side");
  for (auto _ : state) benchmark::DoNotOptimize(concat(parts).data<float>());
  if (state.range(0) == 0) state.SetBytesProcessed(state.iterations() * y.numel() * 8);
}
BENCHMARK(concat_skip)->ArgName("adjacent")->Arg(0)->Arg(1)->UseRealTime();
