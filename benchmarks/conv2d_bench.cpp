#include "lamina/ops/conv2d.hpp"

#include <benchmark/benchmark.h>

#include <cmath>

using namespace lamina;

namespace {

enum Pass : int { forward, backward_data, backward_weights };

/// One pass over batches (4, H, H, Cin) -> (4, H, H, Cout) with a square kernel, SAME size; GFLOP/s of the defining sum. The weight
/// gradient of a 1x1 kernel has db as well: in our models those layers have a bias. Arguments: H, Cin, Cout, kernel, dilation,
/// Conv2dAlgorithm.
template <Pass pass>
void conv2d(benchmark::State& state) {
  const std::int64_t h = state.range(0), cin = state.range(1), cout = state.range(2), k = state.range(3);
  Conv2dParams p{.padding = Padding::tf_same(), .dilation = static_cast<int>(state.range(4))};
  p = kernels::resolve_padding(p, h, h, k, k);
  const Tensor x = Tensor::normal({4, h, h, cin}, {1, 1}), w = Tensor::normal({cout, k, k, cin}, {2, 2}),
               y = Tensor::normal({4, h, h, cout}, {3, 3});
  const Tensor dx = Tensor::empty(x.shape()), dw = Tensor::empty(w.shape()), db = Tensor::empty({cout}), out = Tensor::empty(y.shape());
  const Tensor& result = pass == forward ? out : pass == backward_data ? dx : dw;
  Cpu& cpu = current_cpu();
  const auto run = [&](Conv2dAlgorithm algorithm) {
    p.algorithm = algorithm;
    if constexpr (pass == forward)
      kernels::conv2d_forward<float>(cpu, x.view4<const float>(), w.view4<const float>(), static_cast<const float*>(nullptr),
                                     out.view4<float>(), p);
    else if constexpr (pass == backward_data)
      kernels::conv2d_backward_data<float>(cpu, y.view4<const float>(), w.view4<const float>(), dx.view4<float>(), p);
    else
      kernels::conv2d_backward_weights<float>(cpu, x.view4<const float>(), y.view4<const float>(), dw.view4<float>(),
                                              k == 1 ? db.data<float>() : nullptr, p);
  };
  const auto algorithm = static_cast<Conv2dAlgorithm>(state.range(5));
  run(Conv2dAlgorithm::implicit_gemm);
  const auto expected = result.to_vector<float>();
  run(algorithm);
  const auto got = result.to_vector<float>();
  float error = 0, scale = 0;
  for (std::size_t i = 0; i < got.size(); ++i)
    error = std::max(error, std::abs(got[i] - expected[i])), scale = std::max(scale, std::abs(expected[i]));
  if (!(error <= 1e-4f * scale)) return state.SkipWithError("the result is wrong");
  for (auto _ : state) {
    run(algorithm);
    benchmark::ClobberMemory();
  }
  state.counters["GFLOP/s"] = benchmark::Counter(
      2e-9 * static_cast<double>(4 * h * h * cin * cout * k * k) * static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}

void shapes(benchmark::internal::Benchmark* b) {
  constexpr auto automatic = static_cast<std::int64_t>(Conv2dAlgorithm::automatic);
  b->ArgNames({"H", "Cin", "Cout", "k", "d", "algorithm"})->UseRealTime()->MeasureProcessCPUTime()->Unit(benchmark::kMillisecond);
  // A U-Net of base 16 and depth 4 at 256 x 256, encoder and decoder, and its head.
  for (auto [h, cin, cout] : {std::array<std::int64_t, 3>{256, 3, 16},
                              {256, 16, 16},
                              {256, 48, 16},
                              {128, 16, 32},
                              {128, 32, 32},
                              {128, 96, 32},
                              {64, 32, 64},
                              {64, 64, 64},
                              {64, 192, 64},
                              {32, 64, 128},
                              {32, 128, 128},
                              {32, 384, 128},
                              {16, 128, 256},
                              {16, 256, 256}})
    b->Args({h, cin, cout, 3, 1, automatic});
  for (auto [h, cin, cout] : {std::array<std::int64_t, 3>{256, 16, 2}, {256, 16, 11}, {256, 64, 11}, {32, 256, 64}})
    b->Args({h, cin, cout, 1, 1, automatic});
  // Wider networks; atrous convolution.
  for (auto [h, c] : {std::array<std::int64_t, 2>{128, 64}, {64, 128}, {32, 256}, {16, 512}}) b->Args({h, c, c, 3, 1, automatic});
  for (std::int64_t d : {6, 12}) b->Args({32, 256, 64, 3, d, automatic});
  // Every algorithm on one shape.
  for (auto a : {Conv2dAlgorithm::implicit_gemm, Conv2dAlgorithm::direct, Conv2dAlgorithm::winograd2, Conv2dAlgorithm::winograd4})
    b->Args({128, 32, 32, 3, 1, static_cast<std::int64_t>(a)});
}

}  // namespace

BENCHMARK(conv2d<forward>)->Name("conv2d_forward")->Apply(shapes);
BENCHMARK(conv2d<backward_data>)->Name("conv2d_backward_data")->Apply(shapes);
BENCHMARK(conv2d<backward_weights>)->Name("conv2d_backward_weights")->Apply(shapes);
