// CPU twins of kernels/pool2d.hpp.
#include "lamina/kernels/pool2d.hpp"

#include "detail/cpu/isa.hpp"
#include "detail/cpu/simd.hpp"
#include "detail/shared/pool2d.hpp"

namespace lamina::kernels::LAMINA_ISA {
namespace {

using i64 = std::int64_t;

/// Lanes where b takes the place of the maximum a: the first maximum wins, and the first NaN.
template <class T>
Ints<T> wins(Vec<T> b, Vec<T> a) {
  return ((b > a) | (b != b)) & (a == a);
}

/// 2x2 windows at stride 2 without padding: one pass, no bounds.
template <class T, bool kWinner>
void max_row_2x2(const T* top, const T* bottom, i64 ld, T* y, i64 y_ld, std::uint8_t* winner, i64 width, i64 channels) {
  for (i64 q = 0; q < width; ++q, top += 2 * ld, bottom += 2 * ld, y += y_ld, winner += kWinner ? channels : 0)
    for (i64 c = 0; c < channels; c += kLanes<T>) {
      const i64 rest = channels - c;
      const Vec<T> a = load_part(top + c, rest), b = load_part(top + ld + c, rest), d = load_part(bottom + c, rest),
                   e = load_part(bottom + ld + c, rest);
      const Ints<T> b_wins = wins<T>(b, a), e_wins = wins<T>(e, d);  // all bits, that is -1, or 0
      const Vec<T> ab = b_wins ? b : a, de = e_wins ? e : d;
      const Ints<T> lower = wins<T>(de, ab);
      store_part(y + c, lower ? de : ab, rest);
      if (kWinner) store_bytes<T>(winner + c, lower ? 2 - e_wins : -b_wins, rest);
    }
}

template <class T>
void max_row(View4<const T> x, i64 n, i64 p, T* y, i64 y_ld, std::uint8_t* winner, i64 width, const Pool2dParams& params) {
  const Span rows(p, params.padding.top, params.kernel, params.stride, x.h);
  const i64 top = p * params.stride - params.padding.top;
  for (i64 q = 0; q < width; ++q, y += y_ld) {
    const Span cols(q, params.padding.left, params.kernel, params.stride, x.w);
    const i64 left = q * params.stride - params.padding.left;
    for (i64 c = 0; c < x.c; c += kLanes<T>) {
      const i64 rest = x.c - c;
      Vec<T> most = load_part(x.pixel(n, rows.begin, cols.begin) + c, rest);
      Ints<T> position = Ints<T>{} + static_cast<int>((rows.begin - top) * params.kernel + cols.begin - left);
      for (i64 h = rows.begin; h < rows.end; ++h)
        for (i64 w = cols.begin; w < cols.end; ++w) {
          const Vec<T> value = load_part(x.pixel(n, h, w) + c, rest);
          const Ints<T> takes = wins<T>(value, most);
          most = takes ? value : most;
          position = takes ? Ints<T>{} + static_cast<int>((h - top) * params.kernel + w - left) : position;
        }
      store_part(y + c, most, rest);
      if (winner) store_bytes<T>(winner + q * x.c + c, position, rest);
    }
  }
}

/// 2x2 windows at stride 2 that lie inside the image x; y are the windows.
template <class X, class Y>
bool is_plain_2x2(const Pool2dParams& p, View4<X> x, View4<Y> y) {
  return p.kernel == 2 && p.stride == 2 && p.padding.top == 0 && p.padding.left == 0 && 2 * y.h <= x.h && 2 * y.w <= x.w;
}

/// dx in gather form: for every input pixel, zeroed first, f(its dx, n, h, w, i, j) for each window (i, j) that holds it.
template <class T, class F>
void gather_windows(Cpu& cpu, View4<const T> dy, View4<T> dx, const Pool2dParams& p, F f) {
  for_row_chunks(cpu, dx.n * dx.h, dx.w * dx.c, [&](i64 begin, i64 end) {
    for (i64 row = begin; row < end; ++row) {
      const i64 n = row / dx.h, h = row % dx.h;
      const Windows rows(h, p.padding.top, p.kernel, p.stride, dy.h);
      for (i64 w = 0; w < dx.w; ++w) {
        T* out = dx.pixel(n, h, w);
        for (i64 c = 0; c < dx.c; ++c) out[c] = 0;
        const Windows cols(w, p.padding.left, p.kernel, p.stride, dy.w);
        for (i64 i = rows.first; i <= rows.last; ++i)
          for (i64 j = cols.first; j <= cols.last; ++j) f(out, n, h, w, i, j);
      }
    }
  });
}

}  // namespace

template <class T>
void max_pool2d_forward(Cpu& cpu, View4<const T> x, View4<T> y, std::uint8_t* winner, const Pool2dParams& p) {
  const bool plain = is_plain_2x2(p, x, y);
  for_row_chunks(cpu, y.n * y.h, y.w * y.c, [&](i64 begin, i64 end) {
    for (i64 row = begin; row < end; ++row) {
      const i64 n = row / y.h, h = row % y.h;
      T* out = y.pixel(n, h, 0);
      std::uint8_t* win = winner ? winner + row * y.w * y.c : nullptr;
      if (!plain)
        max_row(x, n, h, out, y.ld, win, y.w, p);
      else if (win)
        max_row_2x2<T, true>(x.pixel(n, 2 * h, 0), x.pixel(n, 2 * h + 1, 0), x.ld, out, y.ld, win, y.w, y.c);
      else
        max_row_2x2<T, false>(x.pixel(n, 2 * h, 0), x.pixel(n, 2 * h + 1, 0), x.ld, out, y.ld, win, y.w, y.c);
    }
  });
}

/// 2x2 windows at stride 2 without padding: each writes its four pixels; an odd last row or column has no window.
template <class T>
void max_pool2d_backward_2x2(Cpu& cpu, View4<const T> dy, const std::uint8_t* winner, View4<T> dx) {
  for_row_chunks(cpu, dx.n * dx.h, dx.w * dx.c, [&](i64 begin, i64 end) {
    for (i64 row = begin; row < end; ++row) {
      const i64 n = row / dx.h, h = row % dx.h;
      const i64 windows = h / 2 < dy.h ? dy.w : 0;
      const std::uint8_t* win = winner + (n * dy.h + h / 2) * dy.w * dy.c;
      const int left = h % 2 * 2;
      for (i64 w = 0; w < windows; ++w, win += dy.c) {
        const T* g = dy.pixel(n, h / 2, w);
        T* out = dx.pixel(n, h, 2 * w);
        for (i64 c = 0; c < dx.c; c += kLanes<T>) {
          const i64 rest = dx.c - c;
          const Ints<T> winner_of = load_bytes<T>(win + c, rest);
          const Vec<T> gradient = load_part(g + c, rest);
          store_part(out + c, winner_of == left ? gradient : Vec<T>{}, rest);
          store_part(out + dx.ld + c, winner_of == left + 1 ? gradient : Vec<T>{}, rest);
        }
      }
      for (i64 w = 2 * windows; w < dx.w; ++w)
        for (i64 c = 0; c < dx.c; ++c) dx.pixel(n, h, w)[c] = 0;
    }
  });
}

template <class T>
void max_pool2d_backward(Cpu& cpu, View4<const T> dy, const std::uint8_t* winner, View4<T> dx, const Pool2dParams& p) {
  if (is_plain_2x2(p, dx, dy)) return max_pool2d_backward_2x2(cpu, dy, winner, dx);
  gather_windows(cpu, dy, dx, p, [&](T* __restrict out, i64 n, i64 h, i64 w, i64 i, i64 j) {
    const auto position = static_cast<std::uint8_t>((h + p.padding.top - i * p.stride) * p.kernel + (w + p.padding.left - j * p.stride));
    const T* g = dy.pixel(n, i, j);
    const std::uint8_t* win = winner + ((n * dy.h + i) * dy.w + j) * dy.c;
    for (i64 c = 0; c < dx.c; ++c) out[c] += win[c] == position ? g[c] : T(0);
  });
}

template <class T>
void avg_pool2d_forward(Cpu& cpu, View4<const T> x, View4<T> y, const Pool2dParams& p) {
  for_row_chunks(cpu, y.n * y.h, y.w * y.c, [&](i64 begin, i64 end) {
    for (i64 row = begin; row < end; ++row) {
      const i64 n = row / y.h, i = row % y.h;
      const Span rows(i, p.padding.top, p.kernel, p.stride, x.h);
      for (i64 j = 0; j < y.w; ++j) {
        const Span cols(j, p.padding.left, p.kernel, p.stride, x.w);
        T* __restrict out = y.pixel(n, i, j);
        for (i64 c = 0; c < y.c; ++c) out[c] = 0;
        for (i64 h = rows.begin; h < rows.end; ++h)
          for (i64 w = cols.begin; w < cols.end; ++w) {
            const T* in = x.pixel(n, h, w);
            for (i64 c = 0; c < y.c; ++c) out[c] += in[c];
          }
        const T weight = average_weight<T>(rows, cols, p);
        for (i64 c = 0; c < y.c; ++c) out[c] *= weight;
      }
    }
  });
}

template <class T>
void avg_pool2d_backward(Cpu& cpu, View4<const T> dy, View4<T> dx, const Pool2dParams& p) {
  gather_windows(cpu, dy, dx, p, [&](T* __restrict out, i64 n, i64, i64, i64 i, i64 j) {
    const T weight =
        average_weight<T>(Span(i, p.padding.top, p.kernel, p.stride, dx.h), Span(j, p.padding.left, p.kernel, p.stride, dx.w), p);
    const T* g = dy.pixel(n, i, j);
    for (i64 c = 0; c < dx.c; ++c) out[c] += weight * g[c];
  });
}

LAMINA_INSTANTIATE(&max_pool2d_forward<float>, &max_pool2d_forward<double>, &max_pool2d_backward<float>, &max_pool2d_backward<double>,
                   &avg_pool2d_forward<float>, &avg_pool2d_forward<double>, &avg_pool2d_backward<float>, &avg_pool2d_backward<double>)

}  // namespace lamina::kernels::LAMINA_ISA
