#include "lamina/ops/concat.hpp"

#include "support.hpp"

using namespace lamina;

/// A skip connection of C channels beside 2 C: the copy that is made when the parts were not written into one buffer.
void bench::add_cases() {
  for (const Maps& m : kFeatureMaps)
    add({.name = "concat",
         .arguments = m.arguments(),
         .inputs = {images(m.shape()), images(m.shape().with(-1, 2 * m.c))},
         .op = [](const Tensors& in) { return concat(in); },
         .elements = 6 * m.numel()});
}
