// CPU twins of kernels/resize.hpp.
#include "lamina/kernels/resize.hpp"

#include "detail/cpu/resize.hpp"

namespace lamina::kernels::LAMINA_ISA {
namespace {
using i64 = std::int64_t;
}

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
  const BilinearAxis<T> rows(ws, x.h, y.h, grid), cols(ws, x.w, y.w, grid);
  T* blended = ws.take<T>(cpu.workers(y.n * y.h), x.w, x.c);  // one input row a worker: the vertical blend
  cpu.parallel(y.n * y.h, [&](i64 row, int worker) {
    const i64 n = row / y.h, h = row % y.h;
    bilinear_row(x, n, rows.taps[h], cols, blended + worker * x.w * x.c, y.pixel(n, h, 0), y.ld);
  });
}

template <class T>
void resize_bilinear_backward(Cpu& cpu, View4<const T> dy, View4<T> dx, ResizeGrid grid) {
  if (dx.size() == 0) return;
  Workspace ws;
  const BilinearAxis<T> rows(ws, dx.h, dy.h, grid), cols(ws, dx.w, dy.w, grid);
  const BilinearReaders row_readers(ws, rows), col_readers(ws, cols);
  const i64 c = dx.c;
  T* gathered = ws.take<T>(cpu.workers(dx.n * dx.h), dy.w, c);  // one output row a worker: the vertical sum
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
    bilinear_gather_row(line, cols, col_readers, c, dx.pixel(n, h, 0), dx.ld);
  });
}

LAMINA_INSTANTIATE(&resize_nearest_forward<float>, &resize_nearest_forward<double>, &resize_nearest_backward<float>,
                   &resize_nearest_backward<double>, &resize_bilinear_forward<float>, &resize_bilinear_forward<double>,
                   &resize_bilinear_backward<float>, &resize_bilinear_backward<double>)

}  // namespace lamina::kernels::LAMINA_ISA
