// Epochs, steps, validation, stopping.
#include "lamina/train/loop.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <utility>

#include "lamina/core/settings.hpp"
#include "lamina/core/text.hpp"
#include "lamina/train/sentinels/failed_step.hpp"
#include "lamina/train/sentinels/sentinel.hpp"
#include "lamina/train/sentinels/watch.hpp"

namespace lamina::train {
namespace {

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

std::int64_t total_steps(const LoopOptions& o, const data::Batches& batches) {
  return o.steps > 0 ? o.steps : std::int64_t{o.epochs} * batches.batches();
}
optim::ScheduleOptions with_total(optim::ScheduleOptions schedule, std::int64_t steps) {
  schedule.total_steps = steps;
  return schedule;
}

/// The task's own rules, and those about any network.
std::vector<Sentinel> sentinels_of(const Task& task, double lr) {
  std::vector<Sentinel> all = task.sentinels(lr);
  for (Sentinel& s : network_sentinels(lr)) all.push_back(std::move(s));
  return all;
}

class Loop {
 public:
  Loop(Task& task, Session& session, const LoopOptions& options, const Sinks& sinks, const std::atomic<bool>* stop)
      : task_(task),
        session_(session),
        state_(session.state()),
        options_(options),
        sinks_(sinks),
        stop_(stop),
        batches_(task.training()),
        total_steps_(total_steps(options, batches_)),
        epochs_(static_cast<int>((total_steps_ + batches_.batches() - 1) / std::max<std::int64_t>(batches_.batches(), 1))),
        schedule_(with_total(options.schedule, total_steps_)),
        watch_(task) {
    if (watched()) sentinels_ = sentinels_of(task, options.schedule.lr * slower());
    if (session.resumed()) schedule_.set_state(state_.schedule);
  }

  Outcome run() {
    sinks_.tell(&Sink::start, where());
    if (!session_.damage().empty()) sinks_.tell(&Sink::warning, session_.damage());
    if (session_.resumed())
      say("resuming " + session_.folder().root.string() + " after epoch " + std::to_string(state_.epoch) + ", step " +
          std::to_string(state_.step));
    if (over())
      say(message("the run is finished", exhausted() ? ": " + no_gain() : "", "; --out another folder trains anew, ",
                  exhausted() ? "a larger --patience, or 0, goes on" : "more --epochs go on"));
    if (options_.sentinels == SentinelPolicy::reload && !session_.resumed()) save("last");  // the first epoch, too, has a way back
    while (!over()) {
      try {
        train_epoch();
      } catch (const NumericError& e) {
        if (!may_reload()) throw;
        reload(e.what());
        continue;
      }
      if (!alarmed_.empty() && !over()) {
        sinks_.tell(&Sink::interrupt);
        say(message("stopped after epoch ", state_.epoch, " by a sentinel (", alarmed_,
                    "; --sentinels stop); all is saved, and the same command goes on"));
        return Outcome::stopped;
      }
      if (stopped() && !over()) {
        if (state_.batch > 0) save("last");  // otherwise the end of the epoch saved it
        sinks_.tell(&Sink::interrupt);
        say("interrupted after step " + std::to_string(state_.step) + "; the same command resumes");
        return Outcome::interrupted;
      }
    }
    sinks_.tell(&Sink::finish, session_.folder().root);
    return Outcome::finished;
  }

 private:
  bool over() const { return state_.epoch >= epochs_ || exhausted(); }
  /// Validations since the best epoch.
  std::int64_t without_gain() const {
    return std::count_if(state_.history.begin(), state_.history.end(),
                         [&](const EpochRecord& r) { return r.validation && r.epoch > state_.best_epoch; });
  }
  std::string no_gain() const {
    return message(counted(without_gain(), "validation"), " without a better score than epoch ", state_.best_epoch, "'s");
  }
  bool exhausted() const { return options_.patience > 0 && without_gain() >= options_.patience; }
  bool watched() const { return options_.sentinels != SentinelPolicy::off; }
  bool stopped() const { return stop_ && stop_->load(std::memory_order_relaxed); }
  void say(const std::string& text) const { sinks_.tell(&Sink::message, text); }
  double lr() { return task_.components()[0].optimizer->lr(); }
  RunStart where() const { return {session_.folder().root, state_.epoch, epochs_, task_.score_names(), task_.notes(), state_.step}; }
  bool may_reload() const {
    return options_.sentinels == SentinelPolicy::reload && state_.reloads < kMostReloads && holds_checkpoint(session_.folder());
  }
  /// Back to the last checkpoint, at a tenth of the learning rate.
  void reload(const std::string& why) {
    const int reloads = state_.reloads + 1;
    session_.reload();
    state_.reloads = reloads;
    schedule_.set_state(state_.schedule);
    if (watched()) sentinels_ = sentinels_of(task_, options_.schedule.lr * slower());
    sinks_.tell(&Sink::back, where());
    const std::string rate = formatted("%.3g", options_.schedule.lr * slower());
    sinks_.tell(&Sink::warning, message(why, ". Back to the checkpoint of epoch ", state_.epoch, ", step ", state_.step, ", at ", rate,
                                        " as the learning rate (reload ", reloads, " of at most ", kMostReloads, ")"));
    save("last");
  }
  double slower() const { return std::pow(0.1, state_.reloads); }
  void save(const char* which) {
    state_.schedule = schedule_.state();
    try {
      session_.save(which);
    } catch (const NumericError& e) {
      diverged(e.what());
    }
  }
  /// The cause first: numbers that are not finite come from steps that are too long, unless there was none yet.
  [[noreturn]] void diverged(const std::string& what, bool too_fast = false) {
    const std::filesystem::path last = session_.folder().weights("last");
    const std::string kept = std::filesystem::exists(last) ? "; no weights were saved after " + last.string() : "; no weights were saved";
    throw NumericError(state_.step == 0 && !too_fast
                           ? message(what, kept, ". There was no step yet: look at the images with lamina check")
                           : message("the learning rate ", to_string(SettingValue(options_.schedule.lr)),
                                     " is too high for this run, most likely: ", what, kept, ". Try a smaller --lr or --clip-norm 1"));
  }

  /// Returns early, within the epoch, when stopped.
  void train_epoch() {
    const int epoch = state_.epoch + 1;
    batches_.start(epoch, state_.batch);
    const auto start = Clock::now();
    std::int64_t seen = 0;
    data::Batch batch;
    for (const Component& c : task_.components())
      if (!c.module->training()) c.module->train();  // below it, what was set to evaluation stays so
    while (state_.step < total_steps_ && batches_.next_of(batch, state_.batch, "the training data", epoch)) {
      train_step(batch);
      seen += batch.size();
      const double rate = static_cast<double>(seen) / seconds_since(start);
      const double items_a_batch = static_cast<double>(state_.images) / static_cast<double>(state_.batch);
      sinks_.tell(&Sink::step, StepEvent{.epoch = epoch,
                                         .epochs = epochs_,
                                         .batch = state_.batch,
                                         .batches = batches_.batches(),
                                         .train = state_.sums.divided_by(static_cast<double>(state_.images)),
                                         .lr = lr(),
                                         .images_per_second = rate,
                                         .seconds_left = static_cast<double>(total_steps_ - state_.step) * items_a_batch / rate,
                                         .memory = memory_stats(task_.components()[0].module->options().device).peak});
      if (stopped() && state_.batch < batches_.batches() && state_.step < total_steps_) return;
    }
    EpochRecord record{.epoch = epoch,
                       .step = state_.step,
                       .lr = lr(),
                       .train = state_.sums.divided_by(static_cast<double>(std::max<std::int64_t>(state_.images, 1))),
                       .signals = signals_of(state_.signals),
                       .seconds = seconds_since(start)};
    record.text = task_.text(record.train);
    record.images_per_second = static_cast<double>(seen) / record.seconds;
    ++state_.epoch;
    state_.batch = state_.images = 0;
    state_.sums = state_.signals = {};
    close_epoch(std::move(record));
  }

  void train_step(const data::Batch& batch) {
    const nn::RandomScope random(step_key(options_.seed, state_.step));
    for (const Component& c : task_.components()) c.optimizer->set_lr(schedule_.lr(state_.step) * slower());
    const Scalars values = watched() ? watch_.step(batch, state_.step, state_.signals) : task_.step(batch);
    std::string bad = not_finite(values);
    for (const Component& c : task_.components())
      if (bad.empty()) bad = not_finite({{"norm of the gradient", c.optimizer->gradient_norm()}});
    if (!bad.empty()) fail(batch, bad);
    state_.sums.add(values, static_cast<double>(batch.size()));
    state_.images += batch.size();
    ++state_.batch;
    ++state_.step;
  }

  /// A step with a number that is not finite. Watched, it is looked into and saved; it moved nothing.
  [[noreturn]] void fail(const data::Batch& batch, const std::string& bad) {
    FailedStep step{.epoch = state_.epoch + 1, .step = state_.step, .lr = lr(), .seed = options_.seed, .number = bad, .batch = batch};
    std::string names;
    for (int i : batch.indices) step.items.push_back(batches_.name(i)), names += (names.empty() ? "" : " ") + step.items.back();
    const std::string seen = message(bad, " in epoch ", step.epoch, ", step ", step.step, ", images ", names);
    if (!watched()) diverged(seen);
    const StepFault fault = look_into(task_, step);
    const std::string at = "at the learning rate " + to_string(SettingValue(step.lr)) + " ";
    const std::string first = first_of(fault);
    sinks_.tell(&Sink::alarm, Alarm{"not finite", step.epoch, at + seen + first, fault.cause, fault.next, fault.too_fast});
    std::string replay;
    try {
      save_failed_step(session_.folder().root, task_, step);
      replay = message("; ", program_word(), " replay ", shell_word(session_.folder().root.string()), " takes the step again");
    } catch (const IoError& e) {
      replay = message("; the step could not be saved for lamina replay: ", e.what());
    }
    if (fault.too_fast || state_.step == 0) diverged(seen + first + replay, fault.too_fast);
    throw NumericError(message(seen, first, replay, ". Likely cause: ", fault.cause, ". Next: ", fault.next));
  }
  /// The same of a validation after finite steps.
  [[noreturn]] void fail_validation(const std::string& seen) {
    if (!watched()) diverged(seen);
    const StepFault fault = look_into_validation(task_, lr());
    const std::string all = seen + first_of(fault);
    sinks_.tell(&Sink::alarm, Alarm{"not finite", state_.epoch, all, fault.cause, fault.next, fault.too_fast});
    diverged(all, fault.too_fast);
  }
  static std::string first_of(const StepFault& fault) {
    return fault.where.empty() ? "; taken again, all of it is finite" : "; first not finite: " + fault.where;
  }

  void close_epoch(EpochRecord record) {
    const bool last = state_.epoch >= epochs_;
    bool best = false;
    if (!task_.validates()) {
      best = true;
      state_.best_epoch = state_.epoch;
    } else if (state_.epoch % options_.val_every == 0 || last) {
      record.validation = task_.validate();
      if (watched()) record.signals.append(std::exchange(record.validation->signals, {}));
      for (const auto& [name, value] : record.validation->scores)
        if (name.starts_with("val_"))
          if (const std::string bad = not_finite({{"validation " + name.substr(4), value}}); !bad.empty())
            fail_validation(message(bad, " after epoch ", state_.epoch));
      const double score = record.validation->score;
      schedule_.observe(score);
      best = std::isnan(state_.best_score) || score > state_.best_score;  // without any score the newest, as without validation
      if (best) state_.best_score = score, state_.best_epoch = state_.epoch;
    }
    state_.history.push_back(record);
    if (exhausted() && !last) {
      record.note = message("stopped early after epoch ", state_.epoch, " of ", epochs_, ": ", no_gain());
      state_.history.back().note = record.note;
    }
    sinks_.tell(&Sink::epoch, record, epochs_);
    const auto validated = [](const EpochRecord& r) { return !!r.validation; };
    if (record.validation && !record.validation->baseline.empty() &&
        std::count_if(state_.history.begin(), state_.history.end(), validated) == 1)
      say(record.validation->baseline);
    alarmed_.clear();
    for (Alarm alarm : alarms(sentinels_, state_.history)) {
      alarm.next = task_.command_for(alarm);
      sinks_.tell(&Sink::alarm, alarm);
      if (options_.sentinels == SentinelPolicy::stop) alarmed_ += (alarmed_.empty() ? "" : ", ") + alarm.rule;
      if (alarm.too_fast && may_reload()) throw NumericError(message("epoch ", alarm.epoch, ": ", alarm.rule));
    }
    if (best) save("best");
    if (options_.save_every > 0 && state_.epoch % options_.save_every == 0) save(message("epoch_", state_.epoch).c_str());
    save("last");
    if (!record.note.empty()) say(record.note);
  }

  Task& task_;
  Session& session_;
  RunState& state_;
  LoopOptions options_;
  const Sinks& sinks_;
  const std::atomic<bool>* stop_;
  data::Batches& batches_;
  std::int64_t total_steps_;
  int epochs_;
  optim::Schedule schedule_;
  Watch watch_;
  std::vector<Sentinel> sentinels_;
  std::string alarmed_;  // the rules for which --sentinels stop ends the run
};

}  // namespace

std::string Task::text(const Scalars& means) const {
  if (means.empty()) return {};
  return "loss " + brief(means.begin()->second);
}

Outcome run_loop(Task& task, Session& session, const LoopOptions& options, const Sinks& sinks, const std::atomic<bool>* stop) {
  require<OptionError>(options.epochs >= 1 || options.steps >= 1, "--epochs ", options.epochs, " must be at least 1");
  require<OptionError>(options.steps >= 0, "--steps ", options.steps, " must not be negative");
  require<OptionError>(options.patience >= 0 && options.save_every >= 0, "--patience ", options.patience, " and --save-every ",
                       options.save_every, " must not be negative");
  require<OptionError>(options.val_every >= 1, "--val-every ", options.val_every, " must be at least 1");
  require<OptionError>(options.patience == 0 || task.validates(), "--patience ", options.patience,
                       " needs validations to wait for, and there is no val split");
  require<DataError>(task.training().batches() > 0, "there is nothing to train on: an epoch has no batch");
  return Loop(task, session, options, sinks, stop).run();
}

}  // namespace lamina::train
