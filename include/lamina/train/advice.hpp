#pragma once
#include <map>
#include <string>
#include <vector>

#include "lamina/data/check.hpp"

namespace lamina::train {

/// An option of `lamina train` that suits a data set, and why.
struct Recommendation {
  std::string option, value, reason;
};

/// One value for each of --class-weights, --size, --resize and --loss. None without readable photographs and masks.
std::vector<Recommendation> recommend(const data::CheckReport& report);

/// Weights of the outputs of the usual head on the training split by every rule of kWeightRules; empty when no output is ever to say yes.
std::map<std::string, std::vector<double>> weights_by_rule(const data::CheckReport& report);

}  // namespace lamina::train
