#pragma once
#include <cstdint>
#include <string>

namespace lamina::optim {

struct ScheduleOptions {
  enum class Kind {
    constant,
    poly,      ///< end_lr + (lr - end_lr) * (1 - t/total)^power (DeepLab)
    cosine,    ///< end_lr + (lr - end_lr) * (1 + cos(pi t/total)) / 2 (Loshchilov & Hutter 2017)
    onecycle,  ///< cosine from lr/div_factor up to lr over the first pct_start, then down to lr/div_factor/final_div_factor (PyTorch
               ///< OneCycleLR)
    plateau,   ///< lr *= factor after `patience` observations without a better metric (PyTorch ReduceLROnPlateau, mode max, threshold 1e-4
               ///< relative)
  };
  Kind kind = Kind::constant;
  double lr = 1e-3;  ///< base rate; onecycle: the maximum
  std::int64_t total_steps = 1;
  std::int64_t warmup_steps = 0;  ///< linear from lr/warmup_steps; constant, poly and cosine only
  double power = 0.9;
  double end_lr = 0;
  double pct_start = 0.3, div_factor = 25, final_div_factor = 1e4;
  double factor = 0.1;
  int patience = 10;
};

/// Throws OptionError that names the nearest known name.
ScheduleOptions::Kind parse_schedule(const std::string& name);
const char* name_of(ScheduleOptions::Kind kind);

/// The learning rate as a function of the step (0 is the first update), plus plateau's memory of the metric.
class Schedule {
 public:
  /// Throws OptionError on options outside their range.
  explicit Schedule(const ScheduleOptions& options);
  double lr(std::int64_t step) const;
  /// Plateau only: call once an evaluation with a metric where larger is better. Others ignore it.
  void observe(double metric);

  /// Plateau's memory, for checkpoints.
  struct State {
    double best = -1e300;
    double reduction = 1;
    std::int64_t bad = 0;
  };
  const State& state() const { return state_; }
  void set_state(const State& state) { state_ = state; }

 private:
  ScheduleOptions options_;
  State state_;
};

}  // namespace lamina::optim
