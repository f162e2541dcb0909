// The oracle on the device: one thread a result, from its defining sum. Any kernel, stride, dilation, padding and group count.
#pragma once
#include "detail/conv2d_sums.hpp"
#include "detail/epilogue.cuh"

namespace lamina::kernels::cuda {

namespace detail {
template <class T>
__global__ void forward_naive_kernel(View4<const T> x, View4<const T> w, Epilogue epilogue, View4<T> y, Conv2dParams p) {
  for (std::int64_t i = global_thread(); i < y.size(); i += grid_threads()) {
    const std::int64_t k = i % y.c, pixel = i / y.c;
    const float sum = forward_sum(x, w, pixel / (y.h * y.w), pixel / y.w % y.h, pixel % y.w, k, p);
    y.data[pixel * y.ld + k] = narrow<T>(epilogue(sum, k));
  }
}

template <class T>
__global__ void backward_data_naive_kernel(View4<const T> dy, View4<const T> w, Epilogue epilogue, View4<T> dx, Conv2dParams p) {
  for (std::int64_t i = global_thread(); i < dx.size(); i += grid_threads()) {
    const std::int64_t c = i % dx.c, pixel = i / dx.c;
    const float sum = backward_data_sum(dy, w, pixel / (dx.h * dx.w), pixel / dx.w % dx.h, pixel % dx.w, c, p);
    dx.data[pixel * dx.ld + c] = narrow<T>(epilogue(sum, c));
  }
}

template <class T>
__global__ void backward_weights_naive_kernel(View4<const T> x, View4<const T> dy, View4<float> dw, Conv2dParams p) {
  for (std::int64_t i = global_thread(); i < dw.size(); i += grid_threads()) {
    const std::int64_t tap = i / dw.c;
    dw.data[i] = backward_weights_sum(x, dy, dw, tap / (dw.h * dw.w), tap / dw.w % dw.h, tap % dw.w, i % dw.c, p);
  }
}
}  // namespace detail

template <class T>
void conv2d_forward_naive(const Cuda& cuda, View4<const T> x, View4<const T> w, Epilogue epilogue, View4<T> y, const Conv2dParams& p) {
  launch<detail::forward_naive_kernel<T>>(cuda, blocks_for(y.size(), 256), 256, 0, x, w, epilogue, y, p);
}

template <class T>
void conv2d_backward_data_naive(const Cuda& cuda, View4<const T> dy, View4<const T> w, Epilogue epilogue, View4<T> dx,
                                const Conv2dParams& p) {
  launch<detail::backward_data_naive_kernel<T>>(cuda, blocks_for(dx.size(), 256), 256, 0, dy, w, epilogue, dx, p);
}

template <class T>
void conv2d_backward_weights_naive(const Cuda& cuda, View4<const T> x, View4<const T> dy, View4<float> dw, const Conv2dParams& p) {
  launch<detail::backward_weights_naive_kernel<T>>(cuda, blocks_for(dw.size(), 256), 256, 0, x, dy, dw, p);
}

}  // namespace lamina::kernels::cuda
