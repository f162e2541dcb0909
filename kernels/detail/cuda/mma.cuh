// Tensor cores, sm_80 style: D = A * B + D on 16x8x16 tiles of bf16 with float sums, and the loads of its operands. Every lane of a warp
// calls together. Fragments as in the PTX manual, "Matrix Fragments for mma.m16n8k16": with g = lane / 4, t = lane % 4,
//   a[0] (row g, k 2t..2t+1), a[1] (row g + 8, same k), a[2], a[3]: the same with k + 8;  b[0] (k 2t..2t+1, column g), b[1]: with k + 8;
//   d[0], d[1] (row g, columns 2t, 2t + 1), d[2], d[3]: row g + 8.
#pragma once
#include "detail/cuda/launch.cuh"

namespace lamina::kernels::cuda {

#ifndef __CUDACC__
namespace detail {
/// Half `i` of two bf16 values in a register.
inline float bf16_half(unsigned bits, int i) { return __builtin_bit_cast(float, i ? bits & 0xffff0000u : bits << 16); }

/// What every lane brought, copied.
struct LaneValues {
  std::uint64_t v[kWarpSize];
  explicit LaneValues(std::uint64_t mine, std::source_location at = std::source_location::current()) {
    std::memcpy(v, ::shim::warp_exchange(kFullMask, mine, at), sizeof v);
  }
  unsigned low(int lane) const { return static_cast<unsigned>(v[lane]); }
  unsigned high(int lane) const { return static_cast<unsigned>(v[lane] >> 32); }
};
inline std::uint64_t two(unsigned low, unsigned high) { return std::uint64_t{high} << 32 | low; }
}  // namespace detail
#endif

__device__ __forceinline__ void mma_m16n8k16(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
#ifdef __CUDACC__
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
  const detail::LaneValues a_low(detail::two(a[0], a[1])), a_high(detail::two(a[2], a[3])), b_all(detail::two(b[0], b[1]));
  const int g = ::shim::lane() / 4, t = ::shim::lane() % 4;
  for (int i = 0; i < 4; ++i)
    for (int k = 0; k < 16; ++k) {
      const int row_lane = 4 * g + k % 8 / 2, column_lane = 4 * (2 * t + i % 2) + k % 8 / 2;
      const detail::LaneValues& from = k < 8 ? a_low : a_high;
      const unsigned x = i < 2 ? from.low(row_lane) : from.high(row_lane);
      const unsigned y = k < 8 ? b_all.low(column_lane) : b_all.high(column_lane);
      d[i] += detail::bf16_half(x, k % 2) * detail::bf16_half(y, k % 2);
    }
#endif
}

/// Four 8x8 matrices of 16-bit elements from shared memory: lane l gives the address of row l % 8 of matrix l / 8 (16 bytes, aligned), and
/// gets elements 2t, 2t + 1 of row g of each; with Transpose, elements g of rows 2t and 2t + 1.
template <bool Transpose>
__device__ __forceinline__ void load_matrices_x4(unsigned (&r)[4], const void* row) {
#ifdef __CUDACC__
  const auto from = static_cast<unsigned>(__cvta_generic_to_shared(row));
  if constexpr (Transpose)
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(from)
                 : "memory");
  else
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(from)
                 : "memory");
#else
  const detail::LaneValues rows(reinterpret_cast<std::uint64_t>(row));
  const int g = ::shim::lane() / 4, t = ::shim::lane() % 4;
  for (int i = 0; i < 4; ++i) {
    const auto element = [&](int matrix_row, int column) {
      std::uint16_t v;
      std::memcpy(&v, reinterpret_cast<const char*>(rows.v[8 * i + matrix_row]) + 2 * column, sizeof v);
      return unsigned{v};
    };
    r[i] = Transpose ? element(2 * t, g) | element(2 * t + 1, g) << 16 : element(g, 2 * t) | element(g, 2 * t + 1) << 16;
  }
  __syncwarp();  // the hardware reads for all lanes at once: nobody writes before everybody has read
#endif
}

}  // namespace lamina::kernels::cuda
