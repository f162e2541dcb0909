// CPU twins of kernels/resize.hpp.
#include "lamina/kernels/resize.hpp"

#include "detail/isa.hpp"

namespace lamina::kernels::LAMINA_ISA {
namespace {

using i64 = std::int64_t;

/// The taps of every output position of one axis.
template <class T>
struct Axis {
  struct Tap {
    i64 lower, upper;
    T low, high;  ///< weights
  };
  Tap* taps;
  Axis(Workspace& ws, i64 in, i64 out, ResizeGrid grid) : taps(ws.take<Tap>(out)) {
    for (i64 o = 0; o < out; ++o) {
      const BilinearTap t = bilinear_tap(o, in, out, grid);
      taps[o] = {t.lower, t.upper, static_cast<T>(1 - t.weight), static_cast<T>(t.weight)};
    }
  }
  /// The share of input position i in output position o.
  T share(i64 o, i64 i) const { return (taps[o].lower == i ? taps[o].low : T(0)) + (taps[o].upper == i ? taps[o].high : T(0)); }
};

/// For every input position the outputs [first, last) that read it.
struct Readers {
  i64 *first, *last;
  template <class T>
  Readers(Workspace& ws, const Axis<T>& axis, i64 in, i64 out) : first(ws.take<i64>(in)), last(ws.take<i64>(in)) {
    for (i64 i = 0; i < in; ++i) first[i] = last[i] = 0;
    for (i64 o = 0; o < out; ++o)
      for (i64 i : {axis.taps[o].lower, axis.taps[o].upper}) {
        if (last[i] == 0) first[i] = o;
        last[i] = o + 1;
      }
  }
};

}  // namespace

template <class T>
void resize_nearest_forward(Cpu& cpu, View4<const T> x, View4<T> y) {
  for_row_chunks(cpu, y.n * y.h, y.w * y.c, [&](i64 begin, i64 end) {
    for (i64 row = begin; row < end; ++row) {
      const i64 n = row / y.h, source = nearest_source(row % y.h, x.h, y.h);
      T* out = y.pixel(n, row % y.h, 0);
      for (i64 w = 0; w < x.w; ++w) {
        const T* in = x.pixel(n, source, w);
        const i64 stop = nearest_first_output(w + 1, x.w, y.w);
        for (i64 o = nearest_first_output(w, x.w, y.w); o < stop; ++o, out += y.ld)
          for (i64 c = 0; c < y.c; ++c) out[c] = in[c];
      }
    }
  });
}

template <class T>
void resize_nearest_backward(Cpu& cpu, View4<const T> dy, View4<T> dx) {
  const bool doubled = dy.h == 2 * dx.h && dy.w == 2 * dx.w;
  for_row_chunks(cpu, dx.n * dx.h, dx.w * dx.c * 4, [&](i64 begin, i64 end) {
    for (i64 row = begin; row < end; ++row) {
      const i64 n = row / dx.h, h = row % dx.h;
      const i64 top = nearest_first_output(h, dx.h, dy.h), bottom = nearest_first_output(h + 1, dx.h, dy.h);
      for (i64 w = 0; w < dx.w; ++w) {
        T* __restrict out = dx.pixel(n, h, w);
        if (doubled) {
          const T *a = dy.pixel(n, top, 2 * w), *b = dy.pixel(n, top + 1, 2 * w);
          for (i64 c = 0; c < dx.c; ++c) out[c] = (a[c] + a[dy.ld + c]) + (b[c] + b[dy.ld + c]);
          continue;
        }
        const i64 left = nearest_first_output(w, dx.w, dy.w), right = nearest_first_output(w + 1, dx.w, dy.w);
        for (i64 c = 0; c < dx.c; ++c) out[c] = 0;
        for (i64 i = top; i < bottom; ++i)
          for (i64 j = left; j < right; ++j) {
            const T* g = dy.pixel(n, i, j);
            for (i64 c = 0; c < dx.c; ++c) out[c] += g[c];
          }
      }
    }
  });
}

template <class T>
void resize_bilinear_forward(Cpu& cpu, View4<const T> x, View4<T> y, ResizeGrid grid) {
  if (y.size() == 0) return;
  Workspace ws;
  const Axis<T> rows(ws, x.h, y.h, grid), cols(ws, x.w, y.w, grid);
  const i64 c = x.c;
  T* blended = ws.take<T>(cpu.concurrency() * x.w * c);  // one input row a worker: the vertical blend
  cpu.parallel(y.n * y.h, [&](i64 row, int worker) {
    const i64 n = row / y.h;
    const auto v = rows.taps[row % y.h];
    T* __restrict line = blended + worker * x.w * c;
    for (i64 w = 0; w < x.w; ++w) {
      const T *a = x.pixel(n, v.lower, w), *b = x.pixel(n, v.upper, w);
      for (i64 k = 0; k < c; ++k) line[w * c + k] = v.low * a[k] + v.high * b[k];
    }
    T* __restrict out = y.pixel(n, row % y.h, 0);
    for (i64 w = 0; w < y.w; ++w, out += y.ld) {
      const auto u = cols.taps[w];
      const T *a = line + u.lower * c, *b = line + u.upper * c;
      for (i64 k = 0; k < c; ++k) out[k] = u.low * a[k] + u.high * b[k];
    }
  });
}

template <class T>
void resize_bilinear_backward(Cpu& cpu, View4<const T> dy, View4<T> dx, ResizeGrid grid) {
  if (dx.size() == 0) return;
  Workspace ws;
  const Axis<T> rows(ws, dx.h, dy.h, grid), cols(ws, dx.w, dy.w, grid);
  const Readers row_readers(ws, rows, dx.h, dy.h), col_readers(ws, cols, dx.w, dy.w);
  const i64 c = dx.c;
  T* gathered = ws.take<T>(cpu.concurrency() * dy.w * c);  // one output row a worker: the vertical sum
  cpu.parallel(dx.n * dx.h, [&](i64 row, int worker) {
    const i64 n = row / dx.h, h = row % dx.h;
    T* __restrict line = gathered + worker * dy.w * c;
    for (i64 k = 0; k < dy.w * c; ++k) line[k] = 0;
    for (i64 o = row_readers.first[h]; o < row_readers.last[h]; ++o) {
      const T share = rows.share(o, h);
      for (i64 w = 0; w < dy.w; ++w) {
        const T* g = dy.pixel(n, o, w);
        for (i64 k = 0; k < c; ++k) line[w * c + k] += share * g[k];
      }
    }
    for (i64 w = 0; w < dx.w; ++w) {
      T* __restrict out = dx.pixel(n, h, w);
      for (i64 k = 0; k < c; ++k) out[k] = 0;
      for (i64 o = col_readers.first[w]; o < col_readers.last[w]; ++o) {
        const T share = cols.share(o, w);
        for (i64 k = 0; k < c; ++k) out[k] += share * line[o * c + k];
      }
    }
  });
}

LAMINA_INSTANTIATE(&resize_nearest_forward<float>, &resize_nearest_forward<double>, &resize_nearest_backward<float>,
                   &resize_nearest_backward<double>, &resize_bilinear_forward<float>, &resize_bilinear_forward<double>,
                   &resize_bilinear_backward<float>, &resize_bilinear_backward<double>)

}  // namespace lamina::kernels::LAMINA_ISA
