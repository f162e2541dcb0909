// How the matrix products of the CUDA convolutions are divided: by shape alone, never by the device.
#pragma once
#include "lamina/kernels/conv2d.hpp"

namespace lamina::kernels::LAMINA_ISA {

/// A tile of Rows x Cols results, of which each thread has OwnRows x OwnCols. A warp spans WarpRows threads down.
template <int Rows, int Cols, int OwnRows, int OwnCols, int WarpRows>
struct TileOfThreads {
  static constexpr int kRows = Rows, kCols = Cols, kOwnRows = OwnRows, kOwnCols = OwnCols;
  static constexpr int kThreadRows = Rows / OwnRows, kThreadCols = Cols / OwnCols, kThreads = kThreadRows * kThreadCols;
  static constexpr int kBlocksPerProcessor = 512 / kThreads;  // so that a thread may have 128 registers
  static constexpr int kWarpCols = 32 / WarpRows, kWarpsAcross = kThreadCols / kWarpCols;
  static_assert(kThreadRows % WarpRows == 0 && kThreadCols % kWarpCols == 0 && OwnRows % 4 == 0 && OwnCols % 4 == 0);

  /// The place of a thread among the kThreadRows x kThreadCols.
  LAMINA_HD static constexpr int thread_row(int thread) { return thread / 32 / kWarpsAcross * WarpRows + thread % 32 / kWarpCols; }
  LAMINA_HD static constexpr int thread_col(int thread) { return thread / 32 % kWarpsAcross * kWarpCols + thread % kWarpCols; }
  /// The row and column of a thread's i-th and j-th results where operands lie as row_at and col_at say: rows far apart, quadruples of
  /// columns beside each other.
  LAMINA_HD static constexpr int row(int thread_row, int i) { return thread_row + i * kThreadRows; }
  LAMINA_HD static constexpr int col(int thread_col, int j) { return (j / 4 * kThreadCols + thread_col) * 4 + j % 4; }
};

/// For multiply-adds.
template <int Rows, int Cols, int OwnRows, int OwnCols>
struct Tile : TileOfThreads<Rows, Cols, OwnRows, OwnCols, 4> {
  using Threads = TileOfThreads<Rows, Cols, OwnRows, OwnCols, 4>;
  static constexpr int kStages = 2, kPad = 0;
  /// Which row and column of the operands lies at a place of shared memory.
  LAMINA_HD static constexpr int row_at(int place) { return place; }
  LAMINA_HD static constexpr int col_at(int place) { return Threads::col(place % Threads::kThreadCols, place / Threads::kThreadCols); }
  /// The row and column of a thread's results where operands lie in order, and how many of the columns are neighbours.
  static constexpr int kNeighbours = 4;
  LAMINA_HD static constexpr int row_in_order(int thread_row, int i) { return (i / 4 * Threads::kThreadRows + thread_row) * 4 + i % 4; }
  LAMINA_HD static constexpr int col_in_order(int thread_col, int j) { return Threads::col(thread_col, j); }
};

/// For tensor cores: a warp multiplies kPartRows x kPartCols results (detail/cuda/fragments.cuh).
template <int Rows, int Cols, int OwnRows, int OwnCols>
struct FragmentTile : TileOfThreads<Rows, Cols, OwnRows, OwnCols, 8> {
  using Threads = TileOfThreads<Rows, Cols, OwnRows, OwnCols, 8>;
  static constexpr int kStages = 4, kPad = 8;  // pad: rows that a warp reads at once begin in different banks
  static constexpr int kPartRows = 8 * OwnRows, kPartCols = 4 * OwnCols;

  LAMINA_HD static constexpr int row_at(int place) { return Threads::row(place / kPartRows * 8 + place % 8, place % kPartRows / 8); }
  LAMINA_HD static constexpr int col_at(int place) {
    const int pair = place % kPartCols / 16, second = place / 8 % 2;  // a pair of 8 columns makes quadruples
    return Threads::col(place / kPartCols * 4 + place % 8 / 2, 4 * pair + 2 * second + place % 2);
  }
  static constexpr int kNeighbours = 2;
  LAMINA_HD static constexpr int row_in_order(int thread_row, int i) { return thread_row / 8 * kPartRows + 8 * i + thread_row % 8; }
  LAMINA_HD static constexpr int col_in_order(int thread_col, int j) {
    return thread_col / 4 * kPartCols + j / 2 * 8 + thread_col % 4 * 2 + j % 2;
  }
};

/// The tile of a matrix product of `rows` x `cols` results, `batch` of them: the largest one that is not mostly empty and of which there
/// are enough to fill a GPU. Multiply-adds gain nothing from twice 64 rows.
LAMINA_HD constexpr GemmTile tile_for(std::int64_t rows, std::int64_t cols, std::int64_t batch, bool tensor_cores) {
  constexpr std::int64_t kManyBlocks = 256;
  if (cols <= 32) return GemmTile::m128n32;
  if (rows <= 32) return GemmTile::m32n128;
  const std::int64_t wide = cols > 64 ? 128 : 64, blocks = (rows + 127) / 128 * ((cols + wide - 1) / wide) * batch;
  if (rows <= 64 || blocks < kManyBlocks || (cols <= 64 && !tensor_cores)) return GemmTile::m64n64;
  return cols > 64 ? GemmTile::m128n128 : GemmTile::m128n64;
}

/// Splits the sums over `pixels` so that there are enough blocks, but not too many partial sums of `size` elements.
LAMINA_HD constexpr std::int64_t weight_gradient_parts(std::int64_t tiles, std::int64_t pixels, std::int64_t size) {
  constexpr std::int64_t kBlocks = 512, kFewestPixels = 128, kMostElements = std::int64_t{1} << 25;
  std::int64_t parts = kBlocks / tiles;
  if (parts > pixels / kFewestPixels) parts = pixels / kFewestPixels;
  if (parts > kMostElements / size) parts = kMostElements / size;
  return parts < 1 ? 1 : parts;
}

}  // namespace lamina::kernels::LAMINA_ISA
