#include "lamina/ops/softmax.hpp"

#include "support.hpp"

using namespace lamina;

/// Logits of segmentation models; reads x and writes y, backward reads y and dy and writes dx.
void bench::add_cases() {
  for (const Maps& m : kLogits) {
    const auto with = [&](const char* name, auto op, double passes, std::vector<std::size_t> gradients) {
      add({.name = name,
           .arguments = m.arguments(),
           .inputs = {images(m.shape())},
           .op = op,
           .gradients = std::move(gradients),
           .elements = passes * m.numel()});
    };
    const auto plain = [](const Tensors& in) { return softmax(in[0]); };
    const auto log = [](const Tensors& in) { return log_softmax(in[0]); };
    with("softmax_forward", plain, 2, {});
    with("softmax_backward", plain, 3, {0});
    with("log_softmax_forward", log, 2, {});
    with("log_softmax_backward", log, 3, {0});
  }
}
