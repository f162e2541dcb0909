#include "lamina/ops/argmax.hpp"

#include "support.hpp"

using namespace lamina;

/// Logits to labels: reads a pixel's C values and writes one byte.
void bench::add_cases() {
  for (const Maps& m : kLogits)
    add({.name = "argmax",
         .arguments = m.arguments(),
         .inputs = {images(m.shape())},
         .op = [](const Tensors& in) { return argmax(in[0]); },
         .elements = m.numel(),
         .bytes = m.numel() / static_cast<double>(m.c)});
}
