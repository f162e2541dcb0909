#pragma once
#include <atomic>

#include "lamina/train/session.hpp"

namespace lamina::train {

struct LoopOptions {
  int epochs = 1;
  std::int64_t steps = 0;             ///< updates in all; 0: those of `epochs`
  int val_every = 1;                  ///< epochs between validations; the last epoch is always validated
  int patience = 0;                   ///< validations in a row without a better score that end the run; 0: none do
  int save_every = 0;                 ///< epochs between weights/epoch_N; 0: none
  optim::ScheduleOptions schedule{};  ///< of every component's optimiser; its total_steps are the loop's
  std::uint64_t seed = 0;             ///< of what the networks draw while they train
  SentinelPolicy sentinels = SentinelPolicy::warn;
};

/// Trains: epochs of steps, a validation after them, checkpoints of the best and the last. It knows neither network nor loss, nor who
/// listens. `stop`, when set, ends the run after the current step with everything saved; a session that was opened anew goes on to the
/// bytes of a run never stopped. Throws OptionError; NumericError when a number of a step or a validation is not finite: names it, the step
/// and the images; weights/last stays as it was.
Outcome run_loop(Task& task, Session& session, const LoopOptions& options, const Sinks& sinks, const std::atomic<bool>* stop = nullptr);

}  // namespace lamina::train
