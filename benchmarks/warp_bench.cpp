#include "lamina/ops/warp.hpp"

#include <benchmark/benchmark.h>

using namespace lamina;

/// Photographs (8, 512, 512, 3) and masks to 256 x 256; reads bytes, writes floats and labels.
static void warp_batch(benchmark::State& state) {
  const Tensor x = Tensor::uniform({8, 512, 512, 3}, {1, 2}, 0, 255).to(DType::u8),
               labels = Tensor::zeros({8, 512, 512}, {DType::u8, kCpu});
  const std::vector<AffineMap> maps(8, AffineMap{.xx = 1.4, .xy = 0.4, .yx = -0.4, .yy = 1.4, .x = 60, .y = 70});
  const WarpParams p{.height = 256, .width = 256};
  const double inside = warp(Tensor::full(x.shape(), 1, like(x)), {}, maps, p).images.to_vector<float>()[128 * 256 * 3];
  if (inside != 1) return state.SkipWithError("a point in the middle of ones is not one");
  for (auto _ : state) benchmark::DoNotOptimize(warp(x, labels, maps, p).images.data<float>());
  state.SetBytesProcessed(state.iterations() * 8 * 256 * 256 * (3 * 4 + 1 + 4 + 1));
}
BENCHMARK(warp_batch)->UseRealTime();
