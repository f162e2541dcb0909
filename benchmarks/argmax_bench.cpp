#include "lamina/ops/argmax.hpp"

#include "support.hpp"

using namespace lamina;

/// Logits (4, 256, 256, C) to labels: reads 4 C bytes a pixel and writes one.
static void run(benchmark::State& state) {
  const std::int64_t c = state.range(0);
  Tensor x = Tensor::normal({4, 256, 256, c}, {1, 2});
  x.channels(c - 1, 1).copy_from(Tensor::full({4, 256, 256, 1}, 100));
  if (argmax(x).data<std::uint8_t>()[0] != c - 1) return state.SkipWithError("the label is wrong");
  for (auto _ : state) benchmark::DoNotOptimize(argmax(x).data<std::uint8_t>());
  state.SetBytesProcessed(state.iterations() * (4 * x.numel() + x.numel() / c));
}
BENCHMARK(run)->Name("argmax")->Arg(2)->Arg(9)->Arg(32)->UseRealTime();
