// CPU twins of kernels/conv_transpose2d.hpp.
#include "lamina/kernels/conv_transpose2d.hpp"

#include "detail/cpu/epilogue.hpp"
#include "detail/cpu/isa.hpp"
#include "detail/cpu/reduce.hpp"

namespace lamina::kernels::LAMINA_ISA {

template <class T>
void conv_transpose2d_forward(Cpu& cpu, View4<const T> x, View4<const T> w, const Precise<T>* b, View4<T> y, const Conv2dParams& p,
                              Activation act, Conv2dMethod how) {
  conv2d_backward_data<T>(cpu, x, w, y, p, how);
  if (!b && act.is_none()) return;
  const View2<T> rows = y.flat();
  for_row_chunks(cpu, rows.rows, rows.cols, [&](std::int64_t begin, std::int64_t end) {
    const View2<T> chunk{rows.row(begin), end - begin, rows.cols, rows.ld};
    bias_activation(cpu, chunk, b, act);
  });
}

template <class T>
void conv_transpose2d_backward_bias(Cpu& cpu, View4<const T> dy, Precise<T>* db) {
  column_sums(cpu, dy.flat(), db);
}

LAMINA_INSTANTIATE(&conv_transpose2d_forward<float>, &conv_transpose2d_forward<double>, &conv_transpose2d_backward_bias<float>,
                   &conv_transpose2d_backward_bias<double>)

}  // namespace lamina::kernels::LAMINA_ISA
