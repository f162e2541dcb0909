// CPU twins of kernels/dropout.hpp.
#include "lamina/kernels/dropout.hpp"

#include "detail/cpu/isa.hpp"

namespace lamina::kernels::LAMINA_ISA {
namespace {

constexpr std::int64_t kDraws = 512;  // drawn at once

/// The words of `blocks` consecutive Philox blocks from `first_block` on. The compiler runs one block a vector lane.
void draw_blocks(RandomKey key, std::uint64_t first_block, std::int64_t blocks, std::uint32_t* words) {
  for (std::int64_t i = 0; i < blocks; ++i) {
    const Philox p = key.block(first_block + static_cast<std::uint64_t>(i));
    for (int j = 0; j < 4; ++j) words[4 * i + j] = p.v[j];
  }
}

/// factor[i] = 0 when draw first + i drops, else 1 / (1 - rate); at most kDraws of them.
template <class T>
void draw_factors(RandomKey key, double rate, std::int64_t first, std::int64_t count, T* factor) {
  std::uint32_t words[kDraws + 4];
  const std::int64_t skip = first % 4;
  draw_blocks(key, static_cast<std::uint64_t>(first / 4), (skip + count + 3) / 4, words);
  const T keep = static_cast<T>(1 / (1 - rate));
  const float threshold = static_cast<float>(rate);
  for (std::int64_t i = 0; i < count; ++i) factor[i] = uniform_from_bits(words[skip + i]) < threshold ? T(0) : keep;
}

template <class T>
T drop(T x, T factor) {
  return factor == 0 ? T(0) : x * factor;  // a dropped element is 0 even when x is not finite
}

/// Calls f(begin, count) over [0, n) in pieces of kDraws.
template <class F>
void for_pieces(std::int64_t n, F f) {
  for (std::int64_t i = 0; i < n; i += kDraws) f(i, n - i < kDraws ? n - i : kDraws);
}

}  // namespace

template <class T>
void dropout(Cpu& cpu, View2<const T> x, double rate, RandomKey key, View2<T> y) {
  const bool packed = x.contiguous() && y.contiguous();
  for_row_chunks(cpu, x.rows, x.cols, [&](std::int64_t begin, std::int64_t end) {
    // A packed chunk is one long row.
    const std::int64_t rows = packed ? 1 : end - begin, cols = packed ? (end - begin) * x.cols : x.cols;
    for (std::int64_t r = 0; r < rows; ++r) {
      const T* from = x.row(begin + r);
      T* to = y.row(begin + r);
      for_pieces(cols, [&](std::int64_t c, std::int64_t count) {
        T factor[kDraws];
        draw_factors(key, rate, (begin + r) * x.cols + c, count, factor);
        for (std::int64_t i = 0; i < count; ++i) to[c + i] = drop(from[c + i], factor[i]);
      });
    }
  });
}

template <class T>
void dropout_channels(Cpu& cpu, View4<const T> x, double rate, RandomKey key, View4<T> y) {
  Workspace workspace;
  T* factors = workspace.take<T>(x.n, x.c);
  for_pieces(x.n * x.c, [&](std::int64_t i, std::int64_t count) { draw_factors(key, rate, i, count, factors + i); });
  const std::int64_t pixels = x.h * x.w;
  for_row_chunks(cpu, x.n * pixels, x.c, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      const T *from = x.data + r * x.ld, *factor = factors + r / pixels * x.c;
      T* to = y.data + r * y.ld;
      for (std::int64_t c = 0; c < x.c; ++c) to[c] = drop(from[c], factor[c]);
    }
  });
}

LAMINA_INSTANTIATE(&dropout<float>, &dropout<double>, &dropout_channels<float>, &dropout_channels<double>)

}  // namespace lamina::kernels::LAMINA_ISA
