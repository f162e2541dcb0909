// The oracle on the device: every result from its defining sum. Any kernel, stride, dilation, padding and group count.
#pragma once
#include "detail/cuda/epilogue.cuh"
#include "detail/cuda/pixels.cuh"
#include "detail/shared/conv2d_sums.hpp"

namespace lamina::kernels::cuda {

namespace detail {
template <class T>
struct ForwardSums {
  View4<const T> x, w;
  Epilogue epilogue;
  Conv2dParams p;
  template <int N>
  __device__ Lanes<N> operator()(std::int64_t n, std::int64_t i, std::int64_t j, std::int64_t k) const {
    Lanes<N> out;
    for (int e = 0; e < N; ++e) out.v[e] = epilogue(forward_sum(x, w, n, i, j, k + e, p), k + e);
    return out;
  }
};

template <class T>
struct BackwardDataSums {
  View4<const T> dy, w;
  Epilogue epilogue;
  Conv2dParams p;
  template <int N>
  __device__ Lanes<N> operator()(std::int64_t n, std::int64_t h, std::int64_t v, std::int64_t c) const {
    Lanes<N> out;
    for (int e = 0; e < N; ++e) out.v[e] = epilogue(backward_data_sum(dy, w, n, h, v, c + e, p), c + e);
    return out;
  }
};

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
  for_pixels(cuda, y, detail::ForwardSums<T>{x, w, epilogue, p});
}

template <class T>
void conv2d_backward_data_naive(const Cuda& cuda, View4<const T> dy, View4<const T> w, Epilogue epilogue, View4<T> dx,
                                const Conv2dParams& p) {
  for_pixels(cuda, dx, detail::BackwardDataSums<T>{dy, w, epilogue, p});
}

template <class T>
void conv2d_backward_weights_naive(const Cuda& cuda, View4<const T> x, View4<const T> dy, View4<float> dw, const Conv2dParams& p) {
  launch<detail::backward_weights_naive_kernel<T>>(cuda, blocks_for(dw.size(), 256), 256, 0, x, dy, dw, p);
}

}  // namespace lamina::kernels::cuda
