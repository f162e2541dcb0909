#pragma once
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

namespace lamina::metrics {

/// What a ratio 0 / 0 counts as unless said otherwise: it has no value, and takes no part in an average.
inline constexpr double kUndefined = std::numeric_limits<double>::quiet_NaN();

/// One ratio for every class and its averages. A class that neither the labels nor the predictions contain has no value (NaN)
/// and takes no part in an average.
struct ClassScores {
  std::vector<double> per_class;
  double macro = 0;             ///< mean over the classes that have a value
  double macro_foreground = 0;  ///< the same without the background; equals macro when there is none
  double micro = 0;             ///< from the summed counts of all classes
  double micro_foreground = 0;  ///< of those without the background
};

/// Scores of one confusion matrix.
struct Scores {
  ClassScores dice;         ///< 2 TP / (2 TP + FP + FN)
  ClassScores iou;          ///< TP / (TP + FP + FN)
  ClassScores precision;    ///< TP / (TP + FP); NaN when never predicted
  ClassScores recall;       ///< TP / (TP + FN); NaN when never labelled
  ClassScores specificity;  ///< TN / (TN + FP), each class against all others, a plane against itself; NaN when everything is labelled so
  /// Sum of the foreground classes' Dice, as some sources report that of planes laid side by side: up to their number, not a share.
  double additive_dice = 0;
  double accuracy = 0;
};

/// Scores of classes that are grades in ascending order: how far off the predictions are. NaN without pixels.
struct OrdinalScores {
  double mean_absolute_error = 0;  ///< in grades
  double within_one = 0;           ///< share of the pixels that are at most one grade off
  /// 1 - sum(d^2 observed) / sum(d^2 expected), d a pixel's error in grades, expected of predictions with the same totals that know
  /// nothing of the labels (Cohen 1968): 1 perfect, 0 as by chance, less when worse. NaN when all is one grade.
  double quadratic_kappa = 0;
};

/// One count of a confusion matrix.
struct Cell {
  int truth = 0, prediction = 0;
  std::int64_t count = 0;
  int plane = -1;  ///< of add_planes' "none" that was answered "none": of which plane
};

/// Pixel counts: `at(truth, prediction)`. Accumulated over a whole set, so that a score is never a mean of per-image means.
class ConfusionMatrix {
 public:
  explicit ConfusionMatrix(int classes);
  /// From rows of counts[truth][prediction]; throws DataError unless square and not negative.
  static ConfusionMatrix from_counts(const std::vector<std::vector<std::int64_t>>& counts);
  /// Counts pairs; pixels whose label equals `ignore` are left out. Throws DataError on a label or prediction that is no class.
  void add(std::span<const std::uint8_t> truth, std::span<const std::uint8_t> prediction, std::optional<int> ignore = {});
  /// Counts planes: pairs of (pixels, classes() - 1) values, each a decision between its plane's class (1) and the last class (0: none).
  /// Values whose label equals `ignore` are left out. Throws DataError on others.
  void add_planes(std::span<const std::uint8_t> truth, std::span<const std::uint8_t> prediction, std::optional<int> ignore = {});
  void add(const ConfusionMatrix& other);
  /// Its counts that are not 0, and adding one of them.
  std::vector<Cell> cells() const;
  void add(const Cell& cell);
  int classes() const { return classes_; }
  std::int64_t at(int truth, int prediction) const { return counts_[static_cast<std::size_t>(truth * classes_ + prediction)]; }
  std::int64_t truth_count(int c) const;
  std::int64_t prediction_count(int c) const;
  /// What neither is nor was called `c`; of a plane, within that plane. `plane_classes` is as of scores.
  std::int64_t true_negatives(int c, int plane_classes = 0) const;
  /// Those of each plane, of a matrix that counts planes; else empty.
  const std::vector<std::int64_t>& plane_negatives() const { return negatives_; }
  void set_plane_negatives(std::vector<std::int64_t> negatives) { negatives_ = std::move(negatives); }
  std::int64_t total() const;
  /// Share of the pixels labelled `c`; of a plane, of that plane's. NaN without pixels.
  double truth_share(int c) const;
  /// `background`: the class that macro_foreground leaves out, of planes each one's; -1 for none.
  /// `undefined`: what 0 / 0 counts as (sklearn's zero_division). `plane_classes`: of planes of so many classes each, one after the other;
  /// 0 where a pixel is counted once.
  Scores scores(int background = -1, double undefined = kUndefined, int plane_classes = 0) const;
  OrdinalScores ordinal_scores() const;
  /// The matrix of a predictor that always answers the most frequent label: what the scores must beat.
  ConfusionMatrix majority_baseline() const;

 private:
  int classes_;
  std::vector<std::int64_t> counts_;
  std::vector<std::int64_t> negatives_;  // of planes, that are together the last class's own count
};

}  // namespace lamina::metrics
