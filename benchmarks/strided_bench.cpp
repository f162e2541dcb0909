#include "lamina/ops/expand.hpp"
#include "lamina/ops/permute.hpp"

#include "support.hpp"

using namespace lamina;

/// Feature maps to channels first and back, and a row of channels repeated to a map: reads x and writes y.
void bench::add_cases() {
  for (const Maps& m : kFeatureMaps) {
    add({.name = "permute",
         .arguments = m.arguments(),
         .inputs = {images(m.shape())},
         .op =
             [](const Tensors& in) {
               return permute(in[0], {0, 3, 1, 2});
             },
         .elements = 2 * m.numel()});
    add({.name = "expand",
         .arguments = m.arguments(),
         .inputs = {weights({m.c})},
         .op = [shape = m.shape()](const Tensors& in) { return expand(in[0], shape); },
         .elements = m.numel()});
  }
}
