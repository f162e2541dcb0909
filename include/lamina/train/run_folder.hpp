#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "lamina/data/label_schema.hpp"
#include "lamina/io/model_file.hpp"
#include "lamina/train/config.hpp"
#include "lamina/train/trainer.hpp"

namespace lamina::train {

/// Where a run keeps its files.
struct RunFolder {
  std::filesystem::path root;
  std::filesystem::path file(const std::string& name) const { return root / name; }
  std::filesystem::path weights(const std::string& which) const { return root / "weights" / (which + ".safetensors"); }
};

/// Where training stands; with the weights and the optimiser's state it is all that a resumed run needs.
struct TrainerState {
  int epoch = 0;                                  ///< finished
  std::int64_t batch = 0;                         ///< finished in the epoch after that
  std::int64_t step = 0;                          ///< updates made
  double loss_sum = 0, ce_sum = 0, dice_sum = 0;  ///< over the images of the unfinished epoch
  std::int64_t images = 0;
  double best_score = -1;
  int best_epoch = 0;
  optim::Schedule::State schedule;
  std::vector<double> class_weights;  ///< as computed from the training split; empty: none
  std::uint32_t items = 0;            ///< checksum of the names of the training and validation images
  std::vector<EpochRecord> history;
};

std::string to_json(const TrainerState& state);
TrainerState trainer_state_from_json(const std::string& text);

/// What a checkpoint says about itself. Throws DataError when it was not written by a training run.
struct RunInfo {
  TrainConfig config;
  data::LabelSchema schema;
  TrainerState state;
};
RunInfo run_info(const io::Metadata& metadata, const std::string& origin);
inline RunInfo run_info(const io::ModelFile& file) { return run_info(file.metadata(), file.path().string()); }

/// The checkpoint to continue from: last, or prev when last is missing or damaged.
struct FoundCheckpoint {
  io::Checkpoint checkpoint;
  std::filesystem::path path;
  std::string damage;  ///< what is wrong with last; empty: nothing
};
/// None: an empty optional. Throws DataError when there are checkpoints and all are damaged.
std::optional<FoundCheckpoint> find_checkpoint(const RunFolder& folder);

/// metrics.csv and metrics.jsonl hold one row an epoch. Keeps the rows up to `epoch`, drops later ones (of a run that was killed after
/// writing a row and before its checkpoint).
void truncate_metrics(const RunFolder& folder, int epoch);
void append_metrics(const RunFolder& folder, const EpochRecord& record, const data::LabelSchema& schema);

/// A field of a CSV file, in quotes where it needs them (RFC 4180).
std::string csv_field(const std::string& text);

/// The machine and build of a run: what doctor prints and the report shows.
std::vector<std::pair<std::string, std::string>> environment();

}  // namespace lamina::train
