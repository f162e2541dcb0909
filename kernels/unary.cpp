// CPU twins of kernels/unary.hpp.
#include "lamina/kernels/unary.hpp"

#include "detail/shared/unary.hpp"

namespace lamina::kernels::LAMINA_ISA {

template <class T>
void unary_forward(Cpu& cpu, View2<const T> x, Unary f, View2<T> y) {
  with_unary<T>(f, [&](auto g) { map(cpu, y, g, x); });
}

template <class T>
void unary_backward(Cpu& cpu, View2<const T> v, View2<const T> dy, Unary f, View2<T> dx) {
  with_unary<T>(f, [&](auto g) {
    map(
        cpu, dx, [g](Vec<T> a, Vec<T> d) { return g.pull(a, d); }, v, dy);
  });
}

LAMINA_INSTANTIATE(&unary_forward<float>, &unary_forward<double>, &unary_backward<float>, &unary_backward<double>)

}  // namespace lamina::kernels::LAMINA_ISA
