#pragma once
#include <filesystem>
#include <string>

#include "lamina/train/sentinels/failed_step.hpp"

namespace lamina::train {

/// A failed step that was taken again.
struct Replay {
  FailedStep step;
  StepFault fault;
};

/// Takes the step again that a run of segmentation saved when a number was not finite: `run` is its folder, or the file. Needs no data.
/// `device`: empty, the run's. Throws DataError where there is no such step, or it is another task's; DeviceError.
Replay replay(const std::filesystem::path& run, const std::string& device = "");

}  // namespace lamina::train
