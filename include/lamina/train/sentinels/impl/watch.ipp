// Looking into a step.
#include "lamina/train/sentinels/watch.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string_view>

#include "lamina/nn/nn.hpp"
#include "lamina/ops/arithmetic.hpp"
#include "lamina/ops/reduce.hpp"

namespace lamina::train {
namespace {

std::string name_in(const Component& c, const std::string& name) { return c.prefix.empty() ? name : c.prefix + "/" + name; }

/// The first numbers of every kernel, as they are trained: of bf16 kernels those of their masters.
std::vector<double> some_weights(const std::vector<Component>& components) {
  constexpr std::int64_t kMost = 1024;  // of a kernel
  std::vector<double> all;
  for (const Component& c : components) {
    std::map<std::string, Tensor> masters;
    for (const nn::NamedTensor& s : c.optimizer->state())
      if (s.name.starts_with("master.")) masters[s.name.substr(7)] = s.tensor;
    for (const nn::NamedTensor& p : c.module->named_parameters()) {
      if (p.tensor.rank() < 2) continue;
      const auto master = masters.find(p.name);
      const Tensor t = (master == masters.end() ? p.tensor : master->second).detach();
      const auto some = t.view_as({t.numel(), 1}).rows(0, std::min(t.numel(), kMost)).to(kCpu).to_vector<double>();
      all.insert(all.end(), some.begin(), some.end());
    }
  }
  return all;
}

double norm(const std::vector<double>& v) {
  double squares = 0;
  for (const double x : v) squares += x * x;
  return std::sqrt(squares);
}

}  // namespace

void Watch::forward(const ForwardEvent& e) {
  const Attribute::Value* activation = e.op.find("activation");
  const char* const* kind = activation ? std::get_if<const char*>(activation) : nullptr;
  if (!kind || std::string_view(*kind) != "relu" || e.output.rank() != 4 || e.id == 0) return;
  const auto sums = sum(e.output, {.axes = {0, 1, 2}}).to_vector<double>();
  std::vector<bool>& alive = alive_[nn::LayerScope::current()];
  alive.resize(sums.size());
  for (std::size_t c = 0; c < sums.size(); ++c) alive[c] = alive[c] || sums[c] != 0;  // a sum of what is not negative
}

Scalars Watch::look(const data::Batch& batch, Scalars& sums) {
  const std::vector<Component> components = task_.components();
  std::vector<double> before = some_weights(components);
  alive_.clear();
  std::optional<ObserverScope> scope(std::in_place, static_cast<Observer&>(*this));
  const Scalars values = task_.step(batch);
  scope.reset();
  const NoGrad no_grad;
  const std::vector<double> after = some_weights(components);
  const double size = norm(before), lr = components[0].optimizer->lr();
  for (std::size_t i = 0; i < before.size(); ++i) before[i] = after[i] - before[i];
  sums["looks"] += 1;
  sums["movement"] += size > 0 && lr > 0 ? norm(before) / size / lr : 0;
  for (const auto& [layer, alive] : alive_)
    if (const auto dead = std::count(alive.begin(), alive.end(), false))
      sums["dead/" + layer] += static_cast<double>(dead) / static_cast<double>(alive.size());
  for (const Component& c : components)
    for (const nn::NamedTensor& p : c.module->named_parameters())
      if (const Tensor g = p.tensor.grad(); g && p.tensor.rank() >= 2 && !(std::sqrt(mean(mul(g, g)).item()) >= kStill))
        sums["still/" + name_in(c, p.name)] += 1;
  return values;
}

Scalars Watch::step(const data::Batch& batch, std::int64_t number, Scalars& sums) {
  const Scalars values = number % every_ == 0 ? look(batch, sums) : task_.step(batch);
  double& largest = sums["gradient"];
  for (const Component& c : task_.components()) largest = std::max(largest, c.optimizer->gradient_norm());
  return values;
}

Scalars signals_of(const Scalars& sums) {
  Scalars signals;
  for (const auto& [name, value] : sums)
    if (name != "looks") signals[name] = name == "gradient" ? value : value / sums.at("looks");
  return signals;
}

}  // namespace lamina::train
