// The two register-blocked inner loops of the convolutions. Where the distance of neighbouring pixels is a compile-time constant, as in a
// tile (chunk, pixel, kChunk), every broadcast is an operand of its multiply-add with an address that costs nothing. Sums are kept in
// kSums registers: V registers of channels x kSums / V pixels or channels.
#pragma once
#include "detail/cpu/correlation.hpp"
#include "detail/cpu/simd.hpp"

namespace lamina::kernels::LAMINA_ISA {

/// Accumulators: what the register file holds beside V <= kMostVectors operands and a broadcast.
inline constexpr int kSums = kRegisters == 32 ? 24 : 12;
inline constexpr int kMostVectors = kRegisters == 32 ? 4 : 3;

/// Output channels as `blocks` equal blocks of `vectors` <= kMostVectors registers; the last is padded.
struct ChannelBlocks {
  std::int64_t vectors, blocks, padded;  // padded: channels that all the blocks hold
};
template <class T>
inline ChannelBlocks channel_blocks(std::int64_t channels, int most = kMostVectors) {
  const std::int64_t all = vectors_for<T>(channels), blocks = (all + most - 1) / most, vectors = (all + blocks - 1) / blocks;
  return {vectors, blocks, blocks * vectors * kLanes<T>};
}

/// What one output pixel reads of a tile: (chunks, rows, cols) runs of consecutive elements.
struct Runs {
  std::int64_t chunks, rows, cols;
  std::int64_t length, last_length;                     // elements of a run; in the last chunk
  std::int64_t chunk_step, row_step = 0, col_step = 0;  // elements between runs
};

/// sum[p][v] += x(p, i) * w(i, v) over the elements i of the runs of pixel p; pixels are `step` elements apart, w is (i, V registers).
template <int P, int V, class T>
[[gnu::always_inline]] inline void correlate(const T* tile, std::int64_t step, const Runs& runs, const T* w, Vec<T> (&sum)[P][V]) {
  for (std::int64_t c = 0; c < runs.chunks; ++c)
    for (std::int64_t r = 0; r < runs.rows; ++r)
      for (std::int64_t s = 0; s < runs.cols; ++s) {
        const T* x = tile + c * runs.chunk_step + r * runs.row_step + s * runs.col_step;
        const T* end = x + (c + 1 < runs.chunks ? runs.length : runs.last_length);
#pragma GCC unroll 4
        for (; x != end; ++x, w += V * kLanes<T>) {
          Vec<T> weight[V];
#pragma GCC unroll 32
          for (int v = 0; v < V; ++v) weight[v] = load(w + v * kLanes<T>);
#pragma GCC unroll 32
          for (int p = 0; p < P; ++p) {
            const Vec<T> value = broadcast(x[p * step]);
#pragma GCC unroll 32
            for (int v = 0; v < V; ++v) sum[p][v] += value * weight[v];
          }
        }
      }
}

/// sum[r][v] += x(i, r) * z(i, v) over i < count, where register v of a row of z is load_right(z, v); rows are x_step and z_step elements
/// apart.
template <int R, int V, class T, class Right>
[[gnu::always_inline]] inline void outer_products(const T* x, std::int64_t x_step, const T* z, std::int64_t z_step, std::int64_t count,
                                                  Vec<T> (&sum)[R][V], Right&& load_right) {
#pragma GCC unroll 2
  for (const T* end = x + count * x_step; x != end; x += x_step, z += z_step) {
    Vec<T> right[V];
#pragma GCC unroll 32
    for (int v = 0; v < V; ++v) right[v] = load_right(z, v);
#pragma GCC unroll 32
    for (int r = 0; r < R; ++r) {
      const Vec<T> left = broadcast(x[r]);
#pragma GCC unroll 32
      for (int v = 0; v < V; ++v) sum[r][v] += left * right[v];
    }
  }
}

/// Calls f.operator()<V>() for V = vectors in [1, kMostVectors].
template <int V = 1, class F>
[[gnu::always_inline]] inline void with_vectors(std::int64_t vectors, F&& f) {
  if (vectors == V)
    f.template operator()<V>();
  else if constexpr (V < kMostVectors)
    with_vectors<V + 1>(vectors, f);
}

}  // namespace lamina::kernels::LAMINA_ISA
