// What networks say of images.
#include "lamina/models/network.hpp"

namespace lamina::models {

Outputs Network::run(const Tensor& images) {
  Outputs all = forward(images.to(options().device).to(options().dtype));
  for (const auto& spec : outputs())
    for (const auto& [name, z] : all)
      require(name != spec.name || (z && z.rank() == 4 && z.size(0) == images.size(0) && z.size(3) == spec.channels),
              "the network's output \"", name, "\" is ", z ? z.shape().str() : "undefined", ", not (", images.size(0), ", height, width, ",
              spec.channels, ")");
  return all;
}

std::vector<std::string> Network::last_layers() const {
  const std::string last = named_parameters().back().name;
  return {last.substr(0, last.rfind('.'))};
}

const Tensor& named(const Outputs& outputs, const std::string& name) {
  std::string names;
  for (const nn::NamedTensor& o : outputs) {
    if (o.name == name) return o.tensor;
    names += (names.empty() ? "" : ", ") + o.name;
  }
  throw ShapeError(message("the network has no output \"", name, "\"; it has ", names));
}

}  // namespace lamina::models
