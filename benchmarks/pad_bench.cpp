#include "lamina/ops/pad.hpp"

#include "support.hpp"

using namespace lamina;

/// A border of two pixels around photographs and feature maps, and its removal; reads x and writes y.
void bench::add_cases() {
  for (const Maps& m : {Maps{4, 256, 3}, kFeatureMaps[0], kFeatureMaps[1], kFeatureMaps[3]}) {
    const double inner = m.numel(), outer = static_cast<double>(m.n * (m.h + 4) * (m.h + 4) * m.c);
    add({.name = "pad",
         .arguments = m.arguments(),
         .inputs = {images(m.shape())},
         .op = [](const Tensors& in) { return pad(in[0], PadParams::symmetric(2)); },
         .elements = inner + outer});
    add({.name = "crop",
         .arguments = m.arguments(),
         .inputs = {images({m.n, m.h + 4, m.h + 4, m.c})},
         .op = [m](const Tensors& in) { return crop(in[0], {.top = 2, .left = 2, .height = m.h, .width = m.h}); },
         .elements = 2 * inner});
  }
}
