#include "lamina/ops/regression_loss.hpp"

#include <cmath>

#include "support.hpp"

using namespace lamina;

/// Two colour images (16, H, H, 3); forward reads both, backward reads both and writes one.
template <Tensor (*op)(const Tensor&, const Tensor&, const RegressionLossParams&), bool kBackward>
static void loss(benchmark::State& state) {
  const std::int64_t h = state.range(0);
  const Tensor x = Tensor::normal({16, h, h, 3}, {1, 2}), target = Tensor::normal({16, h, h, 3}, {3, 4});
  // x - target is normal with variance 2.
  const double expected = op == l1_loss ? 2 / std::sqrt(std::acos(-1)) : 2, value = op(x, target, {}).item();
  if (!(std::abs(value / expected - 1) < 0.01)) return state.SkipWithError("the mean is not what it is of normal numbers");
  bench::time_op(state, x, kBackward, x.numel() * (kBackward ? 12 : 8), [&] { return op(x, target, {}); });
}
BENCHMARK(loss<l1_loss, false>)->Name("l1_loss")->Arg(256)->UseRealTime();
BENCHMARK(loss<l1_loss, true>)->Name("l1_loss_backward")->Arg(256)->UseRealTime();
BENCHMARK(loss<mse_loss, false>)->Name("mse_loss")->Arg(256)->UseRealTime();
BENCHMARK(loss<mse_loss, true>)->Name("mse_loss_backward")->Arg(256)->UseRealTime();
