#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "lamina/train/events.hpp"
#include "lamina/train/sentinels/sentinel.hpp"

namespace lamina::train {

/// What a sink is told when a run begins or goes on.
struct RunStart {
  std::filesystem::path folder;
  int epoch = 0, epochs = 0;             ///< finished, in all
  std::vector<std::string> score_names;  ///< of every validation
  std::vector<std::string> notes;        ///< Task::notes
  std::int64_t step = 0;                 ///< updates made
};

/// Somebody who is told what happens in a run: a file, a terminal, a host program. An epoch is told before its checkpoint is written, so a
/// run that is killed in between tells it again; RunStart::epoch says what to forget.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual void start(const RunStart&) {}
  /// The run went back to a checkpoint, from which it goes on: what was told of the epochs after it is void.
  virtual void back(const RunStart&) {}
  virtual void step(const StepEvent&) {}
  virtual void epoch(const EpochRecord&, int /*epochs*/) {}
  virtual void message(const std::string&) {}
  virtual void warning(const std::string&) {}
  /// A sentinel speaks, of the epoch that was told last.
  virtual void alarm(const Alarm& alarm) { warning(alarm.text()); }
  /// The run was asked to stop, and all is saved.
  virtual void interrupt() {}
  /// All epochs are done and saved.
  virtual void finish(const std::filesystem::path& /*folder*/) {}
};

/// Those that a run tells, in their order.
class Sinks {
 public:
  Sinks() = default;
  Sinks(std::initializer_list<Sink*> sinks) : sinks_(sinks) {}
  void add(Sink& sink) { sinks_.push_back(&sink); }
  template <class... Args, class... Given>
  void tell(void (Sink::*what)(Args...), const Given&... given) const {
    for (Sink* sink : sinks_) (sink->*what)(given...);
  }

 private:
  std::vector<Sink*> sinks_;
};

}  // namespace lamina::train
