#include "lamina/ops/activation.hpp"

#include "support.hpp"

using namespace lamina;

/// Feature maps: reads x and writes y; backward reads y and dy and writes dx.
void bench::add_cases() {
  const std::pair<const char*, Activation> kinds[] = {{"relu", Activation::relu()},
                                                      {"leaky_relu", Activation::leaky_relu(0.2f)},
                                                      {"sigmoid", Activation::sigmoid()},
                                                      {"tanh", Activation::tanh()}};
  for (const auto& [name, act] : kinds)
    for (const Maps& m : kFeatureMaps)
      add_both({.name = name,
                .arguments = m.arguments(),
                .inputs = {images(m.shape())},
                .op = [act = act](const Tensors& in) { return activation(in[0], act); },
                .elements = 2 * m.numel()},
               {0}, 3 * m.numel());
}
