#include "lamina/ops/arithmetic.hpp"

#include "support.hpp"

using namespace lamina;

/// Sums, differences and products of two feature maps, sums also of channel ranges of wider ones: reads a and b, writes y; a product's
/// backward reads a, b and dy and writes da and db. And x * factor + offset.
void bench::add_cases() {
  for (const Maps& m : kFeatureMaps) {
    const auto op = [](const Tensors& in) { return lamina::add(in[0], in[1]); };
    const Input a = images(m.shape()), b = images(m.shape());
    add({.name = "add", .arguments = m.arguments(), .inputs = {a, b}, .op = op, .elements = 3 * m.numel()});
    add({.name = "add_slices", .arguments = m.arguments(), .inputs = {sliced(a), sliced(b)}, .op = op, .elements = 3 * m.numel()});
    add({.name = "sub",
         .arguments = m.arguments(),
         .inputs = {a, b},
         .op = [](const Tensors& in) { return sub(in[0], in[1]); },
         .elements = 3 * m.numel()});
    add_both({.name = "mul",
              .arguments = m.arguments(),
              .inputs = {a, b},
              .op = [](const Tensors& in) { return mul(in[0], in[1]); },
              .elements = 3 * m.numel()},
             {0, 1}, 5 * m.numel());
    add_both({.name = "div",
              .arguments = m.arguments(),
              .inputs = {a, images(m.shape(), 10)},
              .op = [](const Tensors& in) { return div(in[0], in[1]); },
              .elements = 3 * m.numel()},
             {0, 1}, 5 * m.numel());
    add({.name = "scale",
         .arguments = m.arguments(),
         .inputs = {a},
         .op = [](const Tensors& in) { return scale(in[0], 0.5, 2); },
         .elements = 2 * m.numel()});
  }
}
