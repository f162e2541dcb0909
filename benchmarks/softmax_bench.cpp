#include "lamina/ops/softmax.hpp"

#include "support.hpp"

using namespace lamina;

/// Logits of segmentation models; reads x and writes y, backward reads y and dy and writes dx.
void bench::add_cases() {
  for (const Maps& m : kLogits) {
    const auto with = [&](const char* name, auto op) {
      add_both({.name = name, .arguments = m.arguments(), .inputs = {images(m.shape())}, .op = op, .elements = 2 * m.numel()}, {0},
               3 * m.numel());
    };
    with("softmax", [](const Tensors& in) { return softmax(in[0]); });
    with("log_softmax", [](const Tensors& in) { return log_softmax(in[0]); });
  }
}
