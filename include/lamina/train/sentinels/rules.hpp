#pragma once
#include "lamina/heads/head.hpp"
#include "lamina/losses/criterion.hpp"
#include "lamina/train/sentinels/sentinel.hpp"

namespace lamina::train {

// `lr`: the run's highest learning rate.

/// Rules about any network in training, from EpochRecord::signals.
std::vector<Sentinel> network_sentinels(double lr);
/// Rules about a loss that should fall.
std::vector<Sentinel> loss_sentinels(double lr);
/// Rules about what a head decides in validations; what they advise fits the loss.
std::vector<Sentinel> head_sentinels(const heads::Head& head, double lr, const losses::Criterion& criterion = losses::Criterion("ce+dice"));

}  // namespace lamina::train
