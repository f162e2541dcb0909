// CPU twin of kernels/warp.hpp. Compiled without fused multiply-adds: what a network sees of a photograph is the same on every processor.
#include "lamina/kernels/warp.hpp"

#include "detail/cpu/isa.hpp"
#include "detail/shared/warp.hpp"

namespace lamina::kernels::LAMINA_ISA {
namespace {

/// The columns [begin, end) of a row whose points are inside the source; what lies between two of them is, too.
struct InsideColumns {
  std::int64_t begin = 0, end;
  LAMINA_HD InsideColumns(const WarpRow& row, std::int64_t width, const WarpSource& source) : end(width) {
    narrow(row.xx, row.x, source.width), narrow(row.yx, row.y, source.height);
    while (begin < end && !row.point(begin, source.height, source.width).inside) ++begin;
    while (begin < end && !row.point(end - 1, source.height, source.width).inside) --end;
  }

 private:
  /// To where 0 <= step * (j + 0.5) + first < extent, or a column more on either side.
  LAMINA_HD void narrow(double step, double first, std::int64_t extent) {
    if (step == 0) return;
    const double a = -first / step - 0.5, b = (static_cast<double>(extent) - first) / step - 0.5, least = (a < b ? a : b) - 1,
                 most = (a < b ? b : a) + 2;
    const auto from = static_cast<double>(begin), to = static_cast<double>(end);
    begin = least < from ? begin : least < to ? static_cast<std::int64_t>(least) : end;
    end = most > to ? end : most > from ? static_cast<std::int64_t>(most) : begin;
  }
};

/// Samples to the network's range, by channel. With three of them the compiler may know that nobody writes them meanwhile.
template <class T, bool kThree>
struct Scales {
  T own[6];
  const T *scale, *offset;
  LAMINA_HD Scales(const T* by, const T* plus) : scale(by), offset(plus) {
    if constexpr (kThree)
      for (int c = 0; c < 3; ++c) own[c] = by[c], own[3 + c] = plus[c];
  }
  Scales(const Scales&) = delete;
  LAMINA_HD T operator()(T v, std::int64_t c) const { return kThree ? v * own[c] + own[3 + c] : v * scale[c] + offset[c]; }
};

/// One row of a photograph. kGiven as of warp_pixel.
template <class T, class S, int kGiven>
LAMINA_HD void photo_row(const WarpSource& source, const WarpRow& points, const InsideColumns& inside, WarpBorder border, const T* by,
                         const T* plus, View4<T> y, T* out) {
  const Scales<T, kGiven != 0> scales(by, plus);
  const std::int64_t channels = kGiven ? 3 : y.c, given = kGiven ? kGiven : channels;
  const auto outside = [&](std::int64_t from, std::int64_t to) {
    for (std::int64_t j = from; j < to; ++j)
      for (std::int64_t c = 0; c < channels; ++c) out[j * y.ld + c] = scales(static_cast<T>(border.image[channels == 3 ? c : 0]), c);
  };
  outside(0, inside.begin), outside(inside.end, y.w);
  if (inside.begin == inside.end) return;
  const bool whole = moves_whole_pixels(source.map);
  if (whole && source.color.identity) {
    const Samples<T, S> samples{source};
    const WarpPoint first = points.point_inside(inside.begin);
    const S* from = samples.row(first.row) + first.column * given;
    const std::int64_t step = source.map.xx > 0 ? given : -given;
    T* to = out + inside.begin * y.ld;
    for (std::int64_t j = inside.begin; j < inside.end; ++j, from += step, to += y.ld)
      for (std::int64_t c = 0; c < channels; ++c) to[c] = scales(samples.value(from[kGiven == 1 ? 0 : c]), c);
    return;
  }
  for (std::int64_t j = inside.begin; j < inside.end; ++j) {
    T* to = out + j * y.ld;
    warp_pixel<T, S, kGiven>(source, points.point_inside(j), whole, channels, [&](std::int64_t c, T v) { to[c] = scales(v, c); });
  }
}

template <class T, class S>
LAMINA_HD void any_photo_row(const WarpSource& source, const WarpRow& points, const InsideColumns& inside, WarpBorder border, const T* by,
                             const T* plus, View4<T> y, T* out) {
  if (y.c == 3 && source.channels == 1) return photo_row<T, S, 1>(source, points, inside, border, by, plus, y, out);
  if (y.c == 3) return photo_row<T, S, 3>(source, points, inside, border, by, plus, y, out);
  photo_row<T, S, 0>(source, points, inside, border, by, plus, y, out);
}

/// One row of a mask.
LAMINA_HD void label_row(const WarpSource& source, const WarpRow& points, const InsideColumns& inside, std::uint8_t outside,
                         std::int64_t width, std::int64_t planes, std::uint8_t* out) {
  for (std::int64_t i = 0; i < inside.begin * planes; ++i) out[i] = outside;
  for (std::int64_t i = inside.end * planes; i < width * planes; ++i) out[i] = outside;
  for (std::int64_t j = inside.begin; j < inside.end; ++j) {
    const WarpPoint at = points.point_inside(j);
    const std::uint8_t* labels = source.labels + (at.row * source.width + at.column) * planes;
    for (std::int64_t k = 0; k < planes; ++k) out[j * planes + k] = labels[k];
  }
}

}  // namespace

template <class T>
void warp(Cpu& cpu, const WarpSource* sources, WarpBorder border, const Precise<T>* scale, const Precise<T>* offset, View4<T> y,
          std::uint8_t* labels, std::int64_t planes) {
  for_row_chunks(cpu, y.n * y.h, y.w * (y.c + planes), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const WarpSource& source = sources[row / y.h];
      const WarpRow points(source.map, row % y.h);
      const InsideColumns inside(points, y.w, source);
      if (y.data && source.sample_bytes == 1)
        any_photo_row<T, std::uint8_t>(source, points, inside, border, scale, offset, y, y.pixel(0, row, 0));
      else if (y.data)
        any_photo_row<T, std::uint16_t>(source, points, inside, border, scale, offset, y, y.pixel(0, row, 0));
      if (labels) label_row(source, points, inside, border.label, y.w, planes, labels + row * y.w * planes);
    }
  });
}

LAMINA_INSTANTIATE(&warp<float>, &warp<double>)

}  // namespace lamina::kernels::LAMINA_ISA
