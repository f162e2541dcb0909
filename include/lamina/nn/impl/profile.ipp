#include "lamina/nn/profile.hpp"

#include <algorithm>
#include <tuple>

namespace lamina::nn {

Profiler::Profiler(Device device) : watch_(device) { watch_.start(); }

double Profiler::lap() {
  const double seconds = watch_.seconds();
  watch_.start();
  return seconds;
}

void Profiler::forward(const ForwardEvent& event) {
  const double seconds = lap();
  const auto [it, added] = index_.try_emplace({LayerScope::current(), event.op.name}, rows_.size());
  if (added) rows_.emplace_back();
  ProfileRow& row = rows_[it->second];
  std::tie(row.layer, row.op) = it->first;
  if (const Attribute::Value* algorithm = event.op.find("algorithm")) row.algorithm = std::get<const char*>(*algorithm);
  ++row.calls;
  row.forward += seconds;
  const auto bytes = [](const Tensor& t) { return t ? t.numel() * static_cast<std::int64_t>(size_of(t.dtype())) : 0; };
  for (const Tensor& t : event.inputs) row.bytes += bytes(t);
  row.bytes += bytes(event.output);
  if (event.id) recorded_[event.id] = it->second;
}

void Profiler::backward(const BackwardEvent& event) {
  const double seconds = lap();
  if (const auto it = recorded_.find(event.id); it != recorded_.end()) rows_[it->second].backward += seconds;
}

std::vector<ProfileRow> Profiler::rows() const {
  std::vector<ProfileRow> sorted = rows_;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const ProfileRow& a, const ProfileRow& b) { return a.forward + a.backward > b.forward + b.backward; });
  return sorted;
}

}  // namespace lamina::nn
