#include "lamina/ops/pool2d.hpp"

#include "support.hpp"

using namespace lamina;

/// 2x2 pooling; reads x and writes y, a quarter of it; backward the other way round. Max pooling also writes or reads a byte for each y.
void bench::add_cases() {
  for (const Maps& m : {kFeatureMaps[0], kFeatureMaps[1], kFeatureMaps[2]}) {
    const auto with = [&](const char* name, auto op, double winner, std::vector<std::size_t> gradients) {
      add({.name = name,
           .arguments = m.arguments(),
           .inputs = {images(m.shape())},
           .op = op,
           .gradients = std::move(gradients),
           .elements = 1.25 * m.numel(),
           .bytes = 0.25 * winner * m.numel()});
    };
    const auto max = [](const Tensors& in) { return max_pool2d(in[0]); };
    const auto average = [](const Tensors& in) { return avg_pool2d(in[0]); };
    with("max_pool2d_forward", max, 0, {});
    with("max_pool2d_backward", max, 1, {0});
    with("avg_pool2d_forward", average, 0, {});
    with("avg_pool2d_backward", average, 0, {0});
  }
}
