// Moments of the channels of what a convolution stores, taken while it is in registers: first those of a thread's values, then, in shared
// memory, those of a tile, which a reduction over the tiles brings together. In float, but for the last step; the order depends on the
// shape alone.
#pragma once
#include "detail/cuda/normalize.cuh"

namespace lamina::kernels::cuda {

/// What every tile of `rows` pixels leaves: (tiles, {means, sums of squared differences from them}, channels). Plain data.
struct TileMoments {
  float* values = nullptr;  ///< null: not wanted
  std::int64_t rows = 0, pixels = 0, channels = 0;

  LAMINA_HD constexpr std::int64_t tiles() const { return (pixels + rows - 1) / rows; }
  /// How many of the pixels are in a tile.
  LAMINA_HD constexpr std::int64_t count(std::int64_t tile) const { return pixels - tile * rows < rows ? pixels - tile * rows : rows; }
};

namespace detail {

/// Keeps the moments of four neighbouring columns over one part of the tile's pixels in `shared` (parts, 2, cols).
__device__ __forceinline__ void keep_part(float* shared, int part, int cols, int col, const RunningMoments<4>& m) {
  float* const to = shared + 2 * part * cols + col;
  *reinterpret_cast<Pack<float, 4>*>(to) = {m.mean[0], m.mean[1], m.mean[2], m.mean[3]};
  *reinterpret_cast<Pack<float, 4>*>(to + cols) = {m.squares[0], m.squares[1], m.squares[2], m.squares[3]};
}

/// When all parts are kept: the block's threads bring the parts' moments together (Chan, Golub & LeVeque 1979) and write those of the
/// `valid` first columns, which begin at channel `first`. Part i has values(i) pixels, and only the last ones none.
template <class Values>
__device__ __forceinline__ void write_tile(const TileMoments& moments, std::int64_t tile, std::int64_t first, std::int64_t valid,
                                           const float* shared, int parts, int cols, Values&& values) {
  __syncthreads();
  float* const to = moments.values + 2 * tile * moments.channels + first;
  for (int col = static_cast<int>(threadIdx.x); col < cols && col < valid; col += static_cast<int>(blockDim.x)) {
    float n = 0, mean = 0, squares = 0;
    for (int part = 0; part < parts && values(part) > 0; ++part) {
      const float own = static_cast<float>(values(part)), d = shared[2 * part * cols + col] - mean;
      const float share = own / (n + own);
      mean += d * share;
      squares += shared[(2 * part + 1) * cols + col] + d * d * n * share;
      n += own;
    }
    to[col] = mean;
    to[moments.channels + col] = squares;
  }
}

/// Sums of differences of all values from the first tile's mean, and of their squares, for reduce_columns over the tiles.
template <int N>
struct TileSums {
  TileMoments moments;

  __device__ void operator()(const ColumnWalk& walk, double (&sums)[2][N]) const {
    const float* const column = moments.values + walk.c;
    const auto origin = load<N>(column);
    for (std::int64_t tile = walk.begin; tile < walk.end; tile += walk.step) {
      const auto mean = load<N>(column + 2 * tile * moments.channels), squares = load<N>(column + (2 * tile + 1) * moments.channels);
#pragma unroll
      for (int i = 0; i < N; ++i)
        add_moments(sums, i, static_cast<double>(moments.count(tile)), static_cast<double>(mean.v[i]) - static_cast<double>(origin.v[i]),
                    static_cast<double>(squares.v[i]));
    }
  }
};

}  // namespace detail

/// then(c, mean, biased variance) on the device for each channel.
template <class Then>
void combine_tiles(const Cuda& cuda, const TileMoments& moments, Then then) {
  const View2<const float> values{moments.values, 2 * moments.tiles(), moments.channels, moments.channels};
  with_pack_width<float>(
      [&](auto n) {
        constexpr int N = decltype(n)::value;
        reduce_columns<2, N>(cuda, 1, moments.tiles(), moments.channels, detail::TileSums<N>{moments},
                             FinishMoments<float, Then>{moments.values, moments.channels, static_cast<double>(moments.pixels), then});
      },
      values);
}

/// Calls f(moments) for a kernel with tiles of `rows` pixels of y to write them, then brings them together in `out` (2, channels), unless
/// that is null.
template <class T, class F>
void with_tile_moments(const Cuda& cuda, View4<T> y, std::int64_t pixels_in_tile, double* out, F&& f) {
  Workspace workspace(cuda);
  TileMoments moments{nullptr, pixels_in_tile, y.pixels(), y.c};
  if (!out) return f(moments);
  moments.values = workspace.take<float>(2, moments.tiles(), y.c);
  f(moments);
  combine_tiles(cuda, moments, WriteMoments{out, out + y.c});
}

}  // namespace lamina::kernels::cuda
