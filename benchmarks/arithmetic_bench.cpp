#include "lamina/ops/arithmetic.hpp"

#include "support.hpp"

using namespace lamina;

/// Sums of two feature maps, packed or as channel ranges of wider ones; reads a and b, writes y. And x * factor + offset.
void bench::add_cases() {
  for (const Maps& m : kFeatureMaps) {
    const auto op = [](const Tensors& in) { return lamina::add(in[0], in[1]); };
    const Input a = images(m.shape()), b = images(m.shape());
    add({.name = "add", .arguments = m.arguments(), .inputs = {a, b}, .op = op, .elements = 3 * m.numel()});
    add({.name = "add_slices", .arguments = m.arguments(), .inputs = {sliced(a), sliced(b)}, .op = op, .elements = 3 * m.numel()});
    add({.name = "scale",
         .arguments = m.arguments(),
         .inputs = {a},
         .op = [](const Tensors& in) { return scale(in[0], 0.5, 2); },
         .elements = 2 * m.numel()});
  }
}
