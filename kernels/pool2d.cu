// CUDA twins of kernels/pool2d.hpp. Forward reads x and writes y (and the winners); backward, in gather form, reads dy (and the winners)
// and writes dx once.
#include "lamina/kernels/pool2d.hpp"

#include "detail/cuda/pixels.cuh"
#include "detail/shared/pool2d.hpp"

namespace lamina::kernels::cuda {
namespace {

/// f(i, j) for every window of `windows` that holds pixel (h, w).
template <class T, class F>
__device__ __forceinline__ void for_windows(View4<const T> windows, std::int64_t h, std::int64_t w, const Pool2dParams& p, F f) {
  const Windows rows(h, p.padding.top, p.kernel, p.stride, windows.h), cols(w, p.padding.left, p.kernel, p.stride, windows.w);
  for (std::int64_t i = rows.first; i <= rows.last; ++i)
    for (std::int64_t j = cols.first; j <= cols.last; ++j) f(i, j);
}

template <class T>
struct MaxForward {
  View4<const T> x;
  View4<T> y;
  std::uint8_t* winner;
  Pool2dParams p;

  template <int N>
  __device__ Lanes<N> operator()(std::int64_t n, std::int64_t i, std::int64_t j, std::int64_t c) const {
    const std::int64_t h0 = i * p.stride - p.padding.top, w0 = j * p.stride - p.padding.left;
    const Span rows(i, p.padding.top, p.kernel, p.stride, x.h), cols(j, p.padding.left, p.kernel, p.stride, x.w);
    Lanes<N> best = zero_lanes<N>();
    Pack<std::uint8_t, N> at{};
    bool first = true;
    for (std::int64_t h = rows.begin; h < rows.end; ++h)
      for (std::int64_t w = cols.begin; w < cols.end; ++w, first = false) {
        const Lanes<N> in = load<N>(x.pixel(n, h, w) + c);
        const auto position = static_cast<std::uint8_t>((h - h0) * p.kernel + (w - w0));
#pragma unroll
        for (int k = 0; k < N; ++k) {
          const bool wins = first || ((in.v[k] > best.v[k] || in.v[k] != in.v[k]) && best.v[k] == best.v[k]);
          best.v[k] = wins ? in.v[k] : best.v[k];
          at.v[k] = wins ? position : at.v[k];
        }
      }
    if (winner) *reinterpret_cast<Pack<std::uint8_t, N>*>(winner + ((n * y.h + i) * y.w + j) * y.c + c) = at;
    return best;
  }
};

template <class T>
struct MaxBackward {
  View4<const T> dy;
  const std::uint8_t* winner;
  Pool2dParams p;

  template <int N>
  __device__ Lanes<N> operator()(std::int64_t n, std::int64_t h, std::int64_t w, std::int64_t c) const {
    Lanes<N> sum = zero_lanes<N>();
    for_windows(dy, h, w, p, [&](std::int64_t i, std::int64_t j) {
      const auto position = static_cast<std::uint8_t>((h + p.padding.top - i * p.stride) * p.kernel + (w + p.padding.left - j * p.stride));
      const Lanes<N> g = load<N>(dy.pixel(n, i, j) + c);
      const auto won = *reinterpret_cast<const Pack<std::uint8_t, N>*>(winner + ((n * dy.h + i) * dy.w + j) * dy.c + c);
#pragma unroll
      for (int k = 0; k < N; ++k) sum.v[k] += won.v[k] == position ? g.v[k] : 0.f;
    });
    return sum;
  }
};

template <class T>
struct AverageForward {
  View4<const T> x;
  Pool2dParams p;

  template <int N>
  __device__ Lanes<N> operator()(std::int64_t n, std::int64_t i, std::int64_t j, std::int64_t c) const {
    const Span rows(i, p.padding.top, p.kernel, p.stride, x.h), cols(j, p.padding.left, p.kernel, p.stride, x.w);
    Lanes<N> sum = zero_lanes<N>(), mean = zero_lanes<N>();
    for (std::int64_t h = rows.begin; h < rows.end; ++h)
      for (std::int64_t w = cols.begin; w < cols.end; ++w) add_scaled(sum, 1.f, load<N>(x.pixel(n, h, w) + c));
    add_scaled(mean, average_weight<float>(rows, cols, p), sum);
    return mean;
  }
};

template <class T>
struct AverageBackward {
  View4<const T> dy;
  View4<T> dx;
  Pool2dParams p;

  template <int N>
  __device__ Lanes<N> operator()(std::int64_t n, std::int64_t h, std::int64_t w, std::int64_t c) const {
    Lanes<N> sum = zero_lanes<N>();
    for_windows(dy, h, w, p, [&](std::int64_t i, std::int64_t j) {
      const Span height(i, p.padding.top, p.kernel, p.stride, dx.h), width(j, p.padding.left, p.kernel, p.stride, dx.w);
      add_scaled(sum, average_weight<float>(height, width, p), load<N>(dy.pixel(n, i, j) + c));
    });
    return sum;
  }
};

}  // namespace

template <class T>
void max_pool2d_forward(Cuda& cuda, View4<const T> x, View4<T> y, std::uint8_t* winner, const Pool2dParams& p) {
  for_pixels(cuda, y, MaxForward<T>{x, y, winner, p}, x);
}
template <class T>
void max_pool2d_backward(Cuda& cuda, View4<const T> dy, const std::uint8_t* winner, View4<T> dx, const Pool2dParams& p) {
  for_pixels(cuda, dx, MaxBackward<T>{dy, winner, p}, dy);
}
template <class T>
void avg_pool2d_forward(Cuda& cuda, View4<const T> x, View4<T> y, const Pool2dParams& p) {
  for_pixels(cuda, y, AverageForward<T>{x, p}, x);
}
template <class T>
void avg_pool2d_backward(Cuda& cuda, View4<const T> dy, View4<T> dx, const Pool2dParams& p) {
  for_pixels(cuda, dx, AverageBackward<T>{dy, dx, p}, dy);
}

LAMINA_INSTANTIATE(&max_pool2d_forward<float>, &max_pool2d_forward<BFloat16>, &max_pool2d_backward<float>, &max_pool2d_backward<BFloat16>,
                   &avg_pool2d_forward<float>, &avg_pool2d_forward<BFloat16>, &avg_pool2d_backward<float>, &avg_pool2d_backward<BFloat16>)

}  // namespace lamina::kernels::cuda
