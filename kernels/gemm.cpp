// detail/cpu/gemm.hpp over Eigen, whose namespace the build renames per instruction set.
#include "detail/cpu/gemm.hpp"

#include "detail/cpu/dot_products.hpp"

#include <Eigen/Core>

namespace lamina::kernels::LAMINA_ISA {
namespace {

template <class T>
using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
template <class T>
auto map(View2<const T> v) {
  return Eigen::Map<const Matrix<T>, 0, Eigen::OuterStride<>>(v.data, v.rows, v.cols, Eigen::OuterStride<>(v.ld));
}

template <class A, class B, class C>
void product(const A& a, const B& b, C c, bool accumulate) {
  if (accumulate)
    c.noalias() += a * b;
  else
    c.noalias() = a * b;
}

/// Eigen cuts its blocks by the cache sizes it asks the processor for; with fixed ones the same operands give the same bytes everywhere.
void fix_cache_sizes() {
  static const bool done = (Eigen::setCpuCacheSizes(32 << 10, 512 << 10, 4 << 20), true);
  (void)done;
}

}  // namespace

template <class T>
void gemm(Trans ta, View2<const T> a, Trans tb, View2<const T> b, View2<T> c, bool accumulate) {
  constexpr std::int64_t kLongRows = 128;  // shorter: adding up the lanes takes longer than packing
  if (ta == Trans::no && tb == Trans::yes && a.cols >= kLongRows) return dot_products<T>(a, b, c, accumulate);
  fix_cache_sizes();
  Eigen::Map<Matrix<T>, 0, Eigen::OuterStride<>> mc(c.data, c.rows, c.cols, Eigen::OuterStride<>(c.ld));
  const auto ma = map(a), mb = map(b);
  if (ta == Trans::no && tb == Trans::no) return product(ma, mb, mc, accumulate);
  if (ta == Trans::no) return product(ma, mb.transpose(), mc, accumulate);
  if (tb == Trans::no) return product(ma.transpose(), mb, mc, accumulate);
  product(ma.transpose(), mb.transpose(), mc, accumulate);
}

LAMINA_INSTANTIATE(&gemm<float>, &gemm<double>)

}  // namespace lamina::kernels::LAMINA_ISA
