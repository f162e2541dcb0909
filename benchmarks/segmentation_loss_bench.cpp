#include "lamina/ops/segmentation_loss.hpp"

#include <benchmark/benchmark.h>

#include <cmath>

using namespace lamina;

/// Logits (4, 256, 256, C), cross-entropy and Dice. Forward reads the logits and labels; backward reads them and writes the gradient.
static void run(benchmark::State& state, bool backward) {
  const std::int64_t c = state.range(0);
  Tensor logits = Tensor::zeros({4, 256, 256, c});
  const Tensor labels = Tensor::zeros({4, 256, 256}, {DType::u8, kCpu});
  for (std::int64_t i = 0; i < labels.numel(); ++i) labels.data<std::uint8_t>()[i] = static_cast<std::uint8_t>(i * 7 % c);
  if (backward) logits.set_requires_grad();
  SegmentationLossParts parts;
  const Tensor loss = segmentation_loss(logits, labels, {}, &parts);
  if (!(std::abs(parts.ce - std::log(static_cast<double>(c))) < 1e-5)) return state.SkipWithError("the cross-entropy is not log C");
  for (auto _ : state) {
    if (backward) {
      logits.zero_grad();
      loss.backward({}, true);
      benchmark::DoNotOptimize(logits.grad().data<float>());
    } else {
      benchmark::DoNotOptimize(segmentation_loss(logits, labels).item());
    }
  }
  state.SetBytesProcessed(state.iterations() * (logits.numel() * (backward ? 8 : 4) + labels.numel()));
}
static void segmentation_loss_forward(benchmark::State& state) { run(state, false); }
static void segmentation_loss_backward(benchmark::State& state) { run(state, true); }
BENCHMARK(segmentation_loss_forward)->Arg(2)->Arg(9)->Arg(12)->Arg(32)->UseRealTime();
BENCHMARK(segmentation_loss_backward)->Arg(2)->Arg(9)->Arg(12)->Arg(32)->UseRealTime();
