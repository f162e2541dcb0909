// Reductions whose order depends on the shape alone.
#pragma once
#include "detail/cpu/isa.hpp"

namespace lamina::kernels::LAMINA_ISA {

/// f(...f(f(start, x[0]), x[1])...), in four interleaved chains so that a row is not one long chain of dependent operations.
template <class A, class T, class F>
A fold(A start, const T* x, std::int64_t cols, F f) {
  A chain[4] = {start, start, start, start};
  std::int64_t c = 0;
  for (; c + 4 <= cols; c += 4)
    for (int i = 0; i < 4; ++i) chain[i] = f(chain[i], static_cast<A>(x[c + i]));
  for (; c < cols; ++c) chain[0] = f(chain[0], static_cast<A>(x[c]));
  return f(f(chain[0], chain[1]), f(chain[2], chain[3]));
}

/// The sum of a row, in double.
template <class T>
double row_sum(const T* x, std::int64_t cols) {
  return fold(0.0, x, cols, [](double a, double b) { return a + b; });
}

/// sums (cols) += the rows of x, in double. Narrow packed rows are added kGroup at a time, as one long row that fills registers.
template <class T>
void add_rows(View2<const T> x, double* sums) {
  constexpr std::int64_t kGroup = 8, kNarrow = 64;
  const auto add = [](const auto* from, std::int64_t cols, double* to) {
    for (std::int64_t c = 0; c < cols; ++c) to[c] += static_cast<double>(from[c]);
  };
  std::int64_t r = 0;
  if (x.contiguous() && x.cols < kNarrow) {
    double group[kGroup * kNarrow] = {};
    for (; r + kGroup <= x.rows; r += kGroup) add(x.row(r), kGroup * x.cols, group);
    for (std::int64_t i = 0; i < kGroup; ++i) add(group + i * x.cols, x.cols, sums);
  }
  for (; r < x.rows; ++r) add(x.row(r), x.cols, sums);
}

/// sums (cols) = the sum of `parts` rows of doubles, added in order.
template <class T>
void sum_parts(const double* partials, std::int64_t parts, std::int64_t cols, T* sums) {
  for (std::int64_t c = 0; c < cols; ++c) {
    double sum = 0;
    for (std::int64_t part = 0; part < parts; ++part) sum += partials[part * cols + c];
    sums[c] = static_cast<T>(sum);
  }
}

/// sums[c] = sum over r of x(r, c): chunks of rows in parallel, then the chunks in order. Sums in double.
template <class T>
void column_sums(Cpu& cpu, View2<const T> x, T* sums) {
  constexpr std::int64_t kMostChunks = 64;
  const std::int64_t wanted = x.size() >> 14, chunks = wanted < 1 ? 1 : wanted > kMostChunks ? kMostChunks : wanted;
  Workspace workspace;
  double* partials = workspace.take<double>(chunks, x.cols);  // (chunk, channel)
  cpu.parallel(chunks, [&](std::int64_t chunk, int) {
    const std::int64_t begin = x.rows * chunk / chunks, end = x.rows * (chunk + 1) / chunks;
    double* sum = partials + chunk * x.cols;
    for (std::int64_t c = 0; c < x.cols; ++c) sum[c] = 0;
    add_rows<T>({x.row(begin), end - begin, x.cols, x.ld}, sum);
  });
  sum_parts(partials, chunks, x.cols, sums);
}

/// How many partial results of `size` elements a reduction over `units` of work keeps: by shape alone, a power of two of at most 32, and
/// about a million elements in all.
inline std::int64_t partial_sums(std::int64_t size, std::int64_t units) {
  std::int64_t parts = 1;
  while (parts < 32 && 2 * parts <= units && 2 * parts * size <= 5 << 18) parts *= 2;
  return parts;
}

/// The first of `parts` arrays of `size` elements becomes the sum of all, added in order.
template <class T>
void add_partial_sums(Cpu& cpu, T* partials, std::int64_t parts, std::int64_t size) {
  for_row_chunks(cpu, size, parts, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t part = 1; part < parts; ++part)
      for (std::int64_t i = begin; i < end; ++i) partials[i] += partials[part * size + i];
  });
}

}  // namespace lamina::kernels::LAMINA_ISA
