#pragma once
#include "lamina/models/registry.hpp"
#include "lamina/models/unet.hpp"

namespace lamina::test {

/// A U-Net with a buffer more, which counts how often it is given its initial value.
class CountedUNet : public models::UNet {
 public:
  static inline int built = 0;
  CountedUNet(const models::UNetOptions& o, nn::RandomStream& random) : UNet(o, random) {
    add_buffer("built", {1}, [] { return ++built, Tensor::zeros({1}); });
  }
};

/// How many networks of the family "counted" were given initial values: all, or what a file lacked.
inline int& built_networks() {
  static const bool registered = [] {
    models::Family family = models::find_family("unet");
    family.name = "counted";
    family.build = [](const models::ModelConfig& c, nn::RandomStream& random) -> std::unique_ptr<models::Network> {
      models::UNetOptions o = models::unet_preset(c.preset, c.in_channels, c.classes);
      o.outputs = c.outputs, o.base = c.number("base"), o.depth = c.number("depth");
      return std::make_unique<CountedUNet>(o, random);
    };
    models::register_family(std::move(family));
    return true;
  }();
  (void)registered;
  return CountedUNet::built;
}

}  // namespace lamina::test
