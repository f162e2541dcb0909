// CPU twins of kernels/copy.hpp.
#include "lamina/kernels/copy.hpp"

#include "detail/cpu/isa.hpp"

namespace lamina::kernels::LAMINA_ISA {

template <class T>
void copy(Cpu& cpu, View2<const T> x, View2<T> y) {
  for_row_chunks(cpu, y.rows, y.cols, [&](std::int64_t begin, std::int64_t end) {
    if (x.contiguous() && y.contiguous()) {
      __builtin_memcpy(y.row(begin), x.row(begin), static_cast<std::size_t>((end - begin) * y.cols) * sizeof(T));
      return;
    }
    for (std::int64_t r = begin; r < end; ++r) {
      const T* in = x.row(r);
      T* __restrict out = y.row(r);
      for (std::int64_t c = 0; c < y.cols; ++c) out[c] = in[c];
    }
  });
}

LAMINA_INSTANTIATE(&copy<float>, &copy<double>)

}  // namespace lamina::kernels::LAMINA_ISA
