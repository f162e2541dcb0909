// The images that correlations read on the CPU.
#pragma once
#include "detail/cpu/isa.hpp"
#include "detail/shared/correlation_axis.hpp"

namespace lamina::kernels::LAMINA_ISA {

/// The channels of an image are worked on in chunks of this many.
inline constexpr int kChunk = 16;
inline constexpr std::int64_t chunks_for(std::int64_t channels) { return (channels + kChunk - 1) / kChunk; }

/// `count` rows or columns from `first` on, `step` apart; perhaps beyond the image.
struct Strip {
  std::int64_t first, count, step = 1;
  /// Those within [0, extent).
  IndexRange inside(std::int64_t extent) const {
    if (first >= 0 && first + (count - 1) * step < extent) return {0, count};  // often, and without a division
    return detail::meeting(first, first, step, count, extent);
  }
};

/// Copies pixels of image n, channels [c0, c0 + c), to `tile` (rows, cols, ld), ld >= c; what lies outside the image or beyond c is zero.
template <class T>
void copy_window(View4<const T> x, std::int64_t n, const Strip& rows, const Strip& cols, std::int64_t c0, std::int64_t c, std::int64_t ld,
                 T* tile) {
  const auto zero = [](T* p, std::int64_t count) {
    if (count > 0) __builtin_memset(p, 0, static_cast<std::size_t>(count) * sizeof(T));
  };
  const IndexRange down = rows.inside(x.h), across = cols.inside(x.w);
  for (std::int64_t r = 0; r < rows.count; ++r, tile += cols.count * ld) {
    if (r < down.begin || r >= down.end || across.size() == 0) {
      zero(tile, cols.count * ld);
      continue;
    }
    zero(tile, across.begin * ld);
    zero(tile + across.end * ld, (cols.count - across.end) * ld);
    const std::int64_t step = cols.step * x.ld;
    const T* from = x.pixel(n, rows.first + r * rows.step, cols.first + across.begin * cols.step) + c0;
    T* to = tile + across.begin * ld;
    if (step == c && ld == c) {
      __builtin_memcpy(to, from, static_cast<std::size_t>(across.size() * c) * sizeof(T));
      continue;
    }
    if (c == kChunk && ld == kChunk) {
      for (std::int64_t i = 0; i < across.size(); ++i, from += step, to += kChunk) __builtin_memcpy(to, from, kChunk * sizeof(T));
      continue;
    }
    for (std::int64_t i = 0; i < across.size(); ++i, from += step, to += ld) {
      for (std::int64_t k = 0; k < c; ++k) to[k] = from[k];
      for (std::int64_t k = c; k < ld; ++k) to[k] = 0;
    }
  }
}

}  // namespace lamina::kernels::LAMINA_ISA
