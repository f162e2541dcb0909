#include "run_events.hpp"

#include <csignal>

#include "lamina/core/text.hpp"
#include "lamina/train/sinks/log.hpp"

namespace cli {
namespace {

std::atomic<bool> interrupted{false};

void on_signal(int signal) {
  interrupted.store(true);
  std::signal(signal, SIG_DFL);
}

}  // namespace

using namespace lamina;

void note_settings(ProgressLine& progress, const std::vector<Setting>& settings, const std::vector<Setting>& usual, bool all, int threads,
                   const std::string& out) {
  const auto note = [&](const std::string& name, std::string value) {
    for (char& c : value)
      if (c == '\n') c = ' ';
    progress.note("  " + padded(name + " ", 16) + (value.empty() ? "-" : value));
  };
  const std::vector<Setting> shown = all ? settings : changed_settings(settings, usual);
  if (!all) progress.note(message("settings (the other ", settings.size() - shown.size(), " are the usual ones: --verbose)"));
  for (const Setting& s : shown) note(s.name, to_string(s.value));
  note("threads", std::to_string(threads));
  note("out", out);
}

train::TrainEvents RunEvents::events() {
  return {.step =
              [this](const train::StepEvent& e) {
                epochs_ = e.epochs;
                progress_.update(step_line(e));
              },
          .epoch =
              [this](const train::EpochRecord& r) {
                rate_ = r.images_per_second;
                progress_.note(train::epoch_line(r, epochs_));
              },
          .message = [this](const std::string& m) { progress_.note(m); },
          .warning = [this](const std::string& m) { progress_.note("warning: " + m); }};
}

train::Outcome RunEvents::run(const std::function<train::Outcome(const std::atomic<bool>*)>& train) {
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
  const train::Outcome outcome = train(&interrupted);
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
  return outcome;
}

}  // namespace cli
