// What the tiled matrix products of the convolutions share: a block computes a tile of results, each thread a few rows and columns of it
// in registers, from two stages of shared memory that cp.async fills while the other one is used.
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

/// Copies data[offset] to shared memory, or zero where that is not `valid`; `data` may be read in any case.
template <class T>
__device__ __forceinline__ void copy_element(T* shared, const T* data, std::int64_t offset, bool valid) {
  if constexpr (sizeof(T) == 4)
    copy_async<4>(shared, valid ? data + offset : data, valid);
  else
    *shared = valid ? data[offset] : T{};
}
/// The same for the first `count` of kCopied<T> elements. Aligned: all or nothing.
template <bool Aligned, class T>
__device__ __forceinline__ void copy_elements(T* shared, const T* data, std::int64_t offset, int count) {
  if constexpr (Aligned) {
    copy_async<16>(shared, count > 0 ? data + offset : data, count > 0);
  } else {
#pragma unroll 1
    for (int e = 0; e < kCopied<T>; ++e) copy_element(shared + e, data, offset + e, e < count);
  }
}

/// Stores the first `count` of four values, at once where `wide` says that the address is aligned for it.
template <class T>
__device__ __forceinline__ void store_quadruple(T* to, const float (&v)[4], std::int64_t count, bool wide) {
  if (wide && count >= 4) {
    *reinterpret_cast<Pack<T, 4>*>(to) = {narrow<T>(v[0]), narrow<T>(v[1]), narrow<T>(v[2]), narrow<T>(v[3])};
    return;
  }
#pragma unroll
  for (int e = 0; e < 4; ++e)
    if (e < count) to[e] = narrow<T>(v[e]);
}

/// Runs `steps` steps: load(stage) queues the copies of the next one, multiply(stage) uses them.
template <class Load, class Multiply>
__device__ __forceinline__ void pipeline(int steps, Load&& load, Multiply&& multiply) {
  for (int step = -1; step < steps; ++step) {  // the first turn only fills a stage
    copy_async_wait<0>();
    __syncthreads();  // everybody's copies of this step have landed, and the other stage is free
    if (step + 1 < steps) load((step + 1) % 2);
    copy_async_commit();
    if (step >= 0) multiply(step % 2);
  }
}

/// Calls f with the tile of a matrix product of `rows` x `cols` results (`batch` of them): `wanted`, or what the shape decides.
template <class F>
void with_tile(GemmTile wanted, std::int64_t rows, std::int64_t cols, std::int64_t batch, F&& f) {
  switch (wanted == GemmTile::automatic ? tile_for(rows, cols, batch) : wanted) {
    case GemmTile::m128n128: return f(Tile<128, 128, 8, 8>{});
    case GemmTile::m128n32: return f(Tile<128, 32, 8, 4>{});
    default: return f(Tile<64, 64, 8, 4>{});
  }
}

}  // namespace lamina::kernels::cuda
