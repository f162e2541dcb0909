// CPU twins of kernels/arithmetic.hpp.
#include "lamina/kernels/arithmetic.hpp"

#include "detail/isa.hpp"

namespace lamina::kernels::LAMINA_ISA {
namespace {

/// y = f(a, b), elementwise.
template <class T, class F>
void map2(Cpu& cpu, View2<const T> a, View2<const T> b, View2<T> y, F f) {
  if (a.contiguous() && b.contiguous() && y.contiguous()) {  // one long row: no short inner loops
    a = {a.data, a.size(), 1, 1};
    b = {b.data, b.size(), 1, 1};
    y = {y.data, y.size(), 1, 1};
    for_row_chunks(cpu, y.rows, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) y.data[i] = f(a.data[i], b.data[i]);
    });
    return;
  }
  for_row_chunks(cpu, y.rows, y.cols, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      const T *pa = a.row(r), *pb = b.row(r);
      T* py = y.row(r);
      for (std::int64_t c = 0; c < y.cols; ++c) py[c] = f(pa[c], pb[c]);
    }
  });
}

}  // namespace

template <class T>
void add(Cpu& cpu, View2<const T> a, View2<const T> b, View2<T> y) {
  map2(cpu, a, b, y, [](T u, T v) { return u + v; });
}
template <class T>
void subtract(Cpu& cpu, View2<const T> a, View2<const T> b, View2<T> y) {
  map2(cpu, a, b, y, [](T u, T v) { return u - v; });
}
template <class T>
void multiply(Cpu& cpu, View2<const T> a, View2<const T> b, View2<T> y) {
  map2(cpu, a, b, y, [](T u, T v) { return u * v; });
}
template <class T>
void scale(Cpu& cpu, View2<const T> x, double factor, double offset, View2<T> y) {
  const T f = static_cast<T>(factor), o = static_cast<T>(offset);
  map2(cpu, x, x, y, [=](T v, T) { return f * v + o; });
}

LAMINA_INSTANTIATE(&add<float>, &add<double>, &subtract<float>, &subtract<double>, &multiply<float>, &multiply<double>, &scale<float>,
                   &scale<double>)

}  // namespace lamina::kernels::LAMINA_ISA
