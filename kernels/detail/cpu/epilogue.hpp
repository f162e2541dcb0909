// What convolutions do to their result before it leaves the cache.
#pragma once
#include "detail/cpu/isa.hpp"
#include "lamina/kernels/activation.hpp"

namespace lamina::kernels::LAMINA_ISA {

/// y = act(y + b) over the rows of a tile.
template <class T>
void bias_activation(Cpu& cpu, View2<T> y, const T* b, Activation act) {
  if (b)
    for (std::int64_t r = 0; r < y.rows; ++r)
      for (std::int64_t k = 0; k < y.cols; ++k) y.row(r)[k] += b[k];
  if (!act.is_none()) activation_forward<T>(cpu, y, act, y);
}

}  // namespace lamina::kernels::LAMINA_ISA
