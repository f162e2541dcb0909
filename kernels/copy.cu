// CUDA twins of kernels/copy.hpp.
#include "lamina/kernels/copy.hpp"

#include "detail/map.cuh"

namespace lamina::kernels::cuda {
namespace {

struct Identity {
  template <class T>
  __device__ T operator()(T v) const {
    return v;
  }
};

template <class T>
__global__ void fill_kernel(T value, View2<T> y) {
  for (std::int64_t i = global_thread(); i < y.size(); i += grid_threads()) y.row(i / y.cols)[i % y.cols] = value;
}

template <class From, class To>
__global__ void convert_kernel(View2<const From> x, View2<To> y) {
  for (std::int64_t i = global_thread(); i < y.size(); i += grid_threads())
    y.row(i / y.cols)[i % y.cols] = static_cast<To>(static_cast<float>(x.row(i / y.cols)[i % y.cols]));
}

}  // namespace

template <class T>
void copy(Cuda& cuda, View2<const T> x, View2<T> y) {
  map(cuda, y, Identity{}, x);
}

template <class T>
void fill(Cuda& cuda, T value, View2<T> y) {
  launch<fill_kernel<T>>(cuda, blocks_for(y.size(), 256), 256, 0, value, y);
}

template <class From, class To>
void convert(Cuda& cuda, View2<const From> x, View2<To> y) {
  launch<convert_kernel<From, To>>(cuda, blocks_for(y.size(), 256), 256, 0, x, y);
}

LAMINA_INSTANTIATE(&copy<float>, &copy<BFloat16>, &fill<float>, &fill<double>, &fill<BFloat16>, &fill<std::uint8_t>, &fill<std::int32_t>,
                   &fill<std::int64_t>, &convert<float, BFloat16>, &convert<BFloat16, float>)

}  // namespace lamina::kernels::cuda
