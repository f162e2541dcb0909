// What weight decay acts on.
#pragma once
#include <string>
#include <vector>

#include "lamina/core/names.hpp"
#include "lamina/nn/nn.hpp"
#include "lamina/optim/optimizer.hpp"

namespace lamina::train {

enum class Decay { kernels, dense, all };

/// Throws OptionError naming the nearest.
inline Decay parse_decay(const std::string& name) {
  constexpr Named<Decay> kDecays[] = {{Decay::kernels, "kernels"}, {Decay::dense, "dense"}, {Decay::all, "all"}};
  return parse_name("--decay-on", name, kDecays);
}

/// The groups of an optimiser: a learning rate for all, and no decay of what `decay` leaves out beside biases and norms.
inline std::vector<optim::ParameterGroup> decay_groups(const nn::Module& module, Decay decay, double lr_factor = 1) {
  std::vector<optim::ParameterGroup> groups{{.prefix = "", .lr_factor = lr_factor}};
  const auto visit = [&](const auto& self, const nn::Module& m) -> void {
    const auto* conv = dynamic_cast<const nn::Conv2d*>(&m);
    if (conv && conv->depthwise()) groups.push_back({.prefix = m.path() + ".weight", .lr_factor = lr_factor, .weight_decay = 0});
    for (const auto& [name, child] : m.children()) self(self, *child);
  };
  if (decay == Decay::dense) visit(visit, module);
  return groups;
}

}  // namespace lamina::train
