// How the matrix products of the CUDA convolutions are divided: by shape alone, never by the device.
#pragma once
#include "lamina/kernels/conv2d.hpp"

namespace lamina::kernels::LAMINA_ISA {

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

/// The tile of a matrix product of `rows` x `cols` results, `batch` of them: the largest one that is not mostly empty and of which there
/// are enough to fill a GPU.
LAMINA_HD constexpr GemmTile tile_for(std::int64_t rows, std::int64_t cols, std::int64_t batch) {
  constexpr std::int64_t kManyBlocks = 256;
  if (cols <= 32) return GemmTile::m128n32;
  const std::int64_t blocks = (rows + 127) / 128 * ((cols + 127) / 128) * batch;
  return rows > 64 && cols > 64 && blocks >= kManyBlocks ? GemmTile::m128n128 : GemmTile::m64n64;
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
