#pragma once
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "lamina/core/scalars.hpp"
#include "lamina/metrics/confusion.hpp"

namespace lamina::train {

/// Pixel counts of one head over the validation images.
struct HeadCounts {
  std::string head;
  metrics::ConfusionMatrix confusion;
};

/// What a validation found.
struct Validation {
  Scalars scores{};                                         ///< columns of metrics.csv; those of a loss begin with "val_"
  std::vector<HeadCounts> counts{};                         ///< none where a task counts nothing
  double score = std::numeric_limits<double>::quiet_NaN();  ///< the best epoch has the largest; NaN: undefined
  std::string text{};                                       ///< scores for the epoch's line; not part of checkpoints
  std::string baseline{};                                   ///< what they are to be compared with, said once; not part of checkpoints
  Scalars signals{};                                        ///< for sentinels: join EpochRecord::signals
};

/// Means over the images of one epoch, and the validation that followed it, if any.
struct EpochRecord {
  int epoch = 0;  ///< from 1
  std::int64_t step = 0;
  double lr = 0;
  Scalars train{};  ///< the loss first
  std::optional<Validation> validation{};
  Scalars signals{};             ///< what a Watch saw of its steps; none where nobody looked
  std::string note{};            ///< what happened at its end: the run stopped early
  std::string text{};            ///< Task::text, for the epoch's line; not part of checkpoints
  double seconds = 0;            ///< of training alone; not part of checkpoints
  double images_per_second = 0;  ///< including loading and augmentation, without validation
};

/// Progress within an epoch.
struct StepEvent {
  int epoch = 0, epochs = 0;
  std::int64_t batch = 0, batches = 0;  ///< done, in all, of this epoch
  Scalars train{};                      ///< running means of the epoch, the loss first
  double lr = 0;
  double images_per_second = 0, seconds_left = 0;
  std::size_t memory = 0;  ///< bytes of tensors, the most so far
};

enum class Outcome { finished, interrupted, stopped /* by a sentinel; as saved as an interrupted one */ };

}  // namespace lamina::train
