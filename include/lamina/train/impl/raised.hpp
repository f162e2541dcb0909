// Runs that go on longer than they were made for.
#pragma once
#include <string>

#include "lamina/core/text.hpp"
#include "lamina/train/config.hpp"

namespace lamina::train {

/// Takes over, into the settings `there` that a run was made with, what may be raised: epochs and patience. Says what more epochs do after
/// `step` updates; empty where there are none.
inline std::string take_raised(const TrainConfig& here, TrainConfig& there, std::int64_t batches, std::int64_t step) {
  if (there.patience > 0 && (here.patience == 0 || here.patience > there.patience)) there.patience = here.patience;
  if (here.steps > 0 || there.steps > 0 || here.epochs <= there.epochs) return {};
  using Kind = optim::ScheduleOptions::Kind;
  const Kind kind = optim::parse_schedule(there.schedule);
  const auto rate_of = [&](int epochs) {
    const std::string text = formatted("%.3g", optim::Schedule({.kind = kind, .lr = here.lr, .total_steps = epochs * batches}).lr(step));
    return std::string(text);
  };
  std::string said = message("--epochs raised from ", there.epochs, " to ", here.epochs, ": the schedule ", there.schedule);
  if (kind == Kind::constant || kind == Kind::plateau)
    said += " does not depend on them";
  else
    said += message(" is that of ", counted(here.epochs, "epoch"), " from update ", step + 1, " on: the learning rate there is ",
                    rate_of(here.epochs), ", not the ", rate_of(there.epochs), " of ", counted(there.epochs, "epoch"));
  there.epochs = here.epochs;
  return said;
}

}  // namespace lamina::train
