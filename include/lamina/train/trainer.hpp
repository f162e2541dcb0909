#pragma once
#include <atomic>
#include <memory>

#include "lamina/data/dataset.hpp"
#include "lamina/io/model_file.hpp"
#include "lamina/train/config.hpp"
#include "lamina/train/loop.hpp"
#include "lamina/train/segmentation_task.hpp"
#include "lamina/train/sinks/callbacks.hpp"

namespace lamina::train {

/// What of the settings can be told wrong before any data is read. Throws OptionError; DeviceError where the device is absent.
void check_settings(const TrainConfig& config);

/// The task that the settings describe on a data set, which must outlive it. Without `values` its network has none yet: a session gives it
/// those of its checkpoint, and files that the settings name are not looked for. `from`: such a file that is not kept with the settings.
/// Throws as check_settings; DataError, MemoryError.
std::unique_ptr<SegmentationTask> make_task(const TrainConfig& config, const data::Dataset& dataset, bool values = true,
                                            const std::string& from = "");
LoopOptions loop_options(const TrainConfig& config);

/// Trains the configured network and keeps the run folder: config.json, env.json, metrics.csv, metrics.jsonl, log.txt (appended to),
/// weights/{best,last,prev}.safetensors, plots/, overlays/, confusion.csv, per_image.csv, report.html, next_steps.txt.
/// A run folder that exists is continued from weights/last (or prev, when last is damaged) if its settings and its data are the same, but
/// for epochs and patience, which may be raised; of a finished run only the report is written again.
/// Continuing is exact: the files of an interrupted and resumed run equal those of one never stopped, byte for byte.
/// Throws as make_task, Session and run_loop.
Outcome train(const TrainConfig& config, const data::Dataset& dataset, bool resume, const TrainEvents& events,
              const std::atomic<bool>* stop = nullptr);

/// What a checkpoint of such a run says about itself.
struct RunInfo {
  TrainConfig config;
  data::LabelSchema schema;
  std::shared_ptr<const heads::Head> head;
  RunState state;
  infer::InputConfig input;
  std::uint32_t items = 0;  ///< checksum of the names of what it is trained on and validated with; 0: not known
};
/// Whether the data set lies where the run's did, or that is gone, with the same splits of the same names.
bool is_data_of(const RunInfo& info, const data::Dataset& dataset);
/// What scores of another data set say, in a line.
std::string told_of_other_data(const RunInfo& info);
/// How photographs become the network's input: of a run, of a colorization, of save_predictor. Throws DataError when the file does not say.
infer::InputConfig input_of(const io::ModelFile& file);
/// Throws DataError when it was not written by a training run.
RunInfo run_info(const io::Metadata& metadata, const std::string& origin);
inline RunInfo run_info(const io::ModelFile& file) { return run_info(file.metadata(), file.path().string()); }

}  // namespace lamina::train
