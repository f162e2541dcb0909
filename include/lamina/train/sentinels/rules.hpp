#pragma once
#include "lamina/heads/head.hpp"
#include "lamina/losses/criterion.hpp"
#include "lamina/train/sentinels/sentinel.hpp"

namespace lamina::train {

// `lr`: the run's highest learning rate. The rules about any network stand beside Sentinel.

/// Rules about a loss that should fall.
std::vector<Sentinel> loss_sentinels(double lr);
/// Rules about what a head decides in validations; what they advise fits the loss.
std::vector<Sentinel> head_sentinels(const heads::Head& head, double lr, const losses::Criterion& criterion = losses::Criterion("ce+dice"));

}  // namespace lamina::train
