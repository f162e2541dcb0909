#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "lamina/core/device.hpp"
#include "lamina/data/dataset.hpp"

namespace lamina::train {

/// Fits the thresholds between grades of every regression head to the val split, at the photographs' own size, by quadratic kappa (of each
/// plane by itself), and stores them in the file of weights, whose tensors stay as they are. Lines for a person: "A: thresholds 0.48 1.5
/// 2.61 instead of 0.5 1.5 2.5: quadratic kappa 0.71 instead of 0.70". Throws OptionError where no head is one, DataError without val
/// images, as evaluate_at_original_size and io::save_checkpoint.
std::vector<std::string> fit_thresholds(const std::filesystem::path& weights, const data::Dataset& dataset, Device device = kCpu);

}  // namespace lamina::train
