// The report of a colorization.
#pragma once
#include <memory>

#include "lamina/train/colorize.hpp"
#include "lamina/train/session.hpp"

namespace lamina::train {

/// Writes it when the run is finished.
std::unique_ptr<Sink> pair_report(const ColorizeConfig& config, ColorizationTask& task, Session& session);

}  // namespace lamina::train
