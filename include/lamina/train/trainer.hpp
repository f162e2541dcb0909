#pragma once
#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lamina/data/dataset.hpp"
#include "lamina/metrics/confusion.hpp"
#include "lamina/models/registry.hpp"
#include "lamina/train/config.hpp"

namespace lamina::train {

/// Means over the images of one epoch, and the validation that followed it, if any.
struct EpochRecord {
  int epoch = 0;  ///< from 1
  std::int64_t step = 0;
  double lr = 0;
  double loss = 0, ce = 0, dice_loss = 0;
  std::optional<double> val_loss{};
  std::optional<metrics::ConfusionMatrix> confusion{};
  double seconds = 0;            ///< of training alone; not part of checkpoints
  double images_per_second = 0;  ///< including loading and augmentation, without validation
};

/// Progress within an epoch.
struct StepEvent {
  int epoch = 0, epochs = 0;
  std::int64_t batch = 0, batches = 0;     ///< done, in all, of this epoch
  double loss = 0, ce = 0, dice_loss = 0;  ///< running means of the epoch
  double lr = 0;
  double images_per_second = 0, seconds_left = 0;
  std::size_t memory = 0;  ///< bytes of tensors, the most so far
};

/// What a run tells its host; any may be empty. The library itself never prints.
struct TrainEvents {
  std::function<void(const StepEvent&)> step;
  std::function<void(const EpochRecord&)> epoch;
  std::function<void(const std::string&)> message;
  std::function<void(const std::string&)> warning;
};

enum class Outcome { finished, interrupted };

/// What of the settings can be told wrong before any data is read. Throws OptionError; DeviceError where the device is absent.
void check_settings(const TrainConfig& config);

/// Trains the configured network and keeps the run folder: config.json, env.json, metrics.csv, metrics.jsonl, log.txt (appended to),
/// weights/{best,last,prev}.safetensors, plots/, overlays/, confusion.csv, per_image.csv, report.html, next_steps.txt.
/// A run folder that exists is continued from weights/last (or prev, when last is damaged) if its settings and its data are the same;
/// of a finished run only the report is written again.
/// Continuing is exact: the files of an interrupted and resumed run equal those of one never stopped, byte for byte.
/// `stop`, when set, ends the run after the current step with everything saved.
/// Throws OptionError (settings differ from the folder's, or another process trains there), DataError, NumericError (a loss or weight
/// that is not finite: names the step and the images; weights/last stays), IoError.
Outcome train(const TrainConfig& config, const data::Dataset& dataset, bool resume, const TrainEvents& events,
              const std::atomic<bool>* stop = nullptr);

/// An epoch as one line for people, with the score of "always the most frequent class" beside the metrics.
std::string epoch_line(const EpochRecord& record, int epochs, const data::LabelSchema& schema);

/// What the validations of a run warn of: five in a row with nearly everything predicted as one class although the labels hold others.
std::vector<std::string> history_warnings(const std::vector<EpochRecord>& history, const std::vector<std::string>& class_names);

}  // namespace lamina::train
