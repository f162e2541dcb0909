#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "lamina/core/random.hpp"
#include "lamina/train/task.hpp"

namespace lamina::train {

/// A step whose loss or gradient was not finite, with all that it takes to take it again.
struct FailedStep {
  int epoch = 0;  ///< that it is in, from 1
  std::int64_t step = 0;
  double lr = 0;
  std::uint64_t seed = 0;            ///< of the run; with `step` it says what is drawn in the step
  std::string number{};              ///< "the loss is nan"
  std::vector<std::string> items{};  ///< what the batch's items are called
  data::Batch batch{};
  Metadata metadata{};  ///< Task::metadata
};

/// "the loss is nan" of the first number that is not finite; empty: all are.
std::string not_finite(const Scalars& values);

/// What a step draws from: the key of its nn::RandomScope.
RandomKey step_key(std::uint64_t seed, std::int64_t step);

/// What an op gave, in the order of the forward.
struct OpRange {
  std::string layer, op;
  double largest = 0;  ///< magnitude of its output; inf or NaN where that is not finite
};

/// Where the numbers of a step first were not finite, and the Alarm about it.
struct StepFault {
  std::string where{};         ///< "the output of conv2d in down.0.conv1, of shape (4, 32, 32, 64)"; empty: nowhere
  std::vector<OpRange> ops{};  ///< up to there
  std::string cause{}, next{};
  bool too_fast = false;
};

/// Takes the step again, whose components must be as they were before it, with an eye on every op; the weights and the batch are looked at
/// first. A step that succeeds moves the components.
StepFault look_into(Task& task, const FailedStep& step);

/// Validates again, with an eye on every op; the weights are looked at first.
StepFault look_into_validation(Task& task, double lr);

/// RUN/failed_step.safetensors: the components ("model/NAME"), the batch ("batch/NAME") and the rest as metadata. Throws IoError.
void save_failed_step(const std::filesystem::path& run, Task& task, const FailedStep& step);
std::filesystem::path failed_step_file(const std::filesystem::path& run);
/// `model` becomes the components' tensors as checkpoints name them. Throws IoError, DataError.
FailedStep read_failed_step(const std::filesystem::path& file, std::vector<nn::NamedTensor>& model);

}  // namespace lamina::train
