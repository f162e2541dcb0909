// Opens a data set the way every verb does, telling the person what was found.
#pragma once
#include "lamina/data/dataset.hpp"
#include "progress.hpp"
#include "verbs.hpp"

namespace cli {

lamina::data::DatasetOptions dataset_options(const DataOptions& options);
/// What is not given is as in a run.
DataOptions as_in_run(DataOptions options, const lamina::train::TrainConfig& config);
/// `compare_photos`: also reads every photograph, to warn as check does and to know their bands.
lamina::data::Dataset open_data(const DataOptions& options, ProgressLine& progress, bool compare_photos = false);

}  // namespace cli
