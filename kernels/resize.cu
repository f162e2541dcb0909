// CUDA twins of kernels/resize.hpp. Every pass reads its input and writes its output once, apart from neighbouring pixels that share taps,
// which caches serve; the backward passes gather, so they need neither zeroing nor atomics.
#include "lamina/kernels/resize.hpp"

#include "detail/cuda/resize.cuh"

namespace lamina::kernels::cuda {
namespace {

template <class T>
struct NearestForward {
  View4<const T> x;
  View4<T> y;

  template <int N>
  __device__ Lanes<N> operator()(std::int64_t n, std::int64_t h, std::int64_t w, std::int64_t c) const {
    return load<N>(x.pixel(n, nearest_source(h, x.h, y.h), nearest_source(w, x.w, y.w)) + c);
  }
};

template <class T>
struct NearestBackward {
  View4<const T> dy;
  View4<T> dx;

  template <int N>
  __device__ Lanes<N> operator()(std::int64_t n, std::int64_t h, std::int64_t w, std::int64_t c) const {
    const std::int64_t top = nearest_first_output(h, dx.h, dy.h), bottom = nearest_first_output(h + 1, dx.h, dy.h);
    const std::int64_t left = nearest_first_output(w, dx.w, dy.w), right = nearest_first_output(w + 1, dx.w, dy.w);
    Lanes<N> sum = zero_lanes<N>();
    for (std::int64_t i = top; i < bottom; ++i)
      for (std::int64_t j = left; j < right; ++j) add_scaled(sum, 1.f, load<N>(dy.pixel(n, i, j) + c));
    return sum;
  }
};

/// The first of `out` output positions for which `past` holds; it holds for none or for all from some position on.
template <class F>
__device__ int first_output(std::int64_t out, F past) {
  std::int64_t low = 0, high = out;
  while (low < high) {
    const std::int64_t middle = (low + high) / 2;
    if (past(middle))
      high = middle;
    else
      low = middle + 1;
  }
  return static_cast<int>(low);
}

__global__ void bilinear_axis_kernel(BilinearAxis axis, std::int64_t in, std::int64_t out, ResizeGrid grid) {
  for (std::int64_t i = global_thread(); i < in + out; i += grid_threads()) {
    if (i < out) {
      const BilinearTap t = bilinear_tap(i, in, out, grid);
      axis.taps[i] = {static_cast<int>(t.lower), static_cast<int>(t.upper), static_cast<float>(1 - t.weight), static_cast<float>(t.weight)};
    } else {
      // Taps move on with the output, so those that read `at` follow the last whose upper tap is below it.
      const std::int64_t at = i - out;
      axis.readers[at] = {first_output(out, [&](std::int64_t o) { return bilinear_tap(o, in, out, grid).upper >= at; }),
                          first_output(out, [&](std::int64_t o) { return bilinear_tap(o, in, out, grid).lower > at; })};
    }
  }
}

template <class T>
struct BilinearForward {
  View4<const T> x;
  BilinearAxis rows, cols;

  template <int N>
  __device__ Lanes<N> operator()(std::int64_t n, std::int64_t h, std::int64_t w, std::int64_t c) const {
    return bilinear_sample<N>(x, n, rows.taps[h], cols.taps[w], c);
  }
};

template <class T>
struct BilinearBackward {
  View4<const T> dy;
  BilinearAxis rows, cols;

  template <int N>
  __device__ Lanes<N> operator()(std::int64_t n, std::int64_t h, std::int64_t w, std::int64_t c) const {
    const BilinearAxis::Readers v = rows.readers[h], u = cols.readers[w];
    Lanes<N> sum = zero_lanes<N>();
    for (int i = v.first; i < v.last; ++i) {
      Lanes<N> line = zero_lanes<N>();
      for (int j = u.first; j < u.last; ++j) add_scaled(line, cols.share(j, w), load<N>(dy.pixel(n, i, j) + c));
      add_scaled(sum, rows.share(i, h), line);
    }
    return sum;
  }
};

}  // namespace

BilinearAxis bilinear_axis(Cuda& cuda, Workspace& workspace, std::int64_t in, std::int64_t out, ResizeGrid grid) {
  const BilinearAxis axis{workspace.take<BilinearAxis::Tap>(out), workspace.take<BilinearAxis::Readers>(in)};
  launch<bilinear_axis_kernel>(cuda, blocks_for(in + out, 128), 128, 0, axis, in, out, grid);
  return axis;
}

template <class T>
void resize_nearest_forward(Cuda& cuda, View4<const T> x, View4<T> y) {
  for_pixels(cuda, y, NearestForward<T>{x, y}, x);
}
template <class T>
void resize_nearest_backward(Cuda& cuda, View4<const T> dy, View4<T> dx) {
  for_pixels(cuda, dx, NearestBackward<T>{dy, dx}, dy);
}

template <class T>
void resize_bilinear_forward(Cuda& cuda, View4<const T> x, View4<T> y, ResizeGrid grid) {
  Workspace workspace(cuda);
  const BilinearAxis rows = bilinear_axis(cuda, workspace, x.h, y.h, grid), cols = bilinear_axis(cuda, workspace, x.w, y.w, grid);
  for_pixels(cuda, y, BilinearForward<T>{x, rows, cols}, x);
}
template <class T>
void resize_bilinear_backward(Cuda& cuda, View4<const T> dy, View4<T> dx, ResizeGrid grid) {
  Workspace workspace(cuda);
  const BilinearAxis rows = bilinear_axis(cuda, workspace, dx.h, dy.h, grid), cols = bilinear_axis(cuda, workspace, dx.w, dy.w, grid);
  for_pixels(cuda, dx, BilinearBackward<T>{dy, rows, cols}, dy);
}

LAMINA_INSTANTIATE(&resize_nearest_forward<float>, &resize_nearest_forward<BFloat16>, &resize_nearest_backward<float>,
                   &resize_nearest_backward<BFloat16>, &resize_bilinear_forward<float>, &resize_bilinear_forward<BFloat16>,
                   &resize_bilinear_backward<float>, &resize_bilinear_backward<BFloat16>)

}  // namespace lamina::kernels::cuda
