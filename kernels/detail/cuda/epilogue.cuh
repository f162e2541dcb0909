// What convolutions do to a result before it is stored.
#pragma once
#include "detail/cuda/gemm_tile.cuh"
#include "detail/shared/activate.hpp"

namespace lamina::kernels::cuda {

/// act(v + b[k]) of channel k. Plain data.
struct Epilogue {
  const float* b = nullptr;  ///< may be null
  Activation act = {};

  __device__ float operator()(float v, std::int64_t k) const {
    if (b) v += b[k];
    float result = v;
    with_activation(act, [&](auto a) { result = a(v); });
    return result;
  }
  /// The bias of channels [k, k + 4) of those before `end`.
  __device__ __forceinline__ Pack<float, 4> bias(std::int64_t k, std::int64_t end) const {
    Pack<float, 4> out;
#pragma unroll
    for (int e = 0; e < 4; ++e) out.v[e] = b && k + e < end ? b[k + e] : 0;
    return out;
  }
};

/// Stores act(sums + bias) of the first `count` of four channels, at once where `wide` says that the address is aligned for it. Returns
/// what can be read there afterwards: rounded.
template <class T, class Act>
__device__ __forceinline__ Pack<float, 4> store_activated(T* to, const float* sums, const Pack<float, 4>& bias, Act act, std::int64_t count,
                                                          bool wide) {
  Pack<float, 4> values;
#pragma unroll
  for (int e = 0; e < 4; ++e) values.v[e] = act(sums[e] + bias.v[e]);
  store_first<4>(to, values.v, count, wide);
#pragma unroll
  for (int e = 0; e < 4; ++e) values.v[e] = widen(narrow<T>(values.v[e]));
  return values;
}

}  // namespace lamina::kernels::cuda
