// The product of a matrix with a transposed one, both as they are in memory: its elements are dot products of rows, so that nothing is
// packed. For the few pixels and many channels of a network's depth, where packing the weights takes longer than using them.
#pragma once
#include "detail/cpu/simd.hpp"

namespace lamina::kernels::LAMINA_ISA {

/// Rows of a and of b whose dot products are taken together: as many as a register has lanes.
template <class T>
inline constexpr int kDotRows = kLanes<T> >= 8 ? 4 : 2;
template <class T>
inline constexpr int kDotCols = kLanes<T> / kDotRows<T>;

/// Lane i of the result is the sum over the lanes of v[i * D]; pairs D apart are already one.
template <class T, int D = 1>
[[gnu::always_inline]] inline Vec<T> sums_of_lanes(Vec<T> (&v)[kLanes<T>]) {
  if constexpr (D == kLanes<T>) {
    return v[0];
  } else {
#pragma GCC unroll 16
    for (int i = 0; i < kLanes<T>; i += 2 * D) {
      exchange_lanes<D>(v[i], v[i + D], std::make_integer_sequence<int, kLanes<T>>{});
      v[i] += v[i + D];
    }
    return sums_of_lanes<T, 2 * D>(v);
  }
}

/// The dot products of `rows` <= kDotRows rows of a with `cols` <= kDotCols rows of b over `depth` elements; c gets them, or more of them.
template <class T>
[[gnu::noinline]] void dot_tile(const T* a, std::int64_t a_ld, std::int64_t rows, const T* b, std::int64_t b_ld, std::int64_t cols,
                                std::int64_t depth, T* c, std::int64_t c_ld, bool add) {
  constexpr int R = kDotRows<T>, S = kDotCols<T>, L = kLanes<T>;
  const T *left[R], *right[S];  // rows that do not exist are the last one again
  for (int r = 0; r < R; ++r) left[r] = a + (r < rows ? r : rows - 1) * a_ld;
  for (int s = 0; s < S; ++s) right[s] = b + (s < cols ? s : cols - 1) * b_ld;
  Vec<T> sum[L] = {};
  const auto step = [&](std::int64_t i, auto&& read) {
    Vec<T> y[S];
#pragma GCC unroll 4
    for (int s = 0; s < S; ++s) y[s] = read(right[s] + i);
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) {
      const Vec<T> x = read(left[r] + i);
#pragma GCC unroll 4
      for (int s = 0; s < S; ++s) sum[r * S + s] += x * y[s];
    }
  };
  std::int64_t i = 0;
  for (; i + L <= depth; i += L) step(i, [](const T* p) { return load(p); });
  if (i < depth) step(i, [&](const T* p) { return load_part(p, depth - i); });
  T dots[L];
  store(dots, sums_of_lanes<T>(sum));
  for (int r = 0; r < rows; ++r)
    for (int s = 0; s < cols; ++s) c[r * c_ld + s] = dots[r * S + s] + (add ? c[r * c_ld + s] : T(0));
}

/// c (m, n) = a (m, k) * b (n, k)^T, plus c when `add`.
template <class T>
void dot_products(View2<const T> a, View2<const T> b, View2<T> c, bool add) {
  constexpr std::int64_t kDepth = 4096 / sizeof(T);  // of the rows of b that stay in the L1 cache, while those of a come from the L2
  const auto rest = [](std::int64_t all, std::int64_t done, std::int64_t most) { return all - done < most ? all - done : most; };
  for (std::int64_t k = 0; k < a.cols; k += kDepth)
    for (std::int64_t j = 0; j < c.cols; j += kDotCols<T>)
      for (std::int64_t i = 0; i < c.rows; i += kDotRows<T>)
        dot_tile(a.row(i) + k, a.ld, rest(c.rows, i, kDotRows<T>), b.row(j) + k, b.ld, rest(c.cols, j, kDotCols<T>),
                 rest(a.cols, k, kDepth), c.row(i) + j, c.ld, add || k > 0);
}

}  // namespace lamina::kernels::LAMINA_ISA
