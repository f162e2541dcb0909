// CUDA twin of kernels/pad.hpp.
#include "lamina/kernels/pad.hpp"

#include "detail/cuda/pixels.cuh"

namespace lamina::kernels::cuda {
namespace {

template <class T>
struct Pad {
  View4<const T> x;
  std::int64_t top, left;
  float value;

  template <int N>
  __device__ Lanes<N> operator()(std::int64_t n, std::int64_t h, std::int64_t w, std::int64_t c) const {
    const std::int64_t i = h - top, j = w - left;
    if (i >= 0 && i < x.h && j >= 0 && j < x.w) return load<N>(x.pixel(n, i, j) + c);
    Lanes<N> fill;
#pragma unroll
    for (int k = 0; k < N; ++k) fill.v[k] = value;
    return fill;
  }
};

}  // namespace

template <class T>
void pad(Cuda& cuda, View4<const T> x, std::int64_t top, std::int64_t left, double value, View4<T> y) {
  for_pixels(cuda, y, Pad<T>{x, top, left, static_cast<float>(value)}, x);
}

LAMINA_INSTANTIATE(&pad<float>, &pad<BFloat16>)

}  // namespace lamina::kernels::cuda
