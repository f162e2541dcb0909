#pragma once
#include "lamina/core/device.hpp"
#include "lamina/core/random.hpp"

namespace lamina::kernels {

/// The draw of number i of a key: word i % 4 of its Philox block i / 4. Dropped where uniform_from_bits(draw) < float(rate).

/// y = 0 where dropped, else x / (1 - rate); element (r, c) uses draw r * cols + c. Overwrites y, which may be x.
LAMINA_KERNEL(dropout, View2<const T> x, double rate, RandomKey key, View2<T> y)
/// The same with one draw for each image and channel: (n, h, w, c) uses draw n * C + c.
LAMINA_KERNEL(dropout_channels, View4<const T> x, double rate, RandomKey key, View4<T> y)

}  // namespace lamina::kernels
