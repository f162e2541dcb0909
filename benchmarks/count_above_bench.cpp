#include "lamina/ops/count_above.hpp"

#include "support.hpp"

using namespace lamina;

/// Cumulative outputs to grades: reads a pixel's C values and writes one byte.
void bench::add_cases() {
  for (const Maps& m : kLogits)
    add({.name = "count_above",
         .arguments = m.arguments(),
         .inputs = {images(m.shape())},
         .op = [c = m.c](const Tensors& in) { return count_above(in[0], std::vector<float>(static_cast<std::size_t>(c))); },
         .elements = m.numel(),
         .bytes = m.numel() / static_cast<double>(m.c)});
}
