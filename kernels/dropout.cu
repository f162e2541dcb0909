// CUDA twins of kernels/dropout.hpp: the same draws as on the CPU. One pass; the mask is never stored.
#include "lamina/kernels/dropout.hpp"

#include "detail/cuda/pixels.cuh"

namespace lamina::kernels::cuda {
namespace {

/// The factor of draw i: 0 where it drops, else 1 / (1 - rate). Neighbouring draws share a Philox block, which is kept.
class Factors {
 public:
  __device__ Factors(RandomKey key, float rate, float scale) : key_(key), rate_(rate), scale_(scale) {}
  __device__ float operator()(std::int64_t i) {
    if (i / 4 != block_) {
      block_ = i / 4;
      draws_ = key_.block(static_cast<std::uint64_t>(block_));
    }
    const std::uint32_t words[] = {draws_.v[0], draws_.v[1], draws_.v[2], draws_.v[3]};
    const int k = static_cast<int>(i % 4);
    const std::uint32_t draw = k == 0 ? words[0] : k == 1 ? words[1] : k == 2 ? words[2] : words[3];  // no indexed registers
    return uniform_from_bits(draw) < rate_ ? 0.f : scale_;
  }

 private:
  RandomKey key_;
  float rate_, scale_;
  std::int64_t block_ = -1;
  Philox draws_{};
};

template <class T>
struct Drop {
  View4<const T> x;
  float rate, scale;
  RandomKey key;
  bool channels;  ///< one draw an image and channel

  template <int N>
  __device__ Lanes<N> operator()(std::int64_t n, std::int64_t h, std::int64_t w, std::int64_t c) const {
    Lanes<N> v = load<N>(x.pixel(n, h, w) + c);
    const std::int64_t first = (channels ? n : (n * x.h + h) * x.w + w) * x.c + c;
    Factors factors(key, rate, scale);
#pragma unroll
    for (int k = 0; k < N; ++k) {
      const float factor = factors(first + k);
      v.v[k] = factor == 0 ? 0.f : v.v[k] * factor;  // 0 also where x is not finite
    }
    return v;
  }
};

template <class T>
Drop<T> drop(View4<const T> x, double rate, RandomKey key, bool channels) {
  return {x, static_cast<float>(rate), static_cast<float>(1 / (1 - rate)), key, channels};
}

}  // namespace

template <class T>
void dropout(Cuda& cuda, View2<const T> x, double rate, RandomKey key, View2<T> y) {
  const View4<const T> from{x.data, x.rows, 1, 1, x.cols, x.ld};
  for_pixels(cuda, View4<T>{y.data, y.rows, 1, 1, y.cols, y.ld}, drop(from, rate, key, false), from);
}

template <class T>
void dropout_channels(Cuda& cuda, View4<const T> x, double rate, RandomKey key, View4<T> y) {
  for_pixels(cuda, y, drop(x, rate, key, true), x);
}

LAMINA_INSTANTIATE(&dropout<float>, &dropout<BFloat16>, &dropout_channels<float>, &dropout_channels<BFloat16>)

}  // namespace lamina::kernels::cuda
