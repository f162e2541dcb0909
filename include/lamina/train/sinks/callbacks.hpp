#pragma once
#include <functional>

#include "lamina/train/sinks/sink.hpp"

namespace lamina::train {

/// What a run tells its host; any may be empty. The library itself never prints.
struct TrainEvents {
  std::function<void(const StepEvent&)> step = {};
  std::function<void(const EpochRecord&)> epoch = {};
  std::function<void(const std::string&)> message = {};
  std::function<void(const std::string&)> warning = {};
};

/// Hands everything to functions.
class Callbacks : public Sink {
 public:
  explicit Callbacks(const TrainEvents& events) : events_(events) {}
  void step(const StepEvent& e) override { call(events_.step, e); }
  void epoch(const EpochRecord& r, int) override { call(events_.epoch, r); }
  void message(const std::string& text) override { call(events_.message, text); }
  void warning(const std::string& text) override { call(events_.warning, text); }

 private:
  template <class F, class Argument>
  static void call(const F& f, const Argument& argument) {
    if (f) f(argument);
  }
  TrainEvents events_;
};

}  // namespace lamina::train
