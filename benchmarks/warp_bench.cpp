#include "lamina/ops/warp.hpp"

#include "support.hpp"

using namespace lamina;

/// Photographs and masks, twice as large as the network's input, turned and scaled; reads the bytes of both (a quarter of the pixels
/// has to be touched at least) and writes floats and labels.
void bench::add_cases() {
  for (const Maps& m : {Maps{4, 256, 3}, Maps{8, 512, 3}}) {
    const Shape source{m.n, 2 * m.h, 2 * m.h, m.c}, masks{m.n, 2 * m.h, 2 * m.h};
    const std::vector<AffineMap> maps(static_cast<std::size_t>(m.n), {.xx = 1.4, .xy = 0.4, .yx = -0.4, .yy = 1.4, .x = 60, .y = 70});
    add({.name = "warp",
         .arguments = m.arguments(),
         .inputs = {labels(source, 256), labels(masks, 9)},
         .op = [maps, m](const Tensors& in) { return warp(in[0], in[1], maps, {.height = m.h, .width = m.h}).images; },
         .bytes = m.numel() * (4 + 1) + 2 * m.numel() / 3,
         .on_bf16 = false});
  }
}
