#include "lamina/metrics/confusion.hpp"

#include <cmath>
#include <numeric>

#include "lamina/core/error.hpp"

namespace lamina::metrics {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

double ratio(std::int64_t a, std::int64_t b) { return b == 0 ? kNone : static_cast<double>(a) / static_cast<double>(b); }

double mean_defined(std::span<const double> values) {
  double sum = 0;
  int n = 0;
  for (double v : values)
    if (!std::isnan(v)) {
      sum += v;
      ++n;
    }
  return n ? sum / n : kNone;
}

}  // namespace

ConfusionMatrix::ConfusionMatrix(int classes) : classes_(classes) {
  require<OptionError>(classes >= 2 && classes <= 256, "a confusion matrix needs 2 to 256 classes, got ", classes);
  counts_.resize(static_cast<std::size_t>(classes) * static_cast<std::size_t>(classes));
}

ConfusionMatrix ConfusionMatrix::from_counts(const std::vector<std::vector<std::int64_t>>& counts) {
  ConfusionMatrix m(static_cast<int>(counts.size()));
  for (std::size_t t = 0; t < counts.size(); ++t) {
    require<DataError>(counts[t].size() == counts.size(), "a confusion matrix of ", counts.size(), " rows has a row of ", counts[t].size());
    for (std::size_t p = 0; p < counts.size(); ++p) {
      require<DataError>(counts[t][p] >= 0, "a confusion matrix holds the negative count ", counts[t][p]);
      m.counts_[t * counts.size() + p] = counts[t][p];
    }
  }
  return m;
}

void ConfusionMatrix::add(std::span<const std::uint8_t> truth, std::span<const std::uint8_t> prediction, std::optional<int> ignore) {
  require(truth.size() == prediction.size(), "confusion matrix: ", truth.size(), " labels and ", prediction.size(), " predictions");
  std::vector<std::int64_t> wide(256 * 256);
  for (std::size_t i = 0; i < truth.size(); ++i) ++wide[static_cast<std::size_t>(truth[i]) * 256 + prediction[i]];
  for (int t = 0; t < 256; ++t)
    for (int p = 0; p < 256; ++p) {
      const std::int64_t n = wide[static_cast<std::size_t>(t * 256 + p)];
      if (n == 0 || (ignore && t == *ignore)) continue;
      require<DataError>(t < classes_ && p < classes_, "confusion matrix: ", n, " pixels with label ", t, " and prediction ", p,
                         ", but there are ", classes_, " classes");
      counts_[static_cast<std::size_t>(t * classes_ + p)] += n;
    }
}

void ConfusionMatrix::add_planes(std::span<const std::uint8_t> truth, std::span<const std::uint8_t> prediction, std::optional<int> ignore) {
  const std::size_t none = static_cast<std::size_t>(classes_) - 1;
  require(truth.size() == prediction.size() && truth.size() % none == 0, "confusion matrix: ", truth.size(), " labels and ",
          prediction.size(), " predictions of ", none, " planes");
  negatives_.resize(none);
  for (std::size_t i = 0; i < truth.size(); ++i) {
    if (ignore && truth[i] == *ignore) continue;
    require<DataError>(truth[i] <= 1 && prediction[i] <= 1, "confusion matrix: a plane holds 0 and 1, not the label ", int{truth[i]},
                       " or the prediction ", int{prediction[i]});
    const std::size_t plane = i % none;
    if (!truth[i] && !prediction[i]) ++negatives_[plane];
    ++counts_[(truth[i] ? plane : none) * (none + 1) + (prediction[i] ? plane : none)];
  }
}

void ConfusionMatrix::add(const ConfusionMatrix& other) {
  require(classes_ == other.classes_, "confusion matrices of ", classes_, " and ", other.classes_, " classes");
  for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
  if (!other.negatives_.empty()) negatives_.resize(other.negatives_.size());
  for (std::size_t k = 0; k < other.negatives_.size(); ++k) negatives_[k] += other.negatives_[k];
}

void ConfusionMatrix::add(const Cell& cell) {
  counts_[static_cast<std::size_t>(cell.truth * classes_ + cell.prediction)] += cell.count;
  if (cell.plane < 0) return;
  negatives_.resize(static_cast<std::size_t>(classes_ - 1));
  negatives_[static_cast<std::size_t>(cell.plane)] += cell.count;
}

std::vector<Cell> ConfusionMatrix::cells() const {
  std::vector<Cell> all;
  for (int t = 0; t < classes_; ++t)
    for (int p = 0; p < classes_; ++p)
      if (const bool apart = !negatives_.empty() && t == classes_ - 1 && p == t; at(t, p) != 0 && !apart) all.push_back({t, p, at(t, p)});
  for (std::size_t k = 0; k < negatives_.size(); ++k)
    if (negatives_[k] != 0) all.push_back({classes_ - 1, classes_ - 1, negatives_[k], static_cast<int>(k)});
  return all;
}

std::int64_t ConfusionMatrix::truth_count(int c) const {
  std::int64_t n = 0;
  for (int p = 0; p < classes_; ++p) n += at(c, p);
  return n;
}

std::int64_t ConfusionMatrix::prediction_count(int c) const {
  std::int64_t n = 0;
  for (int t = 0; t < classes_; ++t) n += at(t, c);
  return n;
}

std::int64_t ConfusionMatrix::true_negatives(int c, int plane_classes) const {
  if (c < static_cast<int>(negatives_.size())) return negatives_[static_cast<std::size_t>(c)];
  const int count = plane_classes ? plane_classes : classes_, first = c / count * count;
  std::int64_t all = 0;
  for (int k = first; k < first + count; ++k) all += truth_count(k);
  return all - truth_count(c) - prediction_count(c) + at(c, c);
}

double ConfusionMatrix::truth_share(int c) const {
  const std::int64_t all = truth_count(c) + prediction_count(c) - at(c, c) + true_negatives(c);
  return all ? ratio(truth_count(c), all) : kUndefined;
}

std::int64_t ConfusionMatrix::total() const { return std::accumulate(counts_.begin(), counts_.end(), std::int64_t{0}); }

Scores ConfusionMatrix::scores(int background, double undefined, int plane_classes) const {
  require<OptionError>(background >= -1 && background < classes_, "scores: background ", background, " is no class of ", classes_);
  const auto left_out = [&](int k) { return background >= 0 && (plane_classes > 0 ? k % plane_classes : k) == background; };
  Scores s;
  std::int64_t hits = 0;
  for (int c = 0; c < classes_; ++c) hits += at(c, c);
  struct Counts {
    std::int64_t tp = 0, fp = 0, fn = 0, tn = 0;
  };
  std::vector<Counts> each;
  Counts all, foreground;
  for (int k = 0; k < classes_; ++k) {
    const Counts n{at(k, k), prediction_count(k) - at(k, k), truth_count(k) - at(k, k), true_negatives(k, plane_classes)};
    each.push_back(n);
    for (Counts* sum : {&all, &foreground})
      if (sum == &all || !left_out(k)) sum->tp += n.tp, sum->fp += n.fp, sum->fn += n.fn, sum->tn += n.tn;
  }
  const auto fill = [&](ClassScores& out, auto part, auto whole) {
    const auto value = [&](const Counts& n) { return whole(n) == 0 ? undefined : ratio(part(n), whole(n)); };
    for (const Counts& n : each) out.per_class.push_back(value(n));
    out.macro = mean_defined(out.per_class);
    std::vector<double> others;
    for (int k = 0; k < classes_; ++k)
      if (!left_out(k)) others.push_back(out.per_class[static_cast<std::size_t>(k)]);
    out.macro_foreground = mean_defined(others);
    out.micro = value(all);
    out.micro_foreground = value(foreground);
  };
  const auto tp = [](const Counts& n) { return n.tp; };
  fill(
      s.dice, [](const Counts& n) { return 2 * n.tp; }, [](const Counts& n) { return 2 * n.tp + n.fp + n.fn; });
  fill(s.iou, tp, [](const Counts& n) { return n.tp + n.fp + n.fn; });
  fill(s.precision, tp, [](const Counts& n) { return n.tp + n.fp; });
  fill(s.recall, tp, [](const Counts& n) { return n.tp + n.fn; });
  fill(
      s.specificity, [](const Counts& n) { return n.tn; }, [](const Counts& n) { return n.tn + n.fp; });
  s.additive_dice = kNone;
  for (int k = 0; k < classes_; ++k)
    if (const double dice = s.dice.per_class[static_cast<std::size_t>(k)]; !left_out(k) && !std::isnan(dice))
      s.additive_dice = (std::isnan(s.additive_dice) ? 0 : s.additive_dice) + dice;
  s.accuracy = ratio(hits, total());
  return s;
}

OrdinalScores ConfusionMatrix::ordinal_scores() const {
  std::int64_t pixels = 0, error = 0, near = 0, observed = 0, truth = 0, prediction = 0, squares = 0;
  for (int t = 0; t < classes_; ++t)
    for (int p = 0; p < classes_; ++p) {
      const std::int64_t n = at(t, p), d = std::abs(t - p);
      pixels += n;
      error += d * n;
      near += d <= 1 ? n : 0;
      observed += d * d * n;
      truth += t * n;
      prediction += p * n;
      squares += (t * t + p * p) * n;
    }
  // The sum of (t - p)^2 over all pairs of a label and a prediction, divided by the pixels.
  const double mean = static_cast<double>(prediction) / static_cast<double>(pixels);
  const double expected = static_cast<double>(squares) - 2 * static_cast<double>(truth) * mean;
  return {ratio(error, pixels), ratio(near, pixels), expected > 0 ? 1 - static_cast<double>(observed) / expected : kNone};
}

ConfusionMatrix ConfusionMatrix::majority_baseline() const {
  int majority = 0;
  for (int c = 1; c < classes_; ++c)
    if (truth_count(c) > truth_count(majority)) majority = c;
  ConfusionMatrix m(classes_);
  for (int c = 0; c < classes_; ++c) m.counts_[static_cast<std::size_t>(c * classes_ + majority)] = truth_count(c);
  if (majority == classes_ - 1)
    for (std::size_t k = 0; k < negatives_.size(); ++k) m.negatives_.push_back(negatives_[k] + at(majority, static_cast<int>(k)));
  return m;
}

}  // namespace lamina::metrics
