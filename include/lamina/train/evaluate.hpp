#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "lamina/data/batch.hpp"
#include "lamina/data/combinations.hpp"
#include "lamina/heads/head.hpp"
#include "lamina/losses/criterion.hpp"
#include "lamina/metrics/bootstrap.hpp"
#include "lamina/metrics/border.hpp"
#include "lamina/models/network.hpp"

namespace lamina::infer {
class Predictor;
}
namespace lamina::train {

/// The heads of a network, each learning the output that has its name.
using Heads = std::vector<std::shared_ptr<const heads::Head>>;

struct ImageScore {
  int item = 0;        ///< index in the split
  Scalars scores;      ///< Head::image_summary
  double quality = 0;  ///< Head::quality
  std::vector<metrics::Cell> counts{};
  std::vector<metrics::SurfaceScores> surfaces{};  ///< of Head::regions, where they are looked at
};

/// What an evaluation looks at beside counts.
struct Looks {
  bool borders = false;                               ///< Evaluation::border
  std::optional<metrics::SurfaceOptions> surfaces{};  ///< ImageScore::surfaces
  bool probabilities = false;                         ///< Evaluation::probabilities
  bool combinations = false;                          ///< Evaluation::combinations
};

inline constexpr Choice kUndefinedChoices[] = {
    {"n/a", "in no mean"}, {"0", "as if all of it were wrong"}, {"1", "as if all of it were right"}};
/// What 0 / 0 counts as in scores. Throws OptionError.
double undefined_score(const std::string& name);

/// What one head says of a split.
struct Evaluation {
  /// The labels and decisions of an image, each (height, width, planes), join the others.
  void add(const heads::Head& head, int item, std::span<const std::uint8_t> truth, std::span<const std::uint8_t> decided,
           std::int64_t height, std::int64_t width, const Looks& looks = {});

  metrics::ConfusionMatrix confusion;  ///< of the whole split
  Scalars losses{};                    ///< means over the images, or windows, of criterion's values; none without one
  std::vector<ImageScore> images{};
  metrics::BorderCounts border{};                  ///< of the whole split, where it is looked at
  metrics::ProbabilityCounts probabilities{};      ///< the same, of Head::events
  std::vector<data::Combinations> combinations{};  ///< the same, of what is graded in several planes
};

/// Runs the network in evaluation mode over everything `batches` yields; the modes of its layers are restored. Dropout that stays on draws
/// the same numbers in every call. Where batches hold windows (data::LoaderOptions::windows), whole photographs are counted, windows being
/// blended as Predictor does. One evaluation a head, in their order; `criterion` may be null, `progress(done, all)` empty. Throws
/// DataError where the network or the batches lack what a head is called.
std::vector<Evaluation> evaluate(models::Network& model, data::Batches& batches, const Heads& heads, const losses::Criterion* criterion,
                                 const std::function<void(std::int64_t, std::int64_t)>& progress = {}, const Looks& looks = {});

/// Every photograph of a split at its own size, against its own mask; `each` may be empty. Throws as read_bands, read_mask; DataError where
/// a photograph and its mask differ in size.
Evaluation evaluate_at_original_size(const infer::Predictor& predictor, const data::Dataset& dataset, data::Split split,
                                     const Looks& looks = {},
                                     const std::function<void(int item, const data::LabelImage& decided)>& each = {});

/// Every score of an image: Head::image_summary, each outcome's Dice, the mean IoU, precision, recall and specificity and, where they were
/// looked at, of each region and over the foreground's (hausdorff95, surface_dice). The columns of per_image.csv; NaN where there is no
/// value.
Scalars image_columns(const heads::Head& head, const ImageScore& image, double undefined = metrics::kUndefined);
/// The same, each the mean over the images that have a value.
Scalars image_means(const heads::Head& head, const std::vector<ImageScore>& images, double undefined = metrics::kUndefined);
/// Border distances over a split: of each region the means over the images that have a value, of these the means over regions, and in how
/// many images only labels or only decisions had it.
struct SurfaceSummary {
  struct Row {
    std::string name;
    double hausdorff95 = metrics::kUndefined, surface_dice = metrics::kUndefined;
    int images = 0, missed = 0;  ///< with a value; with one border only
  };
  std::vector<Row> regions;
  Row macro{"macro"}, macro_foreground{"macro foreground"};
};
SurfaceSummary surface_summary(const heads::Head& head, const std::vector<ImageScore>& images);

/// How sure a split's scores are: bootstrap intervals over its images.
struct ScoreIntervals {
  metrics::BootstrapOptions options{};
  std::size_t images = 0;
  metrics::Interval selection{};                                  ///< of Head::selection
  std::vector<std::pair<std::string, metrics::Interval>> each{};  ///< of Head::summary
  static constexpr std::size_t kFewest = 5;  ///< labels that show a class; of fewer an interval says nothing, and is NaN
  std::map<std::string, std::size_t> few{};  ///< scores of such classes, and how many labels show it
};
ScoreIntervals score_intervals(const heads::Head& head, const std::vector<ImageScore>& images, double undefined = metrics::kUndefined);
/// "95 % interval 0.650 to 0.760, 1000 bootstrap resamples of 14 images".
std::string interval_text(const ScoreIntervals& intervals, const metrics::Interval& interval);
/// A score of `each`: "0.7000 (0.6500 to 0.7600)", "0.7000 (n/a: 2 images)".
std::string score_text(const ScoreIntervals& intervals, const std::string& name, double value);

/// Pixels of the combinations of grades that training has, and of those that it lacks.
struct SeenAndUnseen {
  std::string head;  ///< whose grades they are; empty: there is one
  data::Combinations::Count seen{}, unseen{};
  std::string text;  ///< for a person
};
/// Of `here`, what is scored, called `split`.
SeenAndUnseen seen_and_unseen(const data::Combinations& training, const data::Combinations& here, const std::string& split);
/// The same of each of `here`, in the order of Combinations::of; reads the masks of the training split.
std::vector<SeenAndUnseen> seen_and_unseen(const data::Dataset& dataset, const std::vector<data::Combinations>& here,
                                           const std::string& split);

/// Decisions of a head at the labels' size, on the host, logits being interpolated on `grid`: logits (N, h, w, C) -> u8 (N, height, width)
/// or (N, height, width, planes).
Tensor decisions_at(const heads::Head& head, const Tensor& logits, std::int64_t height, std::int64_t width, ResizeGrid grid);

}  // namespace lamina::train
