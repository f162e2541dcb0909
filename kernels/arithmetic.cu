// CUDA twins of kernels/arithmetic.hpp.
#include "lamina/kernels/arithmetic.hpp"

#include "detail/cuda/map.cuh"
#include "detail/shared/arithmetic.hpp"

namespace lamina::kernels::cuda {

template <class T>
void add(Cuda& cuda, View2<const T> a, View2<const T> b, View2<T> y) {
  map(cuda, y, Add{}, a, b);
}
template <class T>
void subtract(Cuda& cuda, View2<const T> a, View2<const T> b, View2<T> y) {
  map(cuda, y, Subtract{}, a, b);
}
template <class T>
void multiply(Cuda& cuda, View2<const T> a, View2<const T> b, View2<T> y) {
  map(cuda, y, Multiply{}, a, b);
}
template <class T>
void scale(Cuda& cuda, View2<const T> x, double factor, double offset, View2<T> y) {
  map(cuda, y, Scale<float>{static_cast<float>(factor), static_cast<float>(offset)}, x);
}

LAMINA_INSTANTIATE(&add<float>, &add<BFloat16>, &subtract<float>, &subtract<BFloat16>, &multiply<float>, &multiply<BFloat16>, &scale<float>,
                   &scale<BFloat16>)

}  // namespace lamina::kernels::cuda
