// CUDA twins of kernels/activation.hpp.
#include "lamina/kernels/activation.hpp"

#include "detail/cuda/map.cuh"
#include "detail/shared/activate.hpp"

namespace lamina::kernels::cuda {
namespace {

/// dy * act'(v) as a functor of (y, dy).
template <class Act>
struct Pull {
  Act act;
  __device__ float operator()(float y, float dy) const { return act.pull(y, dy); }
};

}  // namespace

template <class T>
void activation_forward(Cuda& cuda, View2<const T> x, Activation act, View2<T> y) {
  with_activation(act, [&](auto a) { map(cuda, y, a, x); });
}

template <class T>
void activation_backward(Cuda& cuda, View2<const T> y, View2<const T> dy, Activation act, View2<T> dx) {
  with_activation(act, [&](auto a) { map(cuda, dx, Pull<decltype(a)>{a}, y, dy); });
}

LAMINA_INSTANTIATE(&activation_forward<float>, &activation_forward<BFloat16>, &activation_backward<float>, &activation_backward<BFloat16>)

}  // namespace lamina::kernels::cuda
