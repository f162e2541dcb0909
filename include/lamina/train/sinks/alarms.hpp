#pragma once
#include "lamina/train/sinks/sink.hpp"

namespace lamina::train {

/// alarms.jsonl: what the sentinels say, one object each: rule, epoch, seen, cause, next. No file where they say nothing. Alarms of epochs
/// that a resumed run makes again are dropped when it starts.
class AlarmFile : public Sink {
 public:
  void start(const RunStart& run) override;
  void alarm(const Alarm& alarm) override;

 private:
  std::filesystem::path path_;
};

/// The alarms of a run folder.
std::vector<Alarm> read_alarms(const std::filesystem::path& folder);

}  // namespace lamina::train
