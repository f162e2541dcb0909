// CUDA twins of kernels/copy.hpp.
#include "lamina/kernels/copy.hpp"

#include "detail/cuda/map.cuh"

namespace lamina::kernels::cuda {
namespace {

struct Identity {
  template <class T>
  __device__ T operator()(T v) const {
    return v;
  }
};

template <class T>
struct Constant {
  Compute<T> value;
  __device__ Compute<T> operator()() const { return value; }
};

}  // namespace

template <class T>
void copy(Cuda& cuda, View2<const T> x, View2<T> y) {
  map(cuda, y, Identity{}, x);
}

template <class T>
void fill(Cuda& cuda, T value, View2<T> y) {
  map(cuda, y, Constant<T>{widen(value)});
}

template <class From, class To>
void convert(Cuda& cuda, View2<const From> x, View2<To> y) {
  constexpr int kThreads = 256, kWide = 4;
  if (pack_width<From>(x) > 1 && pack_width<To>(y) > 1)
    launch<detail::map_kernel<kWide, To, Identity, From>>(cuda, blocks_for(y.size() / kWide, kThreads), kThreads, 0, y, Identity{}, x);
  else
    launch<detail::map_kernel<1, To, Identity, From>>(cuda, blocks_for(y.size(), kThreads), kThreads, 0, y, Identity{}, x);
}

LAMINA_INSTANTIATE(&copy<float>, &copy<BFloat16>, &fill<float>, &fill<double>, &fill<BFloat16>, &fill<std::uint8_t>, &fill<std::int32_t>,
                   &fill<std::int64_t>, &convert<float, BFloat16>, &convert<BFloat16, float>)

}  // namespace lamina::kernels::cuda
