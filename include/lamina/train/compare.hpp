#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "lamina/train/report.hpp"
#include "lamina/train/scores.hpp"
#include "lamina/train/trainer.hpp"

namespace lamina::train {

struct ComparedRun {
  std::string name;
  TrainConfig config;
  RunState state;
  std::optional<RunScores> scores;  ///< none: the run has no scores.json
};

/// How much better a run's images are than those of the first run, image by image.
struct PairedDifference {
  std::size_t images = 0;  ///< scored in both, of the same split by the same score; 0: the runs have none in common
  std::size_t others = 0;  ///< of the same name, but of another size or with other labels: they are left out
  double mean = 0;
  metrics::Interval interval{};  ///< bootstrap, over the images
};

/// Runs side by side.
struct Comparison {
  std::vector<ComparedRun> runs;
  std::vector<ReportSection> tables;          ///< scores; differences from the first run; settings that differ
  std::vector<PairedDifference> differences;  ///< of the second run, the third, ...
};
/// Throws OptionError with fewer than two runs; IoError, DataError on a folder that is no run of segmentation.
Comparison compare_runs(const std::vector<std::filesystem::path>& folders);

/// The tables for a terminal, and with curves as one HTML file that opens offline.
std::string comparison_text(const Comparison& comparison);
std::string comparison_html(const Comparison& comparison);

}  // namespace lamina::train
