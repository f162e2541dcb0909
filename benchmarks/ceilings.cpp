#include "ceilings.hpp"

#include <algorithm>
#include <map>
#include <string_view>
#include <vector>

#include "lamina/core/dispatch.hpp"
#include "lamina/core/error.hpp"
#include "lamina/kernels/copy.hpp"

namespace lamina::bench {
namespace {

constexpr int kChains = 12;  // independent sums: two units of latency 4, and some
constexpr std::int64_t kRounds = 1 << 20;

typedef float Floats8 __attribute__((vector_size(32)));
typedef float Floats16 __attribute__((vector_size(64)));

/// Returns what keeps the sums alive.
template <class Vector>
[[gnu::always_inline]] inline float multiply_add_rounds() {
  Vector sums[kChains];
  for (int i = 0; i < kChains; ++i) sums[i] = Vector{} + static_cast<float>(i);
  const Vector a = Vector{} + 0.5f, b = Vector{} + 0.25f;
  for (std::int64_t r = 0; r < kRounds; ++r)
#pragma GCC unroll 12
    for (int i = 0; i < kChains; ++i) sums[i] = sums[i] * a + b;
  for (int i = 1; i < kChains; ++i) sums[0] += sums[i];
  return sums[0][0];
}
[[gnu::target("avx2,fma")]] float rounds_v3() { return multiply_add_rounds<Floats8>(); }
[[gnu::target("avx512f,fma")]] float rounds_avx512() { return multiply_add_rounds<Floats16>(); }

/// The least of several times of `f()`, after one that does not count.
template <class F>
double least_seconds(Device device, F&& f) {
  Stopwatch watch(device);
  double least = 0;
  for (int i = 0; i < 8; ++i) {
    watch.start();
    f();
    const double seconds = watch.seconds();
    if (i == 1 || (i > 1 && seconds < least)) least = seconds;
  }
  return least;
}

Ceilings measure(Device device) {
  const Tensor from = Tensor::full({std::int64_t{1} << 18, 256}, 1, {DType::f32, device}), to = Tensor::empty(from.shape(), like(from));
  Ceilings found{};
  dispatch(from, [&]<class T>(auto& dev) {
    const double copy = least_seconds(device, [&] { kernels::copy<T>(dev, from.view2<const T>(), to.view2<T>()); });
    found.bytes_per_second = 2 * sizeof(T) * static_cast<double>(from.numel()) / copy;
    double count = 0;
    const double fma = least_seconds(device, [&] { count = detail::multiply_adds(dev); });
    found.flops_per_second = 2 * count / fma;
    const double mma = least_seconds(device, [&] { count = detail::matrix_multiply_adds(dev); });
    found.bf16_flops_per_second = count > 0 ? 2 * count / mma : 0;
  });
  return found;
}

}  // namespace

const Ceilings& ceilings(Device device) {
  static std::map<std::string, Ceilings> known;
  const auto [it, is_new] = known.try_emplace(device.str());
  if (is_new) it->second = measure(device);
  return it->second;
}

double detail::multiply_adds(Cpu& cpu) {
  const int threads = cpu.concurrency();
  const bool wide = std::string_view(name_of(cpu.isa)) == "avx512";
  std::vector<float> results(static_cast<std::size_t>(threads));
  cpu.parallel(threads, [&](std::int64_t task, int) { results[static_cast<std::size_t>(task)] = wide ? rounds_avx512() : rounds_v3(); });
  for (float v : results) require<NumericError>(v > 0 && v < 100, "the multiply-adds of the ceiling went wrong");
  return static_cast<double>(threads) * kRounds * kChains * (wide ? 16 : 8);
}

}  // namespace lamina::bench
