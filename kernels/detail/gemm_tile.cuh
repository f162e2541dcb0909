// What the tiled matrix products of the convolutions share: a block computes a tile of results, each thread a few rows and columns of it
// in registers, from two stages of shared memory that cp.async fills while the other one is used.
#pragma once
#include "detail/async_copy.cuh"
#include "lamina/kernels/conv2d.hpp"

namespace lamina::kernels::cuda {

/// A tile of Rows x Cols results, of which each thread has OwnRows x OwnCols. A warp spans 4 x 8 threads.
template <int Rows, int Cols, int OwnRows, int OwnCols>
struct Tile {
  static constexpr int kRows = Rows, kCols = Cols, kOwnRows = OwnRows, kOwnCols = OwnCols;
  static constexpr int kThreadRows = Rows / OwnRows, kThreadCols = Cols / OwnCols, kThreads = kThreadRows * kThreadCols;
  static constexpr int kBlocksPerProcessor = 512 / kThreads;  // so that a thread may have 128 registers
  static_assert(kThreadRows % 4 == 0 && kThreadCols % 8 == 0 && OwnRows % 4 == 0 && OwnCols % 4 == 0);

  /// The place of a thread among the kThreadRows x kThreadCols.
  LAMINA_HD static constexpr int thread_row(int thread) { return thread / 32 / (kThreadCols / 8) * 4 + thread % 32 / 8; }
  LAMINA_HD static constexpr int thread_col(int thread) { return thread / 32 % (kThreadCols / 8) * 8 + thread % 8; }
  /// The row and column of a thread's i-th and j-th results: quadruples of neighbours, which it can load or store at once.
  LAMINA_HD static constexpr int row(int thread_row, int i) { return (i / 4 * kThreadRows + thread_row) * 4 + i % 4; }
  LAMINA_HD static constexpr int col(int thread_col, int j) { return (j / 4 * kThreadCols + thread_col) * 4 + j % 4; }
};

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

/// Calls f(tile) with the tile a convolution's matrix product of `rows` x `cols` results (`batch` of them) works in: by shape alone.
template <class F>
void with_tile(GemmTile tile, std::int64_t rows, std::int64_t cols, std::int64_t batch, F&& f) {
  constexpr std::int64_t kManyBlocks = 256;
  if (tile == GemmTile::automatic) {
    const std::int64_t blocks = (rows + 127) / 128 * ((cols + 127) / 128) * batch;
    tile = cols <= 32 ? GemmTile::m128n32 : cols > 64 && rows > 64 && blocks >= kManyBlocks ? GemmTile::m128n128 : GemmTile::m64n64;
  }
  if (tile == GemmTile::m128n128) return f(Tile<128, 128, 8, 8>{});
  if (tile == GemmTile::m128n32) return f(Tile<128, 32, 8, 4>{});
  f(Tile<64, 64, 8, 4>{});
}

}  // namespace lamina::kernels::cuda
