#include "lamina/ops/batch_norm2d.hpp"

#include "support.hpp"

using namespace lamina;

/// In training, with ReLU. Forward reads x twice and writes y; backward reads x and dy twice and writes dx. With a residual, forward reads
/// that too; backward reads x, y and dy and writes the residual's gradient, then reads x and that gradient and writes dx.
void bench::add_cases() {
  const BatchNorm2dParams p{.activation = Activation::relu()};
  for (const Maps& m : kFeatureMaps) {
    const Shape channels{m.c};
    Case c{.name = "batch_norm2d",
           .arguments = m.arguments(),
           .inputs = {images(m.shape()), precise(constant(channels, 1)), precise(constant(channels, 0)), precise(constant(channels, 0)),
                      precise(constant(channels, 1))},
           .op = [p](const Tensors& in) { return batch_norm2d(in[0], in[1], in[2], in[3], in[4], p); },
           .elements = 3 * m.numel()};
    add_both(c, {0, 1, 2}, 5 * m.numel());
    c.name = "batch_norm2d_residual";
    c.inputs.push_back(images(m.shape()));
    c.op = [p](const Tensors& in) { return batch_norm2d(in[0], in[1], in[2], in[3], in[4], p, in[5]); };
    c.elements = 4 * m.numel();
    add_both(c, {0, 1, 2, 5}, 7 * m.numel());
  }
}
