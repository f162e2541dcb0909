#include "lamina/ops/group_norm.hpp"

#include "support.hpp"

using namespace lamina;

/// 8 groups. Forward reads x twice and writes y; backward reads x and dy twice and writes dx.
void bench::add_cases() {
  for (const Maps& m : kFeatureMaps)
    add_both({.name = "group_norm",
              .arguments = m.arguments(),
              .inputs = {images(m.shape()), precise(constant({m.c}, 1)), precise(constant({m.c}, 0))},
              .op = [](const Tensors& in) { return group_norm(in[0], in[1], in[2], 8); },
              .elements = 3 * m.numel()},
             {0, 1, 2}, 5 * m.numel());
}
