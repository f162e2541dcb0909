#include "lamina/ops/dropout.hpp"

#include "support.hpp"

using namespace lamina;

/// By element and by channel; reads x and writes y.
void bench::add_cases() {
  for (const Maps& m : kFeatureMaps) {
    const auto with = [&](const char* name, auto op) {
      add({.name = name, .arguments = m.arguments(), .inputs = {images(m.shape())}, .op = op, .elements = 2 * m.numel()});
    };
    with("dropout", [](const Tensors& in) { return dropout(in[0], 0.5, {1, 2}); });
    with("dropout_channels", [](const Tensors& in) { return dropout_channels(in[0], 0.5, {1, 2}); });
  }
}
