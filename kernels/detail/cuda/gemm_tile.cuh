// What the tiled matrix products of the convolutions share: a block computes a tile of results, each thread a few rows and columns of it
// in registers, from stages of shared memory that cp.async fills while another one is used: by multiply-adds in float, by tensor cores in
// bf16.
#pragma once
#include "detail/cuda/async_copy.cuh"
#include "detail/cuda/gemm_plan.hpp"

namespace lamina::kernels::cuda {

/// Elements of the summed axis that a stage holds, and elements that one copy moves.
template <class T>
inline constexpr int kDepth = 64 / sizeof(T);
template <class T>
inline constexpr int kCopied = 16 / sizeof(T);

/// May `width` neighbouring channels of a view be moved at once, in every group of `channels`?
template <class T>
bool aligned_channels(const T* data, std::int64_t ld, std::int64_t channels, int width) {
  return reinterpret_cast<std::uintptr_t>(data) % (width * sizeof(T)) == 0 && ld % width == 0 && channels % width == 0;
}

/// Copies an element to shared memory, or zero where it is not `valid`, and then reads nothing.
template <class T>
__device__ __forceinline__ void copy_element(T* shared, const T* from, bool valid) {
  if constexpr (sizeof(T) == 4)
    copy_async<4>(shared, from, valid);
  else
    *shared = valid ? *from : T{};
}
/// The same for the first `count` of kCopied<T> elements. Aligned: all or nothing.
template <bool Aligned, class T>
__device__ __forceinline__ void copy_elements(T* shared, const T* from, int count) {
  if constexpr (Aligned) {
    copy_async<16>(shared, from, count > 0);
  } else {
#pragma unroll 1
    for (int e = 0; e < kCopied<T>; ++e) copy_element(shared + e, from + e, e < count);
  }
}

/// Stores the first `count` of N values, at once where `wide` says that the address is aligned for it.
template <int N, class T>
__device__ __forceinline__ void store_first(T* to, const float* v, std::int64_t count, bool wide) {
  if (wide && count >= N) {
    Pack<T, N> all;
#pragma unroll
    for (int e = 0; e < N; ++e) all.v[e] = narrow<T>(v[e]);
    *reinterpret_cast<Pack<T, N>*>(to) = all;
    return;
  }
#pragma unroll
  for (int e = 0; e < N; ++e)
    if (e < count) to[e] = narrow<T>(v[e]);
}

/// Runs `steps` steps over Stages stages: load(stage) queues the copies of a later one, multiply(stage) uses what has come.
template <int Stages, class Load, class Multiply>
__device__ __forceinline__ void pipeline(int steps, Load&& load, Multiply&& multiply) {
  for (int step = 1 - Stages; step < steps; ++step) {  // the first turns only fill stages
    copy_async_wait<Stages - 2>();
    __syncthreads();  // everybody's copies of this step have landed, and the stage of the last one is free
    if (step + Stages - 1 < steps) load((step + Stages - 1) % Stages);
    copy_async_commit();
    if (step >= 0) multiply(step % Stages);
  }
}

/// Are products of T those of tensor cores?
template <class T>
inline constexpr bool kTensorCores = std::is_same_v<T, BFloat16>;

/// Calls f with the tile of a matrix product of `rows` x `cols` results (`batch` of them): `wanted`, or what the shape decides.
template <class T, class F>
void with_tile(GemmTile wanted, std::int64_t rows, std::int64_t cols, std::int64_t batch, F&& f) {
  const GemmTile tile = wanted == GemmTile::automatic ? tile_for(rows, cols, batch, kTensorCores<T>) : wanted;
  if constexpr (kTensorCores<T>) switch (tile) {
      case GemmTile::m128n128: return f(FragmentTile<128, 128, 8, 8>{});
      case GemmTile::m128n64: return f(FragmentTile<128, 64, 4, 8>{});
      case GemmTile::m128n32: return f(FragmentTile<128, 32, 4, 8>{});
      case GemmTile::m32n128: return f(FragmentTile<32, 128, 4, 8>{});
      default: return f(FragmentTile<64, 64, 4, 8>{});
    }
  else
    switch (tile) {
      case GemmTile::m128n128: return f(Tile<128, 128, 8, 8>{});
      case GemmTile::m128n64: return f(Tile<128, 64, 8, 4>{});
      case GemmTile::m128n32: return f(Tile<128, 32, 8, 4>{});
      case GemmTile::m32n128: return f(Tile<32, 128, 4, 8>{});
      default: return f(Tile<64, 64, 8, 4>{});
    }
}

}  // namespace lamina::kernels::cuda
