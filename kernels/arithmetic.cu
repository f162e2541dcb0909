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
void divide(Cuda& cuda, View2<const T> a, View2<const T> b, View2<T> y) {
  map(cuda, y, Divide{}, a, b);
}
template <class T>
void maximum(Cuda& cuda, View2<const T> a, View2<const T> b, View2<T> y) {
  map(cuda, y, Maximum{}, a, b);
}
template <class T>
void minimum(Cuda& cuda, View2<const T> a, View2<const T> b, View2<T> y) {
  map(cuda, y, Minimum{}, a, b);
}
template <class T>
void greater(Cuda& cuda, View2<const T> a, View2<const T> b, View2<T> y) {
  map(cuda, y, Greater{}, a, b);
}
template <class T>
void share_of_greater(Cuda& cuda, View2<const T> a, View2<const T> b, View2<const T> dy, View2<T> da) {
  map(cuda, da, ShareOfGreater{}, a, b, dy);
}
template <class T>
void select(Cuda& cuda, View2<const T> c, View2<const T> a, View2<const T> b, View2<T> y) {
  map(cuda, y, Select{}, c, a, b);
}
template <class T>
void scale(Cuda& cuda, View2<const T> x, double factor, double offset, View2<T> y) {
  map(cuda, y, Scale<float>{static_cast<float>(factor), static_cast<float>(offset)}, x);
}

LAMINA_INSTANTIATE(&divide<float>, &divide<BFloat16>, &maximum<float>, &maximum<BFloat16>, &minimum<float>, &minimum<BFloat16>,
                   &greater<float>, &greater<BFloat16>, &share_of_greater<float>, &share_of_greater<BFloat16>, &select<float>,
                   &select<BFloat16>, &add<float>, &add<BFloat16>, &subtract<float>, &subtract<BFloat16>, &multiply<float>,
                   &multiply<BFloat16>, &scale<float>, &scale<BFloat16>)

}  // namespace lamina::kernels::cuda
