// Matrix products of tensor cores from stages in shared memory (detail/cuda/mma.cuh). Operands of bf16, sums of float.
#pragma once
#include "detail/cuda/gemm_tile.cuh"
#include "detail/cuda/mma.cuh"

namespace lamina::kernels::cuda {

/// sums += a * b for this warp's part of a FragmentTile, over `Depth` elements of the summed axis. `a` and `b` are the stage's operands;
/// rows of the tile, and columns, are Pitch elements apart with the summed axis along them, or, if Transposed, APitch and BPitch are the
/// distances along the summed axis.
template <class Tile, int Depth, int APitch, int BPitch, bool Transposed>
__device__ __forceinline__ void multiply_fragments(const BFloat16* a, const BFloat16* b, float (&sums)[Tile::kOwnRows][Tile::kOwnCols]) {
  static_assert(Depth % 16 == 0 && APitch % 8 == 0 && BPitch % 8 == 0);
  const int lane = static_cast<int>(threadIdx.x) % kWarpSize, warp = static_cast<int>(threadIdx.x) / kWarpSize;
  const int first = lane % 8, second = lane / 8 % 2, third = lane / 16;  // which row of which of four 8x8 matrices this lane points at
  const auto at = [&](int pitch, int along, int across) { return Transposed ? along * pitch + across : across * pitch + along; };
  const BFloat16* const own_a = a + at(APitch, 0, warp / Tile::kWarpsAcross * Tile::kPartRows) +
                                (Transposed ? at(APitch, first + 8 * third, 8 * second) : at(APitch, 8 * third, first + 8 * second));
  const BFloat16* const own_b = b + at(BPitch, 0, warp % Tile::kWarpsAcross * Tile::kPartCols) +
                                (Transposed ? at(BPitch, first + 8 * second, 8 * third) : at(BPitch, 8 * second, first + 8 * third));
#pragma unroll
  for (int d = 0; d < Depth; d += 16) {
    unsigned x[Tile::kOwnRows / 2][4];
#pragma unroll
    for (int i = 0; i < Tile::kOwnRows / 2; ++i) load_matrices_x4<Transposed>(x[i], own_a + at(APitch, d, 16 * i));
#pragma unroll
    for (int j = 0; j < Tile::kOwnCols / 4; ++j) {
      unsigned w[4];
      load_matrices_x4<Transposed>(w, own_b + at(BPitch, d, 16 * j));
#pragma unroll
      for (int i = 0; i < Tile::kOwnRows / 2; ++i)
#pragma unroll
        for (int half = 0; half < 2; ++half) {
          float* const upper = sums[2 * i] + 4 * j + 2 * half;
          float* const lower = sums[2 * i + 1] + 4 * j + 2 * half;
          float both[4] = {upper[0], upper[1], lower[0], lower[1]};
          mma_m16n8k16(both, x[i], {w[2 * half], w[2 * half + 1]});
          upper[0] = both[0], upper[1] = both[1], lower[0] = both[2], lower[1] = both[3];
        }
    }
  }
}

}  // namespace lamina::kernels::cuda
