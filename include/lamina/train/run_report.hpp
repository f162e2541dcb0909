#pragma once
#include "lamina/data/dataset.hpp"
#include "lamina/data/draw.hpp"
#include "lamina/train/evaluate.hpp"
#include "lamina/train/session.hpp"
#include "lamina/train/trainer.hpp"

namespace lamina::train {

/// Writes what a run leaves for a person: report.html, plots/, overlays/, per_image.csv, confusion.csv, scores.json, next_steps.txt, from
/// its checkpoints and the images of a split: test where there is one and the run is over, else val. Returns the headline: the score, with
/// its interval; empty without images.
std::string write_run_report(const RunFolder& folder, const data::Dataset& dataset);

/// What an evaluation was of, and where it leaves its files.
struct EvaluationPlace {
  RunFolder run{}, out{};
  data::Split split = data::Split::val;
  std::string weights = "best", device{};
  data::LabelStyle style = data::LabelStyle::fill;  ///< of the pictures
  double undefined = metrics::kUndefined;           ///< as of ConfusionMatrix::scores
  metrics::SurfaceOptions surfaces{};
  bool original_size = false;  ///< that the photographs were scored at
};
/// Writes the same files of an evaluation: report.html, plots/, overlays/, per_image.csv, confusion.csv, scores.json.
void write_evaluation_report(const EvaluationPlace& place, const data::Dataset& dataset, const Evaluation& evaluation);

/// The same of a run that goes on, from its numbers alone: report.html, plots/ and next_steps.txt. `info.state` is that of its best epoch.
void write_progress_report(const RunFolder& folder, const data::Dataset& dataset, const RunInfo& info, const RunState& state,
                           std::int64_t parameters);

}  // namespace lamina::train
