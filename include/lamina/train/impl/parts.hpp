// What a run is made of, as its settings say.
#pragma once
#include "lamina/train/config.hpp"
#include "lamina/train/segmentation_task.hpp"

namespace lamina::train {

std::unique_ptr<optim::Optimizer> make_optimizer(const TrainConfig& config, const nn::Module& network);

/// The numbers of a --class-weights that is a list; empty when it is none or a rule.
std::vector<double> listed_weights(const std::string& text);
/// Class weights, one an output, as the setting asks: none, numbers, or a rule over the pixel counts of the training masks.
std::vector<double> class_weights_for(const TrainConfig& config, const data::Dataset& dataset, const heads::Head& head);

/// Without `values`, the network is for those of a checkpoint.
SegmentationTask::Parts parts_of(const TrainConfig& config, const data::Dataset& dataset, bool values);

}  // namespace lamina::train
