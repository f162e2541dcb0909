// CPU twin of kernels/warp.hpp.
#include "lamina/kernels/warp.hpp"

#include "detail/cpu/isa.hpp"

namespace lamina::kernels::LAMINA_ISA {

template <class T>
void warp(Cpu& cpu, View4<const std::uint8_t> x, const std::uint8_t* labels, const AffineMap* maps, const Precise<T>* scale,
          const Precise<T>* offset, std::uint8_t border, std::uint8_t outside, View4<T> y, std::uint8_t* labels_out) {
  for_row_chunks(cpu, y.n * y.h, y.w * y.c, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const std::int64_t n = row / y.h;
      for (std::int64_t j = 0; j < y.w; ++j) {
        const WarpPoint at = warp_point(maps[n], row % y.h, j, x.h, x.w);
        if (labels) labels_out[row * y.w + j] = at.inside ? labels[(n * x.h + at.row) * x.w + at.column] : outside;
        const WarpSquare s = warp_square(at, x.h, x.w);
        T* out = y.pixel(0, row, j);
        for (std::int64_t c = 0; c < y.c; ++c) {
          T value = static_cast<T>(border);
          if (at.inside) {
            const auto pixel = [&](std::int64_t h, std::int64_t w) { return static_cast<T>(x.pixel(n, h, w)[c]); };
            value = s.between(pixel(s.top, s.left), pixel(s.top, s.right), pixel(s.bottom, s.left), pixel(s.bottom, s.right));
          }
          out[c] = (scale ? scale[c] : T(1)) * value + (offset ? offset[c] : T(0));
        }
      }
    }
  });
}

LAMINA_INSTANTIATE(&warp<float>, &warp<double>)

}  // namespace lamina::kernels::LAMINA_ISA
