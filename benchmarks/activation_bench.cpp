#include "lamina/ops/activation.hpp"

#include "support.hpp"

using namespace lamina;

/// Feature maps: reads x and writes y; backward reads y and dy and writes dx.
void bench::add_cases() {
  const std::pair<const char*, Activation> kinds[] = {
      {"relu", Activation::relu()}, {"sigmoid", Activation::sigmoid()}, {"tanh", Activation::tanh()}};
  for (const auto& [name, act] : kinds)
    for (const Maps& m : kFeatureMaps) {
      const auto op = [act](const Tensors& in) { return activation(in[0], act); };
      add({.name = message(name, "_forward"),
           .arguments = m.arguments(),
           .inputs = {images(m.shape())},
           .op = op,
           .elements = 2 * m.numel()});
      add({.name = message(name, "_backward"),
           .arguments = m.arguments(),
           .inputs = {images(m.shape())},
           .op = op,
           .gradients = {0},
           .elements = 3 * m.numel()});
    }
}
