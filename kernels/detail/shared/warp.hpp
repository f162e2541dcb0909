// What a photograph has at a point: shared by the devices.
#pragma once
#include "lamina/kernels/warp.hpp"

namespace lamina::kernels::LAMINA_ISA {

/// Does a map only mirror and move by whole pixels? Then points are pixels' centres, and nothing is blended.
LAMINA_HD bool moves_whole_pixels(const AffineMap& f) {
  const auto whole = [](double v) { return v > -0x1p52 && v < 0x1p52 && static_cast<double>(floor_to_integer(v)) == v; };
  return (f.xx == 1 || f.xx == -1) && (f.yy == 1 || f.yy == -1) && f.xy == 0 && f.yx == 0 && whole(f.x) && whole(f.y);
}

/// A photograph's samples, of type S, as numbers 0..255 of type T.
template <class T, class S>
struct Samples {
  const WarpSource& s;
  LAMINA_HD const S* row(std::int64_t y) const {
    return reinterpret_cast<const S*>(static_cast<const unsigned char*>(s.pixels) + y * s.row_bytes);
  }
  LAMINA_HD T value(S v) const { return sizeof(S) == 1 ? static_cast<T>(v) : static_cast<T>(v) * static_cast<T>(s.to_255); }
};

/// Calls write(c, value) for each of `channels`, at a point inside the photograph. kGiven: how many the photograph has, 1 or 3 of three; 0:
/// as many.
template <class T, class S, int kGiven, class Write>
LAMINA_HD void warp_pixel(const WarpSource& source, const WarpPoint& at, bool whole, std::int64_t channels, Write&& write) {
  const Samples<T, S> samples{source};
  const std::int64_t given = kGiven ? kGiven : channels;
  const WarpSquare square = warp_square(at, source.height, source.width);
  const S *pixel = samples.row(at.row) + at.column * given, *top = samples.row(square.top), *bottom = samples.row(square.bottom);
  const std::int64_t left = square.left * given, right = square.right * given;
  const auto mixed = [&](std::int64_t c) {
    if (whole) return samples.value(pixel[c]);
    return square.between(samples.value(top[left + c]), samples.value(top[right + c]), samples.value(bottom[left + c]),
                          samples.value(bottom[right + c]));
  };
  const ColorMap& color = source.color;
  const auto cut = [](T v) { return v < 0 ? T(0) : v > 255 ? T(255) : v; };
  if constexpr (kGiven != 0) {
    const T r = mixed(0), g = kGiven == 1 ? r : mixed(kGiven - 2), b = kGiven == 1 ? r : mixed(kGiven - 1);
    if (color.identity) return write(0, r), write(1, g), write(2, b);
    for (int c = 0; c < 3; ++c) {
      const float* m = color.matrix[c];
      write(c, cut(static_cast<T>(m[0]) * r + static_cast<T>(m[1]) * g + static_cast<T>(m[2]) * b + static_cast<T>(color.offset[c])));
    }
  } else {
    for (std::int64_t c = 0; c < channels; ++c) {
      const T v = mixed(c);
      write(c, color.identity ? v : cut(static_cast<T>(color.matrix[0][0]) * v + static_cast<T>(color.offset[0])));
    }
  }
}

}  // namespace lamina::kernels::LAMINA_ISA
