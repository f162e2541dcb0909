#pragma once
#include "lamina/train/sinks/sink.hpp"

namespace lamina::train {

/// metrics.csv and metrics.jsonl: one row an epoch, of every number. A score that is undefined is n/a, and of an epoch without a validation
/// empty; both are null as JSON. Rows of epochs that a resumed run makes again are dropped when it starts.
class MetricsFiles : public Sink {
 public:
  void start(const RunStart& run) override;
  void back(const RunStart& run) override { start(run); }
  void epoch(const EpochRecord& record, int epochs) override;

 private:
  std::filesystem::path csv_, jsonl_;
  std::vector<std::string> score_names_;
};

/// A field of a CSV file, in quotes where it needs them (RFC 4180).
std::string csv_field(const std::string& text);

}  // namespace lamina::train
