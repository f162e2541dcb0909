// Opens a data set the way every verb does, telling the person what was found.
#pragma once
#include <optional>

#include "lamina/data/dataset.hpp"
#include "lamina/train/trainer.hpp"
#include "progress.hpp"

namespace cli {

/// A data set; what is not given is as in the run, or the usual.
struct DataOptions {
  std::string data;
  std::optional<std::string> images{}, masks{};
  std::optional<int> ignore{};
  std::optional<std::uint64_t> seed{};
  std::optional<std::string> background{}, mask_channel{}, mask_frame{}, others{};
  std::optional<double> mask_threshold{};
  std::string pixel_weights{};
};

lamina::data::DatasetOptions dataset_options(const DataOptions& options);
/// Throws OptionError where results in `out` would land among data, these or others'.
/// Where results go unless something else is said: runs/PREFIX and the data's name; where the program stands inside the data, beside it.
std::string default_out(const std::filesystem::path& data, const std::string& prefix = "");
void keep_out_of_data(const std::string& what, const std::string& out, const DataOptions& options);
/// As settings say, of those data and that seed.
DataOptions data_of(const lamina::train::TrainConfig& config, const std::string& data, std::uint64_t seed);
/// What is not given is as in a run.
DataOptions as_in_run(DataOptions options, const lamina::train::TrainConfig& config);
/// `compare_photos`: also reads every photograph, to warn as check does and to know their bands.
lamina::data::Dataset open_data(const DataOptions& options, ProgressLine& progress, bool compare_photos = false);
/// The data of a run, opened as it was and scored with the run's background. Throws DataError where its classes are others.
lamina::data::Dataset open_data_of_run(const DataOptions& options, const std::string& run, const lamina::train::RunInfo& info,
                                       ProgressLine& progress);

}  // namespace cli
