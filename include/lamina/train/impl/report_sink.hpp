// When a run writes its report.
#pragma once
#include "lamina/train/run_report.hpp"
#include "lamina/train/segmentation_task.hpp"
#include "lamina/train/session.hpp"

namespace lamina::train {

/// The report of a run: from its numbers after every validation, from its images when it is finished.
class ReportSink : public Sink {
 public:
  ReportSink(const TrainConfig& config, const data::Dataset& dataset, SegmentationTask& task, Session& session, const Sinks& others)
      : config_(config), dataset_(dataset), task_(task), session_(session), others_(others) {}
  void start(const RunStart& run) override { epochs_ = run.epochs; }
  void epoch(const EpochRecord& record, int) override {
    if (record.epoch < epochs_ && (record.validation || !task_.validates())) write();
  }
  void alarm(const Alarm&) override {
    if (session_.state().epoch > 0 && session_.state().epoch < epochs_) write();
  }
  void interrupt() override {
    if (session_.state().epoch > 0) write();
  }
  void finish(const std::filesystem::path& folder) override {
    others_.tell(&Sink::message, std::string("writing the report"));
    release_cached_memory(task_.network().options().device);
    try {
      if (const std::string headline = write_run_report({folder}, dataset_); !headline.empty()) others_.tell(&Sink::message, headline);
    } catch (const std::bad_alloc&) {
      not_written(folder, "out of memory");
    } catch (const MemoryError& e) {
      not_written(folder, e.what());
    }
  }

 private:
  void not_written(const std::filesystem::path& folder, const std::string& why) const {
    others_.tell(&Sink::warning, lamina::message("the run is finished, but its report is not written (", why, "): with more memory, ",
                                                 program_word(), " report ", shell_word(folder.string()), " writes it"));
  }
  void write() {
    RunInfo info{config_, dataset_.schema, task_.heads()[0], session_.state(), {}};
    info.state.epoch = info.state.best_epoch;
    write_progress_report(session_.folder(), dataset_, info, session_.state(), task_.network().parameter_count());
  }

  const TrainConfig& config_;
  const data::Dataset& dataset_;
  SegmentationTask& task_;
  Session& session_;
  const Sinks& others_;
  int epochs_ = 0;
};

}  // namespace lamina::train
