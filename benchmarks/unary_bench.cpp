#include "lamina/ops/unary.hpp"

#include "support.hpp"

using namespace lamina;

/// Feature maps: reads x and writes y; backward reads x or y, and dy, and writes dx.
void bench::add_cases() {
  const std::pair<const char*, Unary> functions[] = {{"exp", {.kind = Unary::Kind::exp}},
                                                     {"sqrt", {.kind = Unary::Kind::sqrt}},
                                                     {"abs", {.kind = Unary::Kind::abs}},
                                                     {"pow", {.kind = Unary::Kind::pow, .a = 3}},
                                                     {"clamp", {.kind = Unary::Kind::clamp, .a = -1, .b = 1}}};
  for (const auto& [name, f] : functions)
    for (const Maps& m : kFeatureMaps)
      add_both({.name = name,
                .arguments = m.arguments(),
                .inputs = {images(m.shape(), f.kind == Unary::Kind::sqrt ? 10 : 0)},
                .op = [f = f](const Tensors& in) { return unary(in[0], f); },
                .elements = 2 * m.numel()},
               {0}, 3 * m.numel());
}
