#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "lamina/train/evaluate.hpp"

namespace lamina::train {

/// What a run makes of an image.
struct ScoredImage {
  std::string name;
  double quality = 0;        ///< Head::quality
  std::uint32_t labels = 0;  ///< checksum of its size and of what its mask holds; 0: not known
};

/// scores.json: the headline of a run, what other runs are compared with.
struct RunScores {
  std::string split;
  int epoch = 0;
  std::string score_name;
  double score = 0;  ///< Head::selection
  Scalars scores{};  ///< Head::summary
  ScoreIntervals intervals{};
  std::vector<ScoredImage> images{};
  Scalars image_means{};      ///< train::image_means; not read again
  SurfaceSummary surfaces{};  ///< the same
  double tolerance = metrics::SurfaceOptions{}.tolerance;
};
std::vector<ScoredImage> scored_images(const std::vector<data::Item>& items, const std::vector<ImageScore>& scores);
std::string scores_json(const RunScores& scores);
/// Throws IoError; DataError on text that is none.
RunScores read_scores(const std::filesystem::path& file);

/// per_image.csv: image_columns of each.
std::string per_image_csv(const heads::Head& head, const std::vector<ImageScore>& images, const std::vector<data::Item>& items,
                          double undefined);

/// A row of counts for each true class.
std::string confusion_csv(const metrics::ConfusionMatrix& matrix, const std::vector<std::string>& names);
/// {"tolerance": 2, "hausdorff95": {"per_class": [...], "macro": ..., "macro_foreground": ...}, "surface_dice": {...}, "images": [...],
/// "missed": [...]}.
std::string to_json(const SurfaceSummary& surfaces, double tolerance);

/// {"level": 0.95, "resamples": 1000, "images": 14, "selection": [low, high], name: [low, high], ...}; undefined ones are null.
std::string to_json(const ScoreIntervals& intervals);

}  // namespace lamina::train
