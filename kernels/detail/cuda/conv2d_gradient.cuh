#pragma once
#include "detail/cuda/epilogue.cuh"
#include "lamina/kernels/conv2d.hpp"

namespace lamina::kernels::cuda {

/// dx = epilogue(dgrad of dy): a transposed convolution. Defined in kernels/conv2d.cu.
template <class T>
void conv2d_gradient(Cuda& cuda, View4<const T> dy, View4<const T> w, Epilogue epilogue, View4<T> dx, const Conv2dParams& p,
                     Conv2dMethod how);

}  // namespace lamina::kernels::cuda
