#pragma once
#include <functional>
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
/// same numbers in every call. `background` is the class that foreground scores leave out, -1 for none; `progress(done, all)` may be
/// empty.
Evaluation evaluate(models::Segmenter& model, data::Loader& loader, int classes, int background, const SegmentationLossOptions& loss,
                    const std::function<void(std::int64_t, std::int64_t)>& progress = {});

}  // namespace lamina::train
