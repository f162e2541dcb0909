// Convolution as matrix products over tiles of pixels: any kernel, stride, dilation and group count. Each tile gathers its patches into
// scratch (a row a pixel, columns in the order (r, s, c) of the packed weights), or uses the image itself where a patch is a pixel.
#pragma once
#include "detail/epilogue.hpp"
#include "detail/gemm.hpp"
#include "lamina/kernels/conv2d.hpp"

namespace lamina::kernels::LAMINA_ISA {

/// Pixels a tile has, so that its patches take about 64 K elements.
inline std::int64_t tile_pixels(std::int64_t patch) {
  const std::int64_t pixels = (std::int64_t{1} << 16) / patch;
  return pixels < 16 ? 16 : pixels > 1024 ? 1024 : pixels;
}

/// Rows of output pixels that read an image: pixel i (flat over n, h, w of the output) takes x at h * step_h - top + r * dilation_h, ...
template <class T>
struct PatchReader {
  View4<const T> x;  // the image; channels [c0, c0 + c) of it are read
  std::int64_t c0, c;
  std::int64_t out_h, out_w;    // output pixels
  std::int64_t stride;          // of x a step of the output
  std::int64_t top, left;       // x row of output row 0 and tap 0 is -top
  std::int64_t kh, kw;          // taps
  std::int64_t step_h, step_w;  // x rows / columns from one tap to the next; may be negative

  std::int64_t patch() const { return kh * kw * c; }
  /// Is the patch of pixel i the pixel i of x?
  bool is_pixelwise() const { return kh == 1 && kw == 1 && stride == 1 && top == 0 && left == 0 && out_h == x.h && out_w == x.w; }

  /// cols (end - begin, patch()) of the output pixels [begin, end).
  void gather(std::int64_t begin, std::int64_t end, T* cols) const {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t n = i / (out_h * out_w), h0 = i / out_w % out_h * stride - top, w0 = i % out_w * stride - left;
      for (std::int64_t r = 0; r < kh; ++r)
        for (std::int64_t s = 0; s < kw; ++s, cols += c) {
          const std::int64_t h = h0 + r * step_h, v = w0 + s * step_w;
          if (h < 0 || h >= x.h || v < 0 || v >= x.w) {
            for (std::int64_t k = 0; k < c; ++k) cols[k] = 0;
          } else {
            const T* from = x.pixel(n, h, v) + c0;
            for (std::int64_t k = 0; k < c; ++k) cols[k] = from[k];
          }
        }
    }
  }
  /// The patches of [begin, end) as a matrix: gathered into `scratch`, or x in place.
  View2<const T> patches(std::int64_t begin, std::int64_t end, T* scratch) const {
    if (is_pixelwise()) return {x.data + begin * x.ld + c0, end - begin, c, x.ld};
    gather(begin, end, scratch);
    return {scratch, end - begin, patch(), patch()};
  }
};

template <class T>
PatchReader<T> forward_patches(View4<const T> x, View4<const T> w, std::int64_t out_h, std::int64_t out_w, std::int64_t group,
                               const Conv2dParams& p) {
  return {x, group * w.c, w.c, out_h, out_w, p.stride, p.padding.top, p.padding.left, w.h, w.w, p.dilation, p.dilation};
}

template <class T>
void conv2d_forward_implicit_gemm(Cpu& cpu, View4<const T> x, View4<const T> w, const T* b, View4<T> y, const Conv2dParams& p) {
  const std::int64_t k = y.c / p.groups, patch = w.h * w.w * w.c, tile = tile_pixels(patch), tiles = (y.pixels() + tile - 1) / tile;
  Workspace workspace;
  T* scratch = workspace.take<T>(cpu.concurrency() * tile * patch);
  cpu.parallel(p.groups * tiles, [&](std::int64_t task, int worker) {
    const std::int64_t group = task / tiles, begin = task % tiles * tile, end = begin + tile < y.pixels() ? begin + tile : y.pixels();
    const auto cols = forward_patches(x, w, y.h, y.w, group, p).patches(begin, end, scratch + worker * tile * patch);
    const View2<T> out{y.data + begin * y.ld + group * k, end - begin, k, y.ld};
    gemm<T>(Trans::no, cols, Trans::yes, {w.data + group * k * patch, k, patch, patch}, out);
    bias_activation(cpu, out, b ? b + group * k : nullptr, p.activation);
  });
}

/// dw per block of output channels and chunk of pixels; the chunks' partial sums are added in order.
template <class T>
void conv2d_backward_weights_implicit_gemm(Cpu& cpu, View4<const T> x, View4<const T> dy, View4<T> dw, const Conv2dParams& p) {
  const std::int64_t k = dy.c / p.groups, patch = dw.h * dw.w * dw.c, size = dw.size();
  const std::int64_t tile = tile_pixels(patch), tiles = (dy.pixels() + tile - 1) / tile;
  const std::int64_t budget = (std::int64_t{1} << 22) / size, most = budget < 1    ? 1
                                                                     : budget > 64 ? 64
                                                                                   : budget;  // 4 M elements of partials
  const std::int64_t tiles_per_chunk = tiles == 0 ? 1 : (tiles + most - 1) / most,
                     chunks = tiles == 0 ? 0 : (tiles + tiles_per_chunk - 1) / tiles_per_chunk;
  Workspace workspace;
  T* scratch = workspace.take<T>(cpu.concurrency() * tile * patch);
  T* partials = workspace.take<T>(chunks * size);  // (chunk, Cout, patch)
  cpu.parallel(p.groups * chunks, [&](std::int64_t task, int worker) {
    const std::int64_t group = task / chunks, chunk = task % chunks;
    const auto reader = forward_patches(x, View4<const T>(dw), dy.h, dy.w, group, p);
    const std::int64_t first = chunk * tiles_per_chunk * tile, limit = first + tiles_per_chunk * tile,
                       last = limit < dy.pixels() ? limit : dy.pixels();
    for (std::int64_t begin = first; begin < last; begin += tile) {
      const std::int64_t end = begin + tile < last ? begin + tile : last;
      const auto cols = reader.patches(begin, end, scratch + worker * tile * patch);
      gemm<T>(Trans::yes, {dy.data + begin * dy.ld + group * k, end - begin, k, dy.ld}, Trans::no, cols,
              {partials + chunk * size + group * k * patch, k, patch, patch}, begin != first);
    }
  });
  for_row_chunks(cpu, dw.n, patch, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin * patch; i < end * patch; ++i) {
      T sum = 0;
      for (std::int64_t c = 0; c < chunks; ++c) sum += partials[c * size + i];
      dw.data[i] = sum;
    }
  });
}

/// One axis of the pixels of dx with one remainder modulo the stride: pixel first + i * stride, i < count, receives taps tap0 + t *
/// tap_step, t < taps, from dy at origin + i - t * step.
struct ParityAxis {
  std::int64_t first, count, tap0, tap_step, taps, origin, step;
};

/// The taps r with (first + pad - r * dilation) % stride == 0 start at tap0 and repeat every stride / gcd(stride, dilation).
inline ParityAxis parity_axis(std::int64_t first, std::int64_t extent, std::int64_t k, int stride, int dilation, std::int64_t pad) {
  std::int64_t a = stride, gcd = dilation;
  while (a) {
    const std::int64_t t = gcd % a;
    gcd = a;
    a = t;
  }
  const std::int64_t tap_step = stride / gcd;
  std::int64_t tap0 = 0;
  while (tap0 < tap_step && tap0 < k && (first + pad - tap0 * dilation) % stride != 0) ++tap0;
  const bool none = tap0 >= tap_step || tap0 >= k;
  return {first,
          first < extent ? (extent - first + stride - 1) / stride : 0,
          tap0,
          tap_step,
          none ? 0 : (k - tap0 + tap_step - 1) / tap_step,
          none ? 0 : (first + pad - tap0 * dilation) / stride,
          dilation / gcd};
}

/// dx by classes of pixels with equal remainders modulo the stride: each class is a stride-1 convolution of dy with its own taps, so no
/// product with a structural zero is computed.
template <class T>
void conv2d_backward_data_implicit_gemm(Cpu& cpu, View4<const T> dy, View4<const T> w, View4<T> dx, const Conv2dParams& p) {
  const std::int64_t k = dy.c / p.groups, c = w.c, patch_most = w.h * w.w * k, tile = tile_pixels(patch_most);
  Workspace workspace;
  T* scratch = workspace.take<T>(cpu.concurrency() * tile * (patch_most + c));
  T* taps = workspace.take<T>(w.size());  // (group, r, s, k, c) of one class
  for (int u = 0; u < p.stride; ++u)
    for (int v = 0; v < p.stride; ++v) {
      const ParityAxis h = parity_axis(u, dx.h, w.h, p.stride, p.dilation, p.padding.top);
      const ParityAxis s = parity_axis(v, dx.w, w.w, p.stride, p.dilation, p.padding.left);
      const std::int64_t pixels = dx.n * h.count * s.count, tiles = (pixels + tile - 1) / tile, patch = h.taps * s.taps * k;
      for (std::int64_t g = 0; g < p.groups; ++g)
        for (std::int64_t t = 0; t < h.taps * s.taps; ++t)
          for (std::int64_t o = 0; o < k; ++o) {
            const T* from = w.pixel(g * k + o, h.tap0 + t / s.taps * h.tap_step, s.tap0 + t % s.taps * s.tap_step);
            T* to = taps + ((g * h.taps * s.taps + t) * k + o) * c;
            for (std::int64_t i = 0; i < c; ++i) to[i] = from[i];
          }
      cpu.parallel(p.groups * tiles, [&](std::int64_t task, int worker) {
        const std::int64_t g = task / tiles, begin = task % tiles * tile, end = begin + tile < pixels ? begin + tile : pixels;
        T *cols = scratch + worker * tile * (patch_most + c), *out = cols + tile * patch_most;
        if (patch > 0) {
          const PatchReader<T> reader{dy, g * k, k, h.count, s.count, 1, -h.origin, -s.origin, h.taps, s.taps, -h.step, -s.step};
          gemm<T>(Trans::no, reader.patches(begin, end, cols), Trans::no, {taps + g * patch * c, patch, c, c}, {out, end - begin, c, c});
        } else {
          for (std::int64_t i = 0; i < (end - begin) * c; ++i) out[i] = 0;
        }
        for (std::int64_t i = begin; i < end; ++i) {
          T* to = dx.pixel(i / (h.count * s.count), h.first + i / s.count % h.count * p.stride, s.first + i % s.count * p.stride) + g * c;
          for (std::int64_t j = 0; j < c; ++j) to[j] = out[(i - begin) * c + j];
        }
      });
    }
}

}  // namespace lamina::kernels::LAMINA_ISA
