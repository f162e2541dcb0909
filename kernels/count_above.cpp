// CPU twins of kernels/count_above.hpp.
#include "lamina/kernels/count_above.hpp"

#include "detail/cpu/isa.hpp"

namespace lamina::kernels::LAMINA_ISA {

template <class T>
void count_above(Cpu& cpu, View2<const T> x, const float* thresholds, int count, bool planes, std::uint8_t* labels) {
  for_row_chunks(cpu, x.rows, x.cols, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      const T* row = x.row(r);
      const auto above = [&](int k) { return row[x.cols == 1 ? 0 : k] > static_cast<T>(thresholds[k]); };
      if (planes) {
        for (int k = 0; k < count; ++k) labels[r * count + k] = above(k);
      } else {
        int n = 0;
        for (int k = 0; k < count; ++k) n += above(k);
        labels[r] = static_cast<std::uint8_t>(n);
      }
    }
  });
}

LAMINA_INSTANTIATE(&count_above<float>, &count_above<double>)

}  // namespace lamina::kernels::LAMINA_ISA
