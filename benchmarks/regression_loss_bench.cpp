#include "lamina/ops/regression_loss.hpp"

#include "support.hpp"

using namespace lamina;

/// Two batches of colour images; forward reads both, backward reads both and writes one.
void bench::add_cases() {
  for (const Maps& m : {Maps{16, 256, 3}, Maps{16, 512, 3}}) {
    const auto with = [&](const char* name, auto op) {
      add_both(
          {.name = name, .arguments = m.arguments(), .inputs = {images(m.shape()), images(m.shape())}, .op = op, .elements = 2 * m.numel()},
          {0}, 3 * m.numel());
    };
    with("l1_loss", [](const Tensors& in) { return l1_loss(in[0], in[1]); });
    with("smooth_l1_loss", [](const Tensors& in) { return smooth_l1_loss(in[0], in[1]); });
    with("mse_loss", [](const Tensors& in) { return mse_loss(in[0], in[1]); });
  }
}
