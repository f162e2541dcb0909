// CPU twins of kernels/strided.hpp.
#include "lamina/kernels/strided.hpp"

#include "detail/cpu/isa.hpp"
#include "detail/shared/strided.hpp"

namespace lamina::kernels::LAMINA_ISA {

template <class T>
void strided_copy(Cpu& cpu, const T* x, Strided from, View2<T> y) {
  const std::int64_t step = from.stride[4];
  for_row_chunks(cpu, y.rows, y.cols, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      const T* row = x + strided_row(from, r);
      T* to = y.row(r);
      if (step == 1)
        for (std::int64_t c = 0; c < y.cols; ++c) to[c] = row[c];
      else
        for (std::int64_t c = 0; c < y.cols; ++c) to[c] = row[c * step];
    }
  });
}

LAMINA_INSTANTIATE(&strided_copy<float>, &strided_copy<double>)

}  // namespace lamina::kernels::LAMINA_ISA
