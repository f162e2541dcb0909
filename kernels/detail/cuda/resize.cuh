// Bilinear resizing on the device, a thread's channels at a time.
#pragma once
#include "detail/cuda/pixels.cuh"
#include "lamina/kernels/resize.hpp"

namespace lamina::kernels::cuda {

/// One axis of a bilinear resize as tables on the device: the taps of every output position, and for every input position the outputs
/// [first, last) between which all that read it lie.
struct BilinearAxis {
  struct Tap {
    int lower, upper;
    float low, high;
  };
  struct Readers {
    int first, last;
  };
  Tap* taps;
  Readers* readers;

  /// The share of input position i in output position o.
  __device__ float share(std::int64_t o, std::int64_t i) const {
    const Tap t = taps[o];
    return (t.lower == i ? t.low : 0.f) + (t.upper == i ? t.high : 0.f);
  }
};

/// The tables, computed on the device (in resize.cu).
BilinearAxis bilinear_axis(Cuda& cuda, Workspace& workspace, std::int64_t in, std::int64_t out, ResizeGrid grid);

/// Channels [c, c + N) of image n of x between the rows that v names and the columns that u names.
template <int N, class T>
__device__ __forceinline__ Lanes<N> bilinear_sample(const View4<const T>& x, std::int64_t n, const BilinearAxis::Tap& v,
                                                    const BilinearAxis::Tap& u, std::int64_t c) {
  Lanes<N> sum = zero_lanes<N>();
  add_scaled(sum, v.low * u.low, load<N>(x.pixel(n, v.lower, u.lower) + c));
  add_scaled(sum, v.low * u.high, load<N>(x.pixel(n, v.lower, u.upper) + c));
  add_scaled(sum, v.high * u.low, load<N>(x.pixel(n, v.upper, u.lower) + c));
  add_scaled(sum, v.high * u.high, load<N>(x.pixel(n, v.upper, u.upper) + c));
  return sum;
}

}  // namespace lamina::kernels::cuda
