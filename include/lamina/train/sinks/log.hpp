#pragma once
#include "lamina/train/sinks/sink.hpp"

namespace lamina::train {

/// An epoch as one line for people; of more than 100 columns, several.
std::string epoch_line(const EpochRecord& record, int epochs);

/// log.txt: everything that is said, one line an epoch; appended to across resumes.
class LogFile : public Sink {
 public:
  void start(const RunStart& run) override;
  void epoch(const EpochRecord& record, int epochs) override;
  void message(const std::string& text) override;
  void warning(const std::string& text) override;

 private:
  void write(const std::string& text) const;
  std::filesystem::path path_;
};

}  // namespace lamina::train
