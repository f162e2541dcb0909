// What a training run tells the terminal, and how it is stopped.
#pragma once
#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "lamina/core/settings.hpp"
#include "lamina/train/loop.hpp"
#include "lamina/train/sinks/callbacks.hpp"
#include "progress.hpp"

namespace cli {

/// The settings of a run that are not the usual ones, a line each; with `all` every one.
void note_settings(ProgressLine& progress, const std::vector<lamina::Setting>& settings, const std::vector<lamina::Setting>& usual,
                   bool all, int threads, const std::string& out);

/// Shows a run's events on the progress line.
class RunEvents {
 public:
  explicit RunEvents(ProgressLine& progress) : progress_(progress) {}
  lamina::train::TrainEvents events();
  /// Runs `train`, which is given a flag that SIGINT and SIGTERM raise: the first signal asks the run to save and stop, the second ends the
  /// process as usual.
  lamina::train::Outcome run(const std::function<lamina::train::Outcome(const std::atomic<bool>*)>& train);
  /// Images a second of the newest epoch; 0: none ended.
  double rate() const { return rate_; }

 private:
  ProgressLine& progress_;
  int epochs_ = 0;
  double rate_ = 0;
};

}  // namespace cli
