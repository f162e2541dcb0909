#pragma once
#include "lamina/heads/ordinal.hpp"

namespace lamina::heads {

/// Grades by cumulative scores that differ by a bias alone: a plane has one row of weights, and a bias between each two grades (Cao,
/// Mirjalili & Raschka 2020). A pixel's scores then stand in the order of the biases, which the loss puts in that of the grades, so that
/// "above mild" is never likelier than "above none".
class Coral : public Ordinal {
 public:
  using Ordinal::Ordinal;
  const char* kind() const override { return "coral"; }
  std::vector<int> tied() const override { return std::vector<int>(static_cast<std::size_t>(outputs() / steps()), steps()); }
};

}  // namespace lamina::heads
