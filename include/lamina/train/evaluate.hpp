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
};

struct Evaluation {
  metrics::ConfusionMatrix confusion;  ///< of the whole split
  double loss = 0;                     ///< mean over the images
  std::vector<ImageScore> images;
};

/// Runs the network in evaluation mode over everything `loader` yields; its previous mode is restored. Dropout that stays on draws the
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

}  // namespace lamina::train
