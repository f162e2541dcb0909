#pragma once
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "lamina/data/loader.hpp"
#include "lamina/metrics/confusion.hpp"
#include "lamina/models/segmenter.hpp"
#include "lamina/ops/segmentation_loss.hpp"

namespace lamina::train {

struct ImageScore {
  int item = 0;     ///< index in the split
  double dice = 0;  ///< macro-foreground Dice of this image alone; NaN when it has no such class
  double accuracy = 0;
  double absolute_error = 0;  ///< mean, in grades, where the classes are grades; NaN otherwise, or when it has no label
};

struct Evaluation {
  metrics::ConfusionMatrix confusion;  ///< of the whole split
  double loss = 0;                     ///< mean over the images
  std::vector<ImageScore> images;
};

/// Runs the network in evaluation mode over everything `loader` yields; every module's mode is restored. Dropout that stays on draws the
/// same numbers in every call. What is counted are the outcomes of `schema`, whose task also decides the loss's activation;
/// `progress(done, all)` may be empty.
Evaluation evaluate(models::Segmenter& model, data::Loader& loader, const data::LabelSchema& schema, SegmentationLossOptions loss,
                    const std::function<void(std::int64_t, std::int64_t)>& progress = {});

/// Counts a mask's labels, classes or planes, against a prediction in a matrix of the schema's outcomes; kIgnoreLabel is left out.
void count_labels(metrics::ConfusionMatrix& confusion, const data::LabelSchema& schema, std::span<const std::uint8_t> truth,
                  std::span<const std::uint8_t> prediction);
/// An empty matrix of the schema's outcomes.
metrics::ConfusionMatrix confusion_of(const data::LabelSchema& schema);
/// What turns a network's logits into probabilities for this task.
LossActivation activation_of(data::Task task);
/// What those probabilities are trained towards: u8 labels (N, H, W) as the loader gives them. Of grades, (N, H, W, outputs): a grade of g
/// sets the first g outputs and clears the others, an ignored label is ignored in all. Throws DataError on a label that is no grade.
Tensor loss_targets(const Tensor& labels, const data::LabelSchema& schema);

/// The score that the best epoch is chosen by and what it is called: foreground Dice, or macro Dice where nothing is background; of grades
/// quadratic kappa. NaN where the validation split leaves it undefined.
double selection_score(const metrics::ConfusionMatrix& confusion, const data::LabelSchema& schema);
const char* selection_name(const data::LabelSchema& schema);
/// A sentence on metrics::OrdinalScores beside those of always answering the most frequent grade; empty unless the classes are grades.
std::string grades_text(const metrics::ConfusionMatrix& confusion, const data::LabelSchema& schema);

}  // namespace lamina::train
