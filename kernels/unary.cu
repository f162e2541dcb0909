// CUDA twins of kernels/unary.hpp.
#include "lamina/kernels/unary.hpp"

#include "detail/cuda/map.cuh"
#include "detail/shared/unary.hpp"

namespace lamina::kernels::cuda {
namespace {

/// dy * f'(x) as a functor of (v, dy).
template <class Function>
struct PullOf {
  Function f;
  __device__ float operator()(float v, float dy) const { return f.pull(v, dy); }
};

}  // namespace

template <class T>
void unary_forward(Cuda& cuda, View2<const T> x, Unary f, View2<T> y) {
  with_unary<float>(f, [&](auto g) { map(cuda, y, g, x); });
}

template <class T>
void unary_backward(Cuda& cuda, View2<const T> v, View2<const T> dy, Unary f, View2<T> dx) {
  with_unary<float>(f, [&](auto g) { map(cuda, dx, PullOf<decltype(g)>{g}, v, dy); });
}

LAMINA_INSTANTIATE(&unary_forward<float>, &unary_forward<BFloat16>, &unary_backward<float>, &unary_backward<BFloat16>)

}  // namespace lamina::kernels::cuda
