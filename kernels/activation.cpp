// CPU twins of kernels/activation.hpp.
#include "lamina/kernels/activation.hpp"

#include "detail/shared/activate.hpp"

namespace lamina::kernels::LAMINA_ISA {

template <class T>
void activation_forward(Cpu& cpu, View2<const T> x, Activation act, View2<T> y) {
  with_activation(act, [&](auto a) { map(cpu, y, a, x); });
}

template <class T>
void activation_backward(Cpu& cpu, View2<const T> y, View2<const T> dy, Activation act, View2<T> dx) {
  with_activation(act, [&](auto a) {
    map(
        cpu, dx, [a](Vec<T> v, Vec<T> d) { return a.pull(v, d); }, y, dy);
  });
}

LAMINA_INSTANTIATE(&activation_forward<float>, &activation_forward<double>, &activation_backward<float>, &activation_backward<double>)

}  // namespace lamina::kernels::LAMINA_ISA
