#pragma once
#include "lamina/data/dataset.hpp"
#include "lamina/train/session.hpp"

namespace lamina::train {

/// Writes everything of a run folder that a person looks at, from weights/best and the history in weights/last: plots/*.svg,
/// overlays/*.png, confusion.csv, per_image.csv, next_steps.txt and report.html. Throws IoError.
void write_run_report(const RunFolder& folder, const data::Dataset& dataset);

}  // namespace lamina::train
