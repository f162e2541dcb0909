// What the op benchmarks share.
#pragma once
#include <benchmark/benchmark.h>

#include "lamina/core/tensor.hpp"

namespace lamina::bench {

/// Times `op()`, or with `backward` the walk from its result to x's gradient alone, and reports `bytes` moved an iteration.
template <class Op>
void time_op(benchmark::State& state, Tensor x, bool backward, std::int64_t bytes, Op&& op) {
  x.set_requires_grad(backward);
  const Tensor y = op(), dy = Tensor::normal(y.shape(), {3, 4});
  for (auto _ : state) {
    if (backward) {
      x.zero_grad();
      y.backward(dy, true);
      benchmark::DoNotOptimize(x.grad().data<float>());
    } else {
      benchmark::DoNotOptimize(op().template data<float>());
    }
  }
  state.SetBytesProcessed(state.iterations() * bytes);
}

}  // namespace lamina::bench
