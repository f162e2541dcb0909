// Convolution as matrix products over tiles of pixels: any kernel, stride, dilation and group count. Each tile gathers its patches into
// scratch (a row a pixel, columns in the order (r, s, c) of the packed weights), or uses the image itself where a patch is a pixel.
#pragma once
#include "detail/cpu/correlation.hpp"
#include "detail/cpu/epilogue.hpp"
#include "detail/cpu/gemm.hpp"
#include "detail/cpu/reduce.hpp"
#include "lamina/kernels/conv2d.hpp"

namespace lamina::kernels::LAMINA_ISA {

/// Pixels a tile has: so that its patches take about 64 K elements, but enough of them to be worth packing the weights; no more than there
/// are.
inline std::int64_t tile_pixels(std::int64_t patch, std::int64_t pixels) {
  const std::int64_t fit = (std::int64_t{1} << 16) / patch, most = fit < 128 ? 128 : fit > 1024 ? 1024 : fit;
  return pixels < 1 ? 1 : pixels < most ? pixels : most;
}

/// The products of a convolution: by group, tile of pixels (or part of the tiles), and block of a group's channels, so that few pixels,
/// too, are work for several threads.
struct Products {
  static constexpr std::int64_t kMostChannels = 128;
  std::int64_t groups, tiles, channels;

  struct Product {
    std::int64_t group, tile, first, channels;  // `first` counts from the group's first channel
  };
  std::int64_t blocks() const { return (channels + kMostChannels - 1) / kMostChannels; }
  std::int64_t count() const { return groups * tiles * blocks(); }
  Product operator[](std::int64_t i) const {
    const std::int64_t first = i % blocks() * kMostChannels, rest = channels - first;
    return {i / blocks() / tiles, i / blocks() % tiles, first, rest < kMostChannels ? rest : kMostChannels};
  }
};

/// Patches of the channels [c0, c0 + c) of an image, for the outputs of (h, w) counted over image, row, column.
template <class T>
struct PatchReader {
  View4<const T> x;
  std::int64_t c0, c;
  CorrelationAxis h, w;

  std::int64_t patch() const { return h.taps * w.taps * c; }
  bool in_place() const { return h.is_identity(x.h) && w.is_identity(x.w); }
  std::int64_t scratch_size(std::int64_t tile) const { return in_place() ? 0 : tile * patch(); }

  /// The patches of the outputs [begin, end) as a matrix: gathered into `scratch`, or x itself where a patch is a pixel.
  View2<const T> patches(std::int64_t begin, std::int64_t end, T* scratch) const {
    if (in_place()) return {x.data + begin * x.ld + c0, end - begin, c, x.ld};
    T* to = scratch;
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t n = i / (h.count * w.count), row = h.origin + i / w.count % h.count * h.stride,
                         col = w.origin + i % w.count * w.stride;
      for (std::int64_t r = 0; r < h.taps; ++r)
        for (std::int64_t s = 0; s < w.taps; ++s, to += c) {
          const std::int64_t y = row + r * h.step, v = col + s * w.step;
          const bool inside = y >= 0 && y < x.h && v >= 0 && v < x.w;
          const T* from = inside ? x.pixel(n, y, v) + c0 : nullptr;
          for (std::int64_t k = 0; k < c; ++k) to[k] = inside ? from[k] : T(0);
        }
    }
    return {scratch, end - begin, patch(), patch()};
  }
};

template <class T>
PatchReader<T> forward_patches(View4<const T> x, View4<const T> w, std::int64_t out_h, std::int64_t out_w, std::int64_t group,
                               const Conv2dParams& p) {
  return {x, group * w.c, w.c, forward_axis(out_h, w.h, p.padding.top, p), forward_axis(out_w, w.w, p.padding.left, p)};
}

template <class T>
void conv2d_forward_implicit_gemm(Cpu& cpu, View4<const T> x, View4<const T> w, const T* b, View4<T> y, const Conv2dParams& p) {
  const std::int64_t k = y.c / p.groups, patch = w.h * w.w * w.c, tile = tile_pixels(patch, y.pixels());
  const Products products{p.groups, (y.pixels() + tile - 1) / tile, k};
  const std::int64_t scratch_size = forward_patches(x, w, y.h, y.w, 0, p).scratch_size(tile);
  Workspace workspace;
  T* scratch = workspace.take<T>(cpu.workers(products.count()), scratch_size);
  cpu.parallel(products.count(), [&](std::int64_t task, int worker) {
    const auto [group, t, c0, count] = products[task];
    const std::int64_t begin = t * tile, end = begin + tile < y.pixels() ? begin + tile : y.pixels(), first = group * k + c0;
    const auto cols = forward_patches(x, w, y.h, y.w, group, p).patches(begin, end, scratch + worker * scratch_size);
    const View2<T> out{y.data + begin * y.ld + first, end - begin, count, y.ld};
    gemm<T>(Trans::no, cols, Trans::yes, {w.data + first * patch, count, patch, patch}, out);
    bias_activation(cpu, out, b ? b + first : nullptr, p.activation);
  });
}

/// dw by chunks of pixels, whose partial sums are added in order.
template <class T>
void conv2d_backward_weights_implicit_gemm(Cpu& cpu, View4<const T> x, View4<const T> dy, View4<T> dw, const Conv2dParams& p) {
  const std::int64_t k = dy.c / p.groups, patch = dw.h * dw.w * dw.c, size = dw.size(), pixels = dy.pixels(),
                     tile = tile_pixels(patch, pixels);
  const std::int64_t tiles = (pixels + tile - 1) / tile, parts = partial_sums(size, tiles);
  const std::int64_t scratch_size = forward_patches(x, View4<const T>(dw), dy.h, dy.w, 0, p).scratch_size(tile);
  const Products products{p.groups, parts, k};
  Workspace workspace;
  T* scratch = workspace.take<T>(cpu.workers(products.count()), scratch_size);
  T* partials = workspace.take<T>(parts, size);  // (part, Cout, patch)
  __builtin_memset(partials, 0, static_cast<std::size_t>(parts * size) * sizeof(T));
  cpu.parallel(products.count(), [&](std::int64_t task, int worker) {
    const auto [group, part, c0, count] = products[task];
    const std::int64_t first = group * k + c0;
    const auto reader = forward_patches(x, View4<const T>(dw), dy.h, dy.w, group, p);
    for (std::int64_t t = tiles * part / parts; t < tiles * (part + 1) / parts; ++t) {
      const std::int64_t begin = t * tile, end = begin + tile < pixels ? begin + tile : pixels;
      const auto cols = reader.patches(begin, end, scratch + worker * scratch_size);
      gemm<T>(Trans::yes, {dy.data + begin * dy.ld + first, end - begin, count, dy.ld}, Trans::no, cols,
              {partials + part * size + first * patch, count, patch, patch}, true);
    }
  });
  add_partial_sums(cpu, partials, parts, size);
  for_row_chunks(cpu, size, 1, [&](std::int64_t begin, std::int64_t end) {
    __builtin_memcpy(dw.data + begin, partials + begin, static_cast<std::size_t>(end - begin) * sizeof(T));
  });
}

/// dx by classes of pixels with equal remainders modulo the stride: each is a stride-1 correlation of dy with its own taps, so no product
/// with a structural zero is computed.
template <class T>
void conv2d_backward_data_implicit_gemm(Cpu& cpu, View4<const T> dy, View4<const T> w, View4<T> dx, const Conv2dParams& p) {
  const std::int64_t k = dy.c / p.groups, c = w.c, patch_most = w.h * w.w * k;
  const std::int64_t most = dx.n * ((dx.h + p.stride - 1) / p.stride) * ((dx.w + p.stride - 1) / p.stride);  // pixels of the first class
  const std::int64_t tile = tile_pixels(patch_most, most);
  const std::int64_t scratch_size = tile * (patch_most + (c < Products::kMostChannels ? c : Products::kMostChannels));
  Workspace workspace;
  T* scratch = workspace.take<T>(cpu.workers(Products{p.groups, (most + tile - 1) / tile, c}.count()), scratch_size);
  T* taps = workspace.take<T>(w.size());  // (group, tap, k, c) of one class
  for (int u = 0; u < p.stride; ++u)
    for (int v = 0; v < p.stride; ++v) {
      const CorrelationAxis h = gradient_axis(u, dx.h, w.h, p.padding.top, p), s = gradient_axis(v, dx.w, w.w, p.padding.left, p);
      const std::int64_t pixels = dx.n * h.count * s.count, tiles = (pixels + tile - 1) / tile, patch = h.taps * s.taps * k;
      cpu.parallel(dy.c, [&](std::int64_t o, int) {
        for (std::int64_t t = 0; t < h.taps * s.taps; ++t) {
          const T* from = w.pixel(o, h.tap_first + t / s.taps * h.tap_step, s.tap_first + t % s.taps * s.tap_step);
          __builtin_memcpy(taps + (o / k * patch + t * k + o % k) * c, from, static_cast<std::size_t>(c) * sizeof(T));
        }
      });
      const Products products{p.groups, tiles, c};
      cpu.parallel(products.count(), [&](std::int64_t task, int worker) {
        const auto [g, t, first, count] = products[task];
        const std::int64_t begin = t * tile, end = begin + tile < pixels ? begin + tile : pixels;
        T *cols = scratch + worker * scratch_size, *out = cols + tile * patch_most;
        if (patch > 0)
          gemm<T>(Trans::no, PatchReader<T>{dy, g * k, k, h, s}.patches(begin, end, cols), Trans::no,
                  {taps + g * patch * c + first, patch, count, c}, {out, end - begin, count, count});
        else
          __builtin_memset(out, 0, static_cast<std::size_t>((end - begin) * count) * sizeof(T));
        for (std::int64_t i = begin; i < end; ++i) {
          T* to =
              dx.pixel(i / (h.count * s.count), h.out_first + i / s.count % h.count * h.out_step, s.out_first + i % s.count * s.out_step) +
              g * c + first;
          for (std::int64_t j = 0; j < count; ++j) to[j] = out[(i - begin) * count + j];
        }
      });
    }
}

}  // namespace lamina::kernels::LAMINA_ISA
