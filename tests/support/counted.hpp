#pragma once
#include "lamina/models/registry.hpp"

namespace lamina::test {

/// How many U-Nets of the family "counted" were built with initial values.
inline int& built_networks() {
  static int built = 0;
  static const bool registered = [] {
    models::Family family = models::find_family("unet");
    family.name = "counted";
    family.build = [build = family.build](const models::ModelConfig& c, nn::RandomStream& random) {
      built += !nn::MetaScope::active();
      return build(c, random);
    };
    models::register_family(std::move(family));
    return true;
  }();
  (void)registered;
  return built;
}

}  // namespace lamina::test
