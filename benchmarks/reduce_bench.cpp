#include "lamina/ops/reduce.hpp"

#include "support.hpp"

using namespace lamina;

/// Means of all elements, of each image's channels (global average pooling), and over the channels; reads x.
void bench::add_cases() {
  for (const Maps& m : kFeatureMaps) {
    const auto with = [&](const char* name, std::vector<int> axes) {
      add({.name = name,
           .arguments = m.arguments(),
           .inputs = {images(m.shape(), 1)},
           .op = [p = ReduceParams{.axes = std::move(axes)}](const Tensors& in) { return mean(in[0], p); },
           .elements = m.numel()});
    };
    with("mean_all", {});
    with("mean_image", {1, 2});
    with("mean_channels", {3});
  }
}
