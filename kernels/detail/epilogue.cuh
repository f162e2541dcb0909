// What convolutions do to a result before it is stored.
#pragma once
#include "detail/activate.hpp"

namespace lamina::kernels::cuda {

/// act(v + b[k]) of channel k. Plain data.
struct Epilogue {
  const float* b = nullptr;  ///< may be null
  Activation act = {};

  __device__ float operator()(float v, std::int64_t k) const {
    if (b) v += b[k];
    float result = v;
    with_activation(act, [&](auto a) { result = a(v); });
    return result;
  }
};

}  // namespace lamina::kernels::cuda
