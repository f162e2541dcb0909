#pragma once
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

namespace lamina::metrics {

/// Scores of deciding for an event from a threshold on.
struct OperatingPoint {
  double threshold = 0;         ///< at this probability and above
  double precision = 0;         ///< NaN where no pixel has it
  double recall = 0, dice = 0;  ///< NaN where the event is nowhere
};

/// Of the pixels whose probabilities are alike: their mean, how often it was so, and how many they are.
struct Reliability {
  double probability = std::numeric_limits<double>::quiet_NaN(), frequency = probability;
  std::int64_t pixels = 0;
};

/// What was said to be likely, against what was so: the pixels of each event by probability, in equal bins. One pass over any number of
/// pixels, in memory that does not grow with them; curves and calibration follow from the counts. An event is what a probability is of: a
/// class, a plane, a grade or worse. After the events comes what was decided, whose probability is the confidence of the decision.
class ProbabilityCounts {
 public:
  static constexpr int kBins = 300;  ///< thresholds are their lower ends
  explicit ProbabilityCounts(int events = 0) : bins_(static_cast<std::size_t>((events + 1) * kBins)) {}

  /// Classes that exclude each other: probabilities (pixels, events), labels (pixels). What is decided is the likeliest. Pixels that are
  /// labelled `ignore`, or whose probability is NaN, are left out.
  void add(std::span<const float> probabilities, std::span<const std::uint8_t> truth, std::optional<int> ignore = {});
  /// Events each by itself: probabilities and labels (pixels, events), the latter 0 or 1. Each is decided at a half.
  void add_planes(std::span<const float> probabilities, std::span<const std::uint8_t> truth, std::optional<int> ignore = {});
  /// Of all events, or of those from `first` on.
  void add(const ProbabilityCounts& other, int first = 0);

  int events() const { return static_cast<int>(bins_.size()) / kBins - 1; }
  std::int64_t pixels(int event) const;
  /// For each bin, its lower end as threshold; ascending.
  std::vector<OperatingPoint> curve(int event) const;
  /// The mean of the precision over the recall, by steps (scikit-learn's average_precision_score); NaN where the event is nowhere.
  double average_precision(int event) const;
  /// Its highest Dice; NaN as above.
  OperatingPoint best(int event) const;
  /// In so many equal parts of [0, 1], a divisor of kBins. Event events(): of the decisions.
  std::vector<Reliability> reliability(int event, int parts = kReliabilityParts) const;
  /// Expected calibration error: the mean distance between probability and frequency over those parts, weighted by pixels (Naeini et al.
  /// 2015; of the decisions Guo et al. 2017). NaN without pixels.
  double calibration_error(int event, int parts = kReliabilityParts) const;
  static constexpr int kReliabilityParts = 15;

 private:
  struct Bin {
    std::int64_t all = 0, hits = 0;
    double sum = 0;  ///< of the probabilities
  };
  void count(std::size_t event, float probability, bool is_so);
  std::span<const Bin> bins(int event) const { return std::span(bins_).subspan(static_cast<std::size_t>(event * kBins), kBins); }

  std::vector<Bin> bins_;  // (events + 1, kBins)
};

}  // namespace lamina::metrics
