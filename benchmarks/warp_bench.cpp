#include "lamina/ops/warp.hpp"

#include "support.hpp"

using namespace lamina;

/// Photographs and masks, twice as large as the network's input, turned and scaled; reads the bytes of both (a quarter of the pixels
/// has to be touched at least) and writes floats and labels.
void bench::add_cases() {
  for (const Maps& m : {Maps{4, 256, 3}, Maps{8, 512, 3}}) {
    const Shape source{m.n, 2 * m.h, 2 * m.h, m.c}, masks{m.n, 2 * m.h, 2 * m.h};
    add({.name = "warp",
         .arguments = m.arguments(),
         .inputs = {labels(source, 256), labels(masks, 9)},
         .op =
             [m](const Tensors& in) {
               const std::vector<AffineMap> maps(static_cast<std::size_t>(in[0].size(0)),
                                                 {.xx = 1.4, .xy = 0.4, .yx = -0.4, .yy = 1.4, .x = 60, .y = 70});
               return warp(in[0], in[1], maps, {.height = m.h, .width = m.h}).images;
             },
         .bytes = m.numel() * (4 + 1) + 2 * m.numel() / 3,
         .cuda = {DType::f32}});
  }
}
