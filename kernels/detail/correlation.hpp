// The images that correlations read on the CPU.
#pragma once
#include "detail/correlation_axis.hpp"
#include "detail/isa.hpp"

namespace lamina::kernels::LAMINA_ISA {

/// The channels of an image are worked on in chunks of this many.
inline constexpr int kChunk = 16;
inline constexpr std::int64_t chunks_for(std::int64_t channels) { return (channels + kChunk - 1) / kChunk; }

/// Copies rows [row, row + rows) and columns [col, col + cols) of image n, channels [c0, c0 + c), to `tile` (rows, cols, ld), ld >= c;
/// what lies outside the image or beyond c is zero.
template <class T>
void copy_window(View4<const T> x, std::int64_t n, std::int64_t row, std::int64_t rows, std::int64_t col, std::int64_t cols,
                 std::int64_t c0, std::int64_t c, std::int64_t ld, T* tile) {
  const auto clamp = [](std::int64_t v, std::int64_t hi) { return v < 0 ? 0 : v > hi ? hi : v; };
  const auto zero = [](T* p, std::int64_t count) {
    if (count > 0) __builtin_memset(p, 0, static_cast<std::size_t>(count) * sizeof(T));
  };
  const std::int64_t begin = clamp(-col, cols), end = clamp(x.w - col, cols);  // columns inside the image
  for (std::int64_t r = 0; r < rows; ++r, tile += cols * ld) {
    if (row + r < 0 || row + r >= x.h || begin >= end) {
      zero(tile, cols * ld);
      continue;
    }
    zero(tile, begin * ld);
    zero(tile + end * ld, (cols - end) * ld);
    const T* from = x.pixel(n, row + r, col + begin) + c0;
    T* to = tile + begin * ld;
    if (x.ld == c && ld == c) {
      __builtin_memcpy(to, from, static_cast<std::size_t>((end - begin) * c) * sizeof(T));
      continue;
    }
    if (c == kChunk && ld == kChunk) {
      for (std::int64_t i = begin; i < end; ++i, from += x.ld, to += kChunk) __builtin_memcpy(to, from, kChunk * sizeof(T));
      continue;
    }
    for (std::int64_t i = begin; i < end; ++i, from += x.ld, to += ld) {
      for (std::int64_t k = 0; k < c; ++k) to[k] = from[k];
      for (std::int64_t k = c; k < ld; ++k) to[k] = 0;
    }
  }
}

}  // namespace lamina::kernels::LAMINA_ISA
