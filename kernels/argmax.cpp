// CPU twins of kernels/argmax.hpp.
#include "lamina/kernels/argmax.hpp"

#include "detail/cpu/isa.hpp"

namespace lamina::kernels::LAMINA_ISA {

template <class T>
void argmax(Cpu& cpu, View2<const T> x, std::uint8_t* labels) {
  for_row_chunks(cpu, x.rows, x.cols, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      const T* row = x.row(r);
      std::int64_t best = 0;
      for (std::int64_t c = 1; c < x.cols; ++c) best = row[c] > row[best] ? c : best;
      labels[r] = static_cast<std::uint8_t>(best);
    }
  });
}

LAMINA_INSTANTIATE(&argmax<float>, &argmax<double>)

}  // namespace lamina::kernels::LAMINA_ISA
