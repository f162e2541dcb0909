// CPU twins of kernels/finite.hpp.
#include "lamina/kernels/finite.hpp"

#include "detail/cpu/isa.hpp"

namespace lamina::kernels::LAMINA_ISA {

template <class T>
void all_finite(Cpu& cpu, View2<const T> x, bool* result) {
  int bad = 0;
  for_row_chunks(cpu, x.rows, x.cols, [&](std::int64_t begin, std::int64_t end) {
    T zero = 0;  // stays 0 unless an element is NaN or infinite
    for (std::int64_t r = begin; r < end; ++r) {
      const T* p = x.row(r);
      for (std::int64_t c = 0; c < x.cols; ++c) zero += p[c] * T(0);
    }
    if (!(zero == 0)) __atomic_store_n(&bad, 1, __ATOMIC_RELAXED);
  });
  *result = bad == 0;
}

LAMINA_INSTANTIATE(&all_finite<float>, &all_finite<double>)

}  // namespace lamina::kernels::LAMINA_ISA
