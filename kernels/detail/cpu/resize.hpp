// Bilinear resizing on the CPU, a row of pixels at a time.
#pragma once
#include "detail/cpu/isa.hpp"
#include "lamina/kernels/resize.hpp"

namespace lamina::kernels::LAMINA_ISA {

/// The taps of every output position of one axis.
template <class T>
struct BilinearAxis {
  struct Tap {
    std::int64_t lower, upper;
    T low, high;  ///< weights
  };
  std::int64_t in, out;
  Tap* taps;
  BilinearAxis(Workspace& ws, std::int64_t in, std::int64_t out, ResizeGrid grid) : in(in), out(out), taps(ws.take<Tap>(out)) {
    for (std::int64_t o = 0; o < out; ++o) {
      const BilinearTap t = bilinear_tap(o, in, out, grid);
      taps[o] = {t.lower, t.upper, static_cast<T>(1 - t.weight), static_cast<T>(t.weight)};
    }
  }
  /// The share of input position i in output position o.
  T share(std::int64_t o, std::int64_t i) const {
    return (taps[o].lower == i ? taps[o].low : T(0)) + (taps[o].upper == i ? taps[o].high : T(0));
  }
};

/// For every input position of an axis the outputs [first, last) that read it.
struct BilinearReaders {
  std::int64_t *first, *last;
  template <class T>
  BilinearReaders(Workspace& ws, const BilinearAxis<T>& axis)
      : first(ws.take<std::int64_t>(axis.in)), last(ws.take<std::int64_t>(axis.in)) {
    for (std::int64_t i = 0; i < axis.in; ++i) first[i] = last[i] = 0;
    for (std::int64_t o = 0; o < axis.out; ++o)
      for (std::int64_t i : {axis.taps[o].lower, axis.taps[o].upper}) {
        if (last[i] == 0) first[i] = o;
        last[i] = o + 1;
      }
  }
};

/// One row of image n resized: out (cols.out, C), pixels `ld` apart, from the two rows of x that `v` names. blended (cols.in, C): scratch.
template <class T>
void bilinear_row(View4<const T> x, std::int64_t n, const typename BilinearAxis<T>::Tap& v, const BilinearAxis<T>& cols,
                  T* __restrict blended, T* __restrict out, std::int64_t ld) {
  for (std::int64_t w = 0; w < x.w; ++w) {
    const T *a = x.pixel(n, v.lower, w), *b = x.pixel(n, v.upper, w);
    for (std::int64_t k = 0; k < x.c; ++k) blended[w * x.c + k] = v.low * a[k] + v.high * b[k];
  }
  for (std::int64_t w = 0; w < cols.out; ++w, out += ld) {
    const auto u = cols.taps[w];
    const T *a = blended + u.lower * x.c, *b = blended + u.upper * x.c;
    for (std::int64_t k = 0; k < x.c; ++k) out[k] = u.low * a[k] + u.high * b[k];
  }
}

/// Along a row the adjoint: to (cols.in, c), pixels `ld` apart, gathers its shares of from (cols.out, c), packed.
template <class T>
void bilinear_gather_row(const T* __restrict from, const BilinearAxis<T>& cols, const BilinearReaders& readers, std::int64_t c,
                         T* __restrict to, std::int64_t ld) {
  for (std::int64_t w = 0; w < cols.in; ++w, to += ld) {
    for (std::int64_t k = 0; k < c; ++k) to[k] = 0;
    for (std::int64_t o = readers.first[w]; o < readers.last[w]; ++o) {
      const T share = cols.share(o, w);
      for (std::int64_t k = 0; k < c; ++k) to[k] += share * from[o * c + k];
    }
  }
}

}  // namespace lamina::kernels::LAMINA_ISA
