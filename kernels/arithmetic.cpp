// CPU twins of kernels/arithmetic.hpp.
#include "lamina/kernels/arithmetic.hpp"

#include "detail/cpu/lanes.hpp"
#include "detail/shared/arithmetic.hpp"

namespace lamina::kernels::LAMINA_ISA {

template <class T>
void add(Cpu& cpu, View2<const T> a, View2<const T> b, View2<T> y) {
  map(cpu, y, Add{}, a, b);
}
template <class T>
void subtract(Cpu& cpu, View2<const T> a, View2<const T> b, View2<T> y) {
  map(cpu, y, Subtract{}, a, b);
}
template <class T>
void multiply(Cpu& cpu, View2<const T> a, View2<const T> b, View2<T> y) {
  map(cpu, y, Multiply{}, a, b);
}
template <class T>
void divide(Cpu& cpu, View2<const T> a, View2<const T> b, View2<T> y) {
  map(cpu, y, Divide{}, a, b);
}
template <class T>
void maximum(Cpu& cpu, View2<const T> a, View2<const T> b, View2<T> y) {
  map(cpu, y, Maximum{}, a, b);
}
template <class T>
void minimum(Cpu& cpu, View2<const T> a, View2<const T> b, View2<T> y) {
  map(cpu, y, Minimum{}, a, b);
}
template <class T>
void greater(Cpu& cpu, View2<const T> a, View2<const T> b, View2<T> y) {
  map(cpu, y, Greater{}, a, b);
}
template <class T>
void share_of_greater(Cpu& cpu, View2<const T> a, View2<const T> b, View2<const T> dy, View2<T> da) {
  map(cpu, da, ShareOfGreater{}, a, b, dy);
}
template <class T>
void select(Cpu& cpu, View2<const T> c, View2<const T> a, View2<const T> b, View2<T> y) {
  map(cpu, y, Select{}, c, a, b);
}
template <class T>
void scale(Cpu& cpu, View2<const T> x, double factor, double offset, View2<T> y) {
  map(cpu, y, Scale<T>{static_cast<T>(factor), static_cast<T>(offset)}, x);
}

LAMINA_INSTANTIATE(&divide<float>, &divide<double>, &maximum<float>, &maximum<double>, &minimum<float>, &minimum<double>, &greater<float>,
                   &greater<double>, &share_of_greater<float>, &share_of_greater<double>, &select<float>, &select<double>, &add<float>,
                   &add<double>, &subtract<float>, &subtract<double>, &multiply<float>, &multiply<double>, &scale<float>, &scale<double>)

}  // namespace lamina::kernels::LAMINA_ISA
