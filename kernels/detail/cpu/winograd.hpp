// The transforms of Winograd's minimal filtering F(M x M, R x R) (Lavin and Gray 2016), one axis at a time, on values of SIMD registers V
// of channels. A tile is kIn inputs, the first one kFirst pixels from where its window begins, kPoints products or kOut outputs; a kernel
// has kTaps.
#pragma once
#include <type_traits>

#include "detail/cpu/simd.hpp"

namespace lamina::kernels::LAMINA_ISA {

template <class V>
using Element = std::remove_cvref_t<decltype(V{}[0])>;

template <int M, int R = 3>
struct Winograd;

/// M + R - 1 inputs; points 0, 1, -1, (2, (-2,)) infinity.
template <int M, int R = 3>
struct WinogradExtents {
  static constexpr int kOut = M, kTaps = R, kIn = M + R - 1, kPoints = M + R - 1, kFirst = 0;
};

template <>
struct Winograd<2> : WinogradExtents<2> {
  /// B^T d
  template <class V>
  [[gnu::always_inline]] static void input(const V (&d)[4], V (&t)[4]) {
    t[0] = d[0] - d[2];
    t[1] = d[1] + d[2];
    t[2] = d[2] - d[1];
    t[3] = d[1] - d[3];
  }
  /// A^T m
  template <class V>
  [[gnu::always_inline]] static void output(const V (&m)[4], V (&y)[2]) {
    y[0] = m[0] + m[1] + m[2];
    y[1] = m[1] - m[2] - m[3];
  }
  /// A y: the transpose of `output`.
  template <class V>
  [[gnu::always_inline]] static void output_gradient(const V (&y)[2], V (&m)[4]) {
    m[0] = y[0];
    m[1] = y[0] + y[1];
    m[2] = y[0] - y[1];
    m[3] = -y[1];
  }
  /// G w
  template <class V>
  [[gnu::always_inline]] static void weights(const V (&w)[3], V (&u)[4]) {
    using E = Element<V>;
    const V even = (w[0] + w[2]) * E(0.5), odd = w[1] * E(0.5);
    u[0] = w[0];
    u[1] = even + odd;
    u[2] = even - odd;
    u[3] = w[2];
  }
  /// G^T u: the transpose of `weights`.
  template <class V>
  [[gnu::always_inline]] static void weights_gradient(const V (&u)[4], V (&w)[3]) {
    using E = Element<V>;
    const V sum = (u[1] + u[2]) * E(0.5);
    w[0] = u[0] + sum;
    w[1] = (u[1] - u[2]) * E(0.5);
    w[2] = sum + u[3];
  }
};

template <>
struct Winograd<3> : WinogradExtents<3> {
  template <class V>
  [[gnu::always_inline]] static void input(const V (&d)[5], V (&t)[5]) {
    const V a = d[3] - d[1], b = d[3] - d[2];
    t[0] = (d[0] - d[2]) * 2 + a;
    t[1] = b - d[1] * 2;
    t[2] = b + (d[1] - d[2]) * 2;
    t[3] = a;
    t[4] = d[4] - d[2] - a * 2;
  }
  template <class V>
  [[gnu::always_inline]] static void output(const V (&m)[5], V (&y)[3]) {
    const V a = m[1] + m[2];
    y[0] = m[0] + a + m[3];
    y[1] = m[1] - m[2] + m[3] * 2;
    y[2] = a + m[3] * 4 + m[4];
  }
  template <class V>
  [[gnu::always_inline]] static void output_gradient(const V (&y)[3], V (&m)[5]) {
    const V even = y[0] + y[2];
    m[0] = y[0];
    m[1] = even + y[1];
    m[2] = even - y[1];
    m[3] = y[0] + y[1] * 2 + y[2] * 4;
    m[4] = y[2];
  }
  template <class V>
  [[gnu::always_inline]] static void weights(const V (&w)[3], V (&u)[5]) {
    using E = Element<V>;
    const V even = w[0] + w[2];
    u[0] = w[0] * E(0.5);
    u[1] = (even + w[1]) * E(-0.5);
    u[2] = (w[1] - even) * (E(1) / 6);
    u[3] = (w[0] + w[1] * 2 + w[2] * 4) * (E(1) / 6);
    u[4] = w[2];
  }
  template <class V>
  [[gnu::always_inline]] static void weights_gradient(const V (&u)[5], V (&w)[3]) {
    using E = Element<V>;
    const V one = u[1] * E(-0.5), minus = u[2] * (E(1) / 6), two = u[3] * (E(1) / 6);
    w[0] = u[0] * E(0.5) + one - minus + two;
    w[1] = one + minus + two * 2;
    w[2] = one - minus + two * 4 + u[4];
  }
};

template <>
struct Winograd<4> : WinogradExtents<4> {
  template <class V>
  [[gnu::always_inline]] static void input(const V (&d)[6], V (&t)[6]) {
    const V a = d[4] - d[2] * 4, b = d[3] - d[1] * 4, c = d[4] - d[2], e = (d[3] - d[1]) * 2;
    t[0] = d[0] * 4 + (d[4] - d[2] * 5);
    t[1] = a + b;
    t[2] = a - b;
    t[3] = c + e;
    t[4] = c - e;
    t[5] = d[1] * 4 + (d[5] - d[3] * 5);
  }
  template <class V>
  [[gnu::always_inline]] static void output(const V (&m)[6], V (&y)[4]) {
    const V a = m[1] + m[2], b = m[1] - m[2], c = m[3] + m[4], d = m[3] - m[4];
    y[0] = m[0] + a + c;
    y[1] = b + d * 2;
    y[2] = a + c * 4;
    y[3] = b + d * 8 + m[5];
  }
  template <class V>
  [[gnu::always_inline]] static void output_gradient(const V (&y)[4], V (&m)[6]) {
    const V a = y[0] + y[2], b = y[1] + y[3], c = y[0] + y[2] * 4, d = y[1] * 2 + y[3] * 8;
    m[0] = y[0];
    m[1] = a + b;
    m[2] = a - b;
    m[3] = c + d;
    m[4] = c - d;
    m[5] = y[3];
  }
  template <class V>
  [[gnu::always_inline]] static void weights(const V (&w)[3], V (&u)[6]) {
    using E = Element<V>;
    const V a = (w[0] + w[2]) * (E(-1) / 6), b = w[1] * (E(1) / 6), c = w[0] * (E(1) / 24) + w[2] * (E(1) / 6), d = w[1] * (E(1) / 12);
    u[0] = w[0] * E(0.25);
    u[1] = a - b;
    u[2] = a + b;
    u[3] = c + d;
    u[4] = c - d;
    u[5] = w[2];
  }
  template <class V>
  [[gnu::always_inline]] static void weights_gradient(const V (&u)[6], V (&w)[3]) {
    const V a = u[1] + u[2], b = u[2] - u[1], c = u[3] + u[4], d = u[3] - u[4];
    using E = Element<V>;
    w[0] = u[0] * E(0.25) - a * (E(1) / 6) + c * (E(1) / 24);
    w[1] = b * (E(1) / 6) + d * (E(1) / 12);
    w[2] = (c - a) * (E(1) / 6) + u[5];
  }
};

/// F(3 x 3, 4 x 4): the points, and so the input transform, of F(4 x 4, 3 x 3).
template <>
struct Winograd<3, 4> : WinogradExtents<3, 4> {
  template <class V>
  [[gnu::always_inline]] static void input(const V (&d)[6], V (&t)[6]) {
    Winograd<4>::input(d, t);
  }
  template <class V>
  [[gnu::always_inline]] static void output(const V (&m)[6], V (&y)[3]) {
    const V a = m[1] + m[2], c = m[3] + m[4];
    y[0] = m[0] + a + c;
    y[1] = (m[1] - m[2]) + (m[3] - m[4]) * 2;
    y[2] = a + c * 4 + m[5];
  }
  template <class V>
  [[gnu::always_inline]] static void output_gradient(const V (&y)[3], V (&m)[6]) {
    const V a = y[0] + y[2], c = y[0] + y[2] * 4, d = y[1] * 2;
    m[0] = y[0];
    m[1] = a + y[1];
    m[2] = a - y[1];
    m[3] = c + d;
    m[4] = c - d;
    m[5] = y[2];
  }
  template <class V>
  [[gnu::always_inline]] static void weights(const V (&w)[4], V (&u)[6]) {
    using E = Element<V>;
    const V a = (w[0] + w[2]) * (E(-1) / 6), b = (w[1] + w[3]) * (E(1) / 6), c = w[0] * (E(1) / 24) + w[2] * (E(1) / 6),
            d = w[1] * (E(1) / 12) + w[3] * (E(1) / 3);
    u[0] = w[0] * E(0.25);
    u[1] = a - b;
    u[2] = a + b;
    u[3] = c + d;
    u[4] = c - d;
    u[5] = w[3];
  }
  template <class V>
  [[gnu::always_inline]] static void weights_gradient(const V (&u)[6], V (&w)[4]) {
    const V a = u[1] + u[2], b = u[2] - u[1], c = u[3] + u[4], d = u[3] - u[4];
    using E = Element<V>;
    w[0] = u[0] * E(0.25) - a * (E(1) / 6) + c * (E(1) / 24);
    w[1] = b * (E(1) / 6) + d * (E(1) / 12);
    w[2] = (c - a) * (E(1) / 6);
    w[3] = b * (E(1) / 6) + d * (E(1) / 3) + u[5];
  }
};

/// F(2 x 2, 3 x 3) where the first and the last input are padding: a 2 x 2 Toeplitz matrix times a vector by three products (Karatsuba).
struct WinogradInside {
  static constexpr int kOut = 2, kTaps = 3, kIn = 2, kPoints = 3, kFirst = 1;
  template <class V>
  [[gnu::always_inline]] static void input(const V (&d)[2], V (&t)[3]) {
    t[0] = d[0] + d[1];
    t[1] = d[1];
    t[2] = d[0];
  }
  template <class V>
  [[gnu::always_inline]] static void output(const V (&m)[3], V (&y)[2]) {
    y[0] = m[0] + m[1];
    y[1] = m[0] + m[2];
  }
  template <class V>
  [[gnu::always_inline]] static void output_gradient(const V (&y)[2], V (&m)[3]) {
    m[0] = y[0] + y[1];
    m[1] = y[0];
    m[2] = y[1];
  }
  template <class V>
  [[gnu::always_inline]] static void weights(const V (&w)[3], V (&u)[3]) {
    u[0] = w[1];
    u[1] = w[2] - w[1];
    u[2] = w[0] - w[1];
  }
  template <class V>
  [[gnu::always_inline]] static void weights_gradient(const V (&u)[3], V (&w)[3]) {
    w[0] = u[2];
    w[1] = u[0] - u[1] - u[2];
    w[2] = u[1];
  }
};

/// Applies f : V[A] -> V[B] along both axes of an A x A tile: reads element (i, j) by in(i, j), writes (i, j) of B x B by out(i, j, v).
template <int A, int B, class V, class In, class F, class Out>
[[gnu::always_inline]] inline void both_axes(In in, F f, Out out) {
  V half[A][B];  // (column, transformed row)
#pragma GCC unroll 8
  for (int j = 0; j < A; ++j) {
    V column[A];
#pragma GCC unroll 8
    for (int i = 0; i < A; ++i) column[i] = in(i, j);
    f(column, half[j]);
  }
#pragma GCC unroll 8
  for (int i = 0; i < B; ++i) {
    V row[A], result[B];
#pragma GCC unroll 8
    for (int j = 0; j < A; ++j) row[j] = half[j][i];
    f(row, result);
#pragma GCC unroll 8
    for (int j = 0; j < B; ++j) out(i, j, result[j]);
  }
}

}  // namespace lamina::kernels::LAMINA_ISA
