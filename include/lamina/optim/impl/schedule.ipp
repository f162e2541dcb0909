#include "lamina/optim/schedule.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "lamina/core/names.hpp"

namespace lamina::optim {
namespace {

using Kind = ScheduleOptions::Kind;
constexpr Named<Kind> kNames[] = {
    {Kind::constant, "constant"}, {Kind::poly, "poly"}, {Kind::cosine, "cosine"}, {Kind::onecycle, "onecycle"}, {Kind::plateau, "plateau"}};

/// From `a` at 0 to `b` at 1 along half a cosine.
double cosine(double a, double b, double t) { return b + (a - b) / 2 * (1 + std::cos(std::numbers::pi * t)); }

}  // namespace

Kind parse_schedule(const std::string& name) { return parse_name("schedule", name, kNames); }
const char* name_of(Kind kind) { return name_in(kNames, kind); }

Schedule::Schedule(const ScheduleOptions& o) : options_(o) {
  require<OptionError>(std::isfinite(o.lr) && o.lr >= 0, "schedule: lr = ", o.lr, " is not a learning rate");
  require<OptionError>(o.total_steps >= 1, "schedule: total_steps = ", o.total_steps, " must be at least 1");
  require<OptionError>(o.warmup_steps >= 0, "schedule: warmup_steps = ", o.warmup_steps, " is negative");
  require<OptionError>(o.pct_start > 0 && o.pct_start < 1, "schedule: pct_start = ", o.pct_start, " is outside (0, 1)");
  require<OptionError>(o.factor > 0 && o.factor < 1, "schedule: factor = ", o.factor, " is outside (0, 1)");
}

double Schedule::lr(std::int64_t step) const {
  const ScheduleOptions& o = options_;
  const double t = std::clamp(static_cast<double>(step) / static_cast<double>(o.total_steps), 0.0, 1.0);
  const double warmup = step < o.warmup_steps ? static_cast<double>(step + 1) / static_cast<double>(o.warmup_steps) : 1.0;
  switch (o.kind) {
    case Kind::constant: return warmup * o.lr;
    case Kind::poly: return warmup * (o.end_lr + (o.lr - o.end_lr) * std::pow(1 - t, o.power));
    case Kind::cosine: return warmup * cosine(o.lr, o.end_lr, t);
    case Kind::plateau: return o.lr * state_.reduction;
    case Kind::onecycle: {
      const double total = static_cast<double>(o.total_steps), s = std::min(static_cast<double>(step), total - 1);
      const double low = o.lr / o.div_factor, peak = o.pct_start * total - 1;
      if (peak > 0 && s <= peak) return cosine(low, o.lr, s / peak);
      return cosine(o.lr, low / o.final_div_factor, (s - peak) / std::max(total - 1 - peak, 1e-12));
    }
  }
  return o.lr;
}

void Schedule::observe(double metric) {
  if (options_.kind != Kind::plateau) return;
  if (metric > state_.best + 1e-4 * std::abs(state_.best)) {
    state_.best = metric;
    state_.bad = 0;
  } else if (++state_.bad > options_.patience) {
    state_.reduction *= options_.factor;
    state_.bad = 0;
  }
}

}  // namespace lamina::optim
