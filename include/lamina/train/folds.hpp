#pragma once
#include <atomic>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "lamina/infer/predictor.hpp"
#include "lamina/train/evaluate.hpp"
#include "lamina/train/trainer.hpp"

namespace lamina::train {

/// The data set of one of `folds` runs of cross-validation: the images of train and val together are dealt out, those of a group
/// (groups.txt) at once, in an order that depends on their names and `seed` alone, into folds whose numbers of groups, and of images that
/// are in none, differ by one at most; fold `index` is its val split, the others its train split, and test is empty. Throws OptionError
/// unless there are 2 to as many folds.
data::Dataset fold_of(const data::Dataset& dataset, int folds, int index, std::uint64_t seed);

/// What K runs found: every image of train and val was decided by the one network that had not seen it, in the weights of its last epoch,
/// so that no choice was made on it.
struct CrossValidation {
  std::vector<Scalars> folds;                           ///< Head::summary of each fold's images
  Evaluation all{metrics::ConfusionMatrix(2), {}, {}};  ///< of all images
  ScoreIntervals intervals;                             ///< bootstrap over all images
  std::vector<std::string> runs;                        ///< folders
};

/// Who is given the labels of an image by the run that did not see it.
using OutOfFold = std::function<void(const data::Item&, const data::LabelImage&)>;

/// Trains fold after fold into config.out/fold_N (runs that are there go on) and writes beside them folds.csv, folds.json and
/// per_image.csv. Returns early, with nothing but the runs, where one does not finish. Throws as fold_of and train; OptionError where
/// config.out is a run itself.
Outcome cross_validate(const TrainConfig& config, const data::Dataset& dataset, int folds, bool resume, const TrainEvents& events,
                       CrossValidation& result, const OutOfFold& predicted = {}, const std::atomic<bool>* stop = nullptr);

}  // namespace lamina::train
