// CUDA twins of kernels/conv_transpose2d.hpp.
#include "lamina/kernels/conv_transpose2d.hpp"

#include "detail/cuda/conv2d_gradient.cuh"
#include "detail/cuda/reduce.cuh"

namespace lamina::kernels::cuda {

template <class T>
void conv_transpose2d_forward(Cuda& cuda, View4<const T> x, View4<const T> w, const Precise<T>* b, View4<T> y, const Conv2dParams& p,
                              Activation act, Conv2dMethod how) {
  conv2d_gradient(cuda, x, w, {b, act}, y, p, how);
}

template <class T>
void conv_transpose2d_backward_bias(Cuda& cuda, View4<const T> dy, Precise<T>* db) {
  column_sums(cuda, dy.flat(), db);
}

LAMINA_INSTANTIATE(&conv_transpose2d_forward<float>, &conv_transpose2d_forward<BFloat16>, &conv_transpose2d_backward_bias<float>,
                   &conv_transpose2d_backward_bias<BFloat16>)

}  // namespace lamina::kernels::cuda
