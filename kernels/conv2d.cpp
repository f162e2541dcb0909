// CPU twins of kernels/conv2d.hpp: which algorithm computes which shape.
#include "lamina/kernels/conv2d.hpp"

#include "detail/conv2d_direct.hpp"
#include "detail/conv2d_implicit_gemm.hpp"
#include "detail/conv2d_naive.hpp"
#include "detail/conv2d_winograd.hpp"
#include "detail/conv2d_winograd_weights.hpp"
#include "detail/isa.hpp"
#include "detail/reduce.hpp"

namespace lamina::kernels::LAMINA_ISA {

template <class T>
void conv2d_forward(Cpu& cpu, View4<const T> x, View4<const T> w, const T* b, View4<T> y, const Conv2dParams& p) {
  if (p.algorithm == Conv2dAlgorithm::naive) {
    conv2d_forward_naive(cpu, x, w, b, y, p);
    if (!p.activation.is_none()) activation_forward<T>(cpu, y.flat(), p.activation, y.flat());
    return;
  }
  if (p.algorithm == Conv2dAlgorithm::winograd4) return conv2d_forward_winograd<4>(cpu, x, w, b, y, p);
  if (p.algorithm == Conv2dAlgorithm::winograd2) return conv2d_forward_winograd<2>(cpu, x, w, b, y, p);
  if (p.algorithm == Conv2dAlgorithm::direct) return conv2d_forward_direct(cpu, x, w, b, y, p);
  conv2d_forward_implicit_gemm(cpu, x, w, b, y, p);
}

template <class T>
void conv2d_backward_data(Cpu& cpu, View4<const T> dy, View4<const T> w, View4<T> dx, const Conv2dParams& p) {
  if (p.algorithm == Conv2dAlgorithm::naive) return conv2d_backward_data_naive(cpu, dy, w, dx, p);
  if (p.algorithm == Conv2dAlgorithm::winograd4) return conv2d_backward_data_winograd<4>(cpu, dy, w, dx, p);
  if (p.algorithm == Conv2dAlgorithm::winograd2) return conv2d_backward_data_winograd<2>(cpu, dy, w, dx, p);
  if (p.algorithm == Conv2dAlgorithm::direct) return conv2d_backward_data_direct(cpu, dy, w, dx, p);
  conv2d_backward_data_implicit_gemm(cpu, dy, w, dx, p);
}

template <class T>
void conv2d_backward_weights(Cpu& cpu, View4<const T> x, View4<const T> dy, View4<T> dw, T* db, const Conv2dParams& p) {
  if (db) column_sums(cpu, dy.flat(), db);
  if (!dw.data) return;
  if (p.algorithm == Conv2dAlgorithm::naive) return conv2d_backward_weights_naive(cpu, x, dy, dw, p);
  if (p.algorithm == Conv2dAlgorithm::winograd4) return conv2d_backward_weights_winograd<4>(cpu, x, dy, dw, p);
  if (p.algorithm == Conv2dAlgorithm::winograd2) return conv2d_backward_weights_winograd<2>(cpu, x, dy, dw, p);
  conv2d_backward_weights_implicit_gemm(cpu, x, dy, dw, p);
}

LAMINA_INSTANTIATE(&conv2d_forward<float>, &conv2d_forward<double>, &conv2d_backward_data<float>, &conv2d_backward_data<double>,
                   &conv2d_backward_weights<float>, &conv2d_backward_weights<double>)

}  // namespace lamina::kernels::LAMINA_ISA
