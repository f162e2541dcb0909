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
        const std::int64_t top = clamp_index(at.top, x.h), bottom = clamp_index(at.top + 1, x.h), left = clamp_index(at.left, x.w),
                           right = clamp_index(at.left + 1, x.w);
        const T down = static_cast<T>(at.down), across = static_cast<T>(at.right);
        T* out = y.pixel(0, row, j);
        for (std::int64_t c = 0; c < y.c; ++c) {
          T value = static_cast<T>(border);
          if (at.inside) {
            const auto pixel = [&](std::int64_t h, std::int64_t w) { return static_cast<T>(x.pixel(n, h, w)[c]); };
            value = (1 - down) * ((1 - across) * pixel(top, left) + across * pixel(top, right)) +
                    down * ((1 - across) * pixel(bottom, left) + across * pixel(bottom, right));
          }
          out[c] = (scale ? scale[c] : T(1)) * value + (offset ? offset[c] : T(0));
        }
      }
    }
  });
}

LAMINA_INSTANTIATE(&warp<float>, &warp<double>)

}  // namespace lamina::kernels::LAMINA_ISA
