#pragma once
#include "lamina/core/device.hpp"
#include "lamina/core/dtype.hpp"

namespace lamina::kernels {

/// y = x for (rows, cols) matrices whose rows may lie apart; overwrites y.
LAMINA_KERNEL(copy, View2<const T> x, View2<T> y)

/// Of CUDA memory only (host tensors need no kernel): y = value for any element type, and conversions f32 <-> bf16.
namespace cuda {
template <class T>
void fill(Cuda& cuda, T value, View2<T> y);
template <class From, class To>
void convert(Cuda& cuda, View2<const From> x, View2<To> y);
}  // namespace cuda

}  // namespace lamina::kernels
