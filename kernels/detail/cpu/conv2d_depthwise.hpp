// Depthwise convolution (one filter a channel): registers of channels, a few output pixels at a time. Any kernel, stride and dilation.
#pragma once
#include "detail/cpu/correlation.hpp"
#include "detail/cpu/epilogue.hpp"
#include "detail/cpu/reduce.hpp"
#include "detail/cpu/simd.hpp"

namespace lamina::kernels::LAMINA_ISA {

/// packed (tap, c) of weights (c, kh, kw, 1).
template <class T>
void pack_depthwise(View4<const T> w, T* packed) {
  for (std::int64_t tap = 0; tap < w.h * w.w; ++tap)
    for (std::int64_t c = 0; c < w.n; ++c) packed[tap * w.n + c] = w.pixel(c, 0, tap)[0];
}

/// y at the outputs of (h, w) = b + correlation of x with packed weights (kernel row, kernel col of kw, c).
template <class T>
void depthwise_correlation(Cpu& cpu, View4<const T> x, const CorrelationAxis& h, const CorrelationAxis& w, const T* packed, std::int64_t kw,
                           const T* b, View4<T> y) {
  // Blocks of channels, whose rows are still in the cache when the next row of taps reads them.
  constexpr int P = 4, R = 4, L = kLanes<T>;
  constexpr std::int64_t kBlockChannels = 16 * kLanes<float>;
  const std::int64_t block = y.c < kBlockChannels ? y.c : kBlockChannels, blocks = (y.c + block - 1) / block;
  for_row_chunks(
      cpu, blocks * y.n * h.count, w.count * block * (1 + h.taps * w.taps),
      [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t row = begin; row < end; ++row) {
          const std::int64_t n = row / h.count % y.n, i = row % h.count, first = row / h.count / y.n * block;
          const std::int64_t stop = first + block < y.c ? first + block : y.c;
          const IndexRange rows = taps_inside(h, i, i, x.h);
          T* out = y.pixel(n, h.out_first + i * h.out_step, w.out_first);
          for (std::int64_t j = 0; j < w.count;) {
            // P pixels that read the same taps, or one.
            const std::int64_t j_last = j + P - 1 < w.count ? j + P - 1 : w.count - 1;
            const IndexRange cols = taps_inside(w, j, j, x.w), last = taps_inside(w, j_last, j_last, x.w);
            const bool wide = j + P <= w.count && cols.begin == last.begin && cols.end == last.end;
            const auto accumulate = [&]<int Pixels, int Registers>(std::int64_t c) {
              Vec<T> sum[Pixels][Registers];
              for (int v = 0; v < Registers; ++v) {
                const Vec<T> bias = b ? load_part(b + c + v * L, y.c - c - v * L) : Vec<T>{};
                for (int q = 0; q < Pixels; ++q) sum[q][v] = bias;
              }
              for (std::int64_t r = rows.begin; r < rows.end; ++r)
                for (std::int64_t s = cols.begin; s < cols.end; ++s) {
                  const T* from = x.pixel(n, h.input(i, r), w.input(j, s)) + c;
                  const T* tap = packed + ((h.tap_first + r * h.tap_step) * kw + w.tap_first + s * w.tap_step) * y.c + c;
                  for (int v = 0; v < Registers; ++v) {
                    const std::int64_t lanes = Registers > 1 ? L : y.c - c;
                    const Vec<T> weight = load_part(tap + v * L, lanes);
                    for (int q = 0; q < Pixels; ++q) sum[q][v] += weight * load_part(from + q * w.stride * x.ld + v * L, lanes);
                  }
                }
              for (int q = 0; q < Pixels; ++q)
                for (int v = 0; v < Registers; ++v) store_part(out + (j + q) * w.out_step * y.ld + c + v * L, sum[q][v], y.c - c - v * L);
            };
            std::int64_t c = first;
            for (; c + R * L <= stop; c += R * L)
              if (wide)
                accumulate.template operator()<P, R>(c);
              else
                accumulate.template operator()<1, R>(c);
            for (; c < stop; c += L)
              if (wide)
                accumulate.template operator()<P, 1>(c);
              else
                accumulate.template operator()<1, 1>(c);
            j += wide ? P : 1;
          }
        }
      },
      std::int64_t{1} << 18);
}

template <class T>
void conv2d_forward_depthwise(Cpu& cpu, View4<const T> x, View4<const T> w, const T* b, View4<T> y, const Conv2dParams& p) {
  Workspace workspace;
  T* packed = workspace.take<T>(w.size());
  pack_depthwise(w, packed);
  depthwise_correlation(cpu, x, forward_axis(y.h, w.h, p.padding.top, p), forward_axis(y.w, w.w, p.padding.left, p), packed, w.w, b, y);
  if (!p.activation.is_none()) activation_forward<T>(cpu, y.flat(), p.activation, y.flat());
}

template <class T>
void conv2d_backward_data_depthwise(Cpu& cpu, View4<const T> dy, View4<const T> w, View4<T> dx, const Conv2dParams& p) {
  Workspace workspace;
  T* packed = workspace.take<T>(w.size());
  pack_depthwise(w, packed);
  for (int u = 0; u < p.stride; ++u)
    for (int v = 0; v < p.stride; ++v)
      depthwise_correlation(cpu, dy, gradient_axis(u, dx.h, w.h, p.padding.top, p), gradient_axis(v, dx.w, w.w, p.padding.left, p), packed,
                            w.w, static_cast<const T*>(nullptr), dx);
}

/// sum over the outputs [begin, end) of a row of x(i * stride) * dy(i), for one register of channels.
template <class T>
inline Vec<T> depthwise_dot(const T* x, std::int64_t x_step, const T* dy, std::int64_t dy_step, std::int64_t count, std::int64_t lanes) {
  Vec<T> sum[4] = {};
  std::int64_t i = 0;
  for (; i + 4 <= count; i += 4)
    for (int q = 0; q < 4; ++q) sum[q] += load_part(x + (i + q) * x_step, lanes) * load_part(dy + (i + q) * dy_step, lanes);
  for (; i < count; ++i) sum[0] += load_part(x + i * x_step, lanes) * load_part(dy + i * dy_step, lanes);
  return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

template <class T>
void conv2d_backward_weights_depthwise(Cpu& cpu, View4<const T> x, View4<const T> dy, View4<T> dw, const Conv2dParams& p) {
  constexpr int L = kLanes<T>;
  const CorrelationAxis h = forward_axis(dy.h, dw.h, p.padding.top, p), w = forward_axis(dy.w, dw.w, p.padding.left, p);
  const std::int64_t taps = dw.h * dw.w, registers = vectors_for<T>(dy.c), size = taps * registers * L;
  const std::int64_t rows = dy.n * dy.h, parts = partial_sums(size, rows);
  Workspace workspace;
  T* partials = workspace.take<T>(parts, size);  // (part, tap, c)
  cpu.parallel(parts, [&](std::int64_t part, int) {
    T* sums = partials + part * size;
    __builtin_memset(sums, 0, static_cast<std::size_t>(size) * sizeof(T));
    for (std::int64_t row = rows * part / parts; row < rows * (part + 1) / parts; ++row) {
      const std::int64_t n = row / dy.h, i = row % dy.h;
      const IndexRange range = taps_inside(h, i, i, x.h);
      for (std::int64_t c = 0; c < dy.c; c += L)
        for (std::int64_t r = range.begin; r < range.end; ++r)
          for (std::int64_t s = 0; s < w.taps; ++s) {
            const auto [begin, end] = outputs_inside(w, s, s, x.w);
            if (begin >= end) continue;
            T* sum = sums + (r * dw.w + s) * registers * L + c;
            store(sum, load(sum) + depthwise_dot(x.pixel(n, h.input(i, r), w.input(begin, s)) + c, w.stride * x.ld,
                                                 dy.pixel(n, i, begin) + c, dy.ld, end - begin, dy.c - c));
          }
    }
  });
  add_partial_sums(cpu, partials, parts, size);
  for (std::int64_t c = 0; c < dw.n; ++c)
    for (std::int64_t tap = 0; tap < taps; ++tap) dw.pixel(c, 0, tap)[0] = partials[tap * registers * L + c];
}

}  // namespace lamina::kernels::LAMINA_ISA
