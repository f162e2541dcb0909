// Heads of grades: scores of how far off, and cumulative ones.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "lamina/core/text.hpp"
#include "lamina/heads/corn.hpp"
#include "lamina/ops/arithmetic.hpp"
#include "lamina/ops/concat.hpp"
#include "lamina/ops/slice_channels.hpp"

namespace lamina::heads {
void Graded::count(metrics::ConfusionMatrix& into, std::span<const std::uint8_t> truth, std::span<const std::uint8_t> decided) const {
  if (planes() == 0) return Head::count(into, truth, decided);
  const auto all = static_cast<std::size_t>(planes());
  require(truth.size() == decided.size() && truth.size() % all == 0, "grades of ", all, " planes: ", truth.size(), " labels and ",
          decided.size(), " predictions");
  std::vector<std::uint8_t> labels(truth.size() / all), grades(labels.size());
  for (std::size_t plane = 0; plane < all; ++plane) {
    for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = truth[i * all + plane], grades[i] = decided[i * all + plane];
    metrics::ConfusionMatrix one(schema().classes());
    one.add(labels, grades, data::kIgnoreLabel);
    const int first = static_cast<int>(plane) * schema().classes();
    for (const metrics::Cell& cell : one.cells()) into.add({first + cell.truth, first + cell.prediction, cell.count});
  }
}

metrics::ConfusionMatrix Graded::of_plane(const metrics::ConfusionMatrix& confusion, int plane) const {
  metrics::ConfusionMatrix one(schema().classes());
  const int first = plane * schema().classes();
  for (int t = 0; t < one.classes(); ++t)
    for (int p = 0; p < one.classes(); ++p) one.add({t, p, confusion.at(first + t, first + p)});
  return one;
}

std::vector<metrics::ConfusionMatrix> Graded::decisions(const metrics::ConfusionMatrix& confusion) const {
  std::vector<metrics::ConfusionMatrix> all;
  for (int plane = 0; plane < graded(); ++plane) all.push_back(of_plane(confusion, plane));
  return all;
}

metrics::ConfusionMatrix Graded::baseline(const metrics::ConfusionMatrix& of_all) const {
  metrics::ConfusionMatrix all = confusion();
  for (int plane = 0; plane < graded(); ++plane)
    for (const metrics::Cell& cell : of_plane(of_all, plane).majority_baseline().cells())
      all.add({plane * schema().classes() + cell.truth, plane * schema().classes() + cell.prediction, cell.count});
  return all;
}

metrics::OrdinalScores Graded::ordinal_scores(const metrics::ConfusionMatrix& confusion) const {
  constexpr double metrics::OrdinalScores::*kEach[] = {&metrics::OrdinalScores::mean_absolute_error, &metrics::OrdinalScores::within_one,
                                                       &metrics::OrdinalScores::quadratic_kappa};
  metrics::OrdinalScores mean;
  for (const auto score : kEach) {
    int defined = 0;
    for (int plane = 0; plane < graded(); ++plane)
      if (const double v = of_plane(confusion, plane).ordinal_scores().*score; !std::isnan(v)) mean.*score += v, ++defined;
    mean.*score = defined ? mean.*score / defined : std::nan("");
  }
  return mean;
}

Tensor Graded::grades_above(const Tensor& scores, const std::vector<float>& thresholds) const {
  if (planes() == 0) return count_above(scores, thresholds);
  const Shape whole = scores.shape();
  const std::int64_t pixels = scores.numel() / whole[-1];
  return count_above(scores.packed().view_as({pixels, planes(), whole[-1] / planes()}), thresholds).view_as(whole.with(-1, planes()));
}

Scalars Graded::summary(const metrics::ConfusionMatrix& confusion, double undefined) const {
  const auto s = ordinal_scores(confusion);
  Scalars out{{"accuracy", 0},
              {"mean_absolute_error", s.mean_absolute_error},
              {"within_one", s.within_one},
              {"quadratic_kappa", s.quadratic_kappa}};
  for (int plane = 0; plane < planes(); ++plane) {
    const auto of_one = of_plane(confusion, plane).ordinal_scores();
    const std::string& name = schema().planes[static_cast<std::size_t>(plane)];
    out.append({{"mean_absolute_error_" + name, of_one.mean_absolute_error},
                {"within_one_" + name, of_one.within_one},
                {"quadratic_kappa_" + name, of_one.quadratic_kappa}});
  }
  for (const auto& [name, value] : Head::summary(confusion, undefined)) out[name] = value;
  return out;
}

bool Graded::is_tested_by(const metrics::ConfusionMatrix& confusion) const {
  const std::vector<double> shares = truth_shares(confusion);
  return std::any_of(shares.begin(), shares.end(), [](double share) { return share > 0 && share < 1; });
}

Selection Graded::selection(const metrics::ConfusionMatrix& confusion, double) const {
  return {"quadratic kappa", planes() ? "mean over the planes; 1 perfect, 0 as by chance" : "1 perfect, 0 as by chance",
          is_tested_by(confusion) ? ordinal_scores(confusion).quadratic_kappa : metrics::kUndefined};
}

Scalars Graded::image_summary(const metrics::ConfusionMatrix& one) const {
  Scalars out = Head::image_summary(one);
  out["absolute_error"] = ordinal_scores(one).mean_absolute_error;
  return out;
}

std::string Graded::image_score_meaning() const {
  return std::string("An image's score is how many grades its pixels are off on average") + (planes() ? ", the mean over the planes" : "") +
         "; 0 is perfect.";
}

std::string Graded::quality_text(const Scalars& image) const {
  return "off by " + decimal(image.at("absolute_error"), 3) + " grades on average";
}

std::string Graded::text(const metrics::ConfusionMatrix& confusion) const {
  const auto s = ordinal_scores(confusion);
  return "kappa " + decimal(s.quadratic_kappa, 4) + "  off by " + decimal(s.mean_absolute_error, 4) + " grades  " + Head::text(confusion);
}

std::string Graded::note(const metrics::ConfusionMatrix& confusion) const {
  const auto s = ordinal_scores(confusion), base = ordinal_scores(baseline(confusion));
  const auto pair = [](double own, double other) { return decimal(own, 4) + " (" + decimal(other, 4) + ")"; };
  return "mean absolute error " + pair(s.mean_absolute_error, base.mean_absolute_error) + " grades, within one grade " +
         pair(s.within_one, base.within_one) + ", quadratic kappa " + pair(s.quadratic_kappa, base.quadratic_kappa) +
         (planes() ? "; means over the planes, in brackets always the most frequent grade of each"
                   : "; in brackets always the most frequent grade");
}

namespace {
/// Labels (N, H, W), or of several planes, as targets (N, H, W, outputs): of each grade the answer to "above k?" for every k;
/// kIgnoreLabel stays.
template <class Answer>
Tensor cumulative_targets(const Tensor& labels, int steps, Answer answer) {
  const std::int64_t planes = labels.rank() == 4 ? labels.size(3) : 1;
  const Tensor targets = Tensor::empty({labels.size(0), labels.size(1), labels.size(2), planes * steps}, {DType::u8, kCpu});
  std::uint8_t* out = targets.data<std::uint8_t>();
  for (const std::uint8_t grade : labels.to_vector<std::uint8_t>()) {
    const bool ignored = grade == data::kIgnoreLabel;
    require<DataError>(ignored || grade <= steps, "the label ", int{grade}, " is none of the grades 0 to ", steps);
    for (int k = 0; k < steps; ++k) *out++ = ignored ? data::kIgnoreLabel : answer(grade, k);
  }
  return targets;
}
}  // namespace

std::vector<std::string> Ordinal::events() const {
  std::vector<std::string> all;
  for (int plane = 0; plane < graded(); ++plane)
    for (int k = 1; k <= steps(); ++k) {
      const std::string what = planes() ? schema().planes[static_cast<std::size_t>(plane)] + ' ' : "";
      all.push_back(what + schema().names[static_cast<std::size_t>(k)] + (k < steps() ? " or above" : ""));
    }
  return all;
}

void Ordinal::distribution(std::span<const float> probabilities, int plane, std::vector<float>& labels) const {
  const std::span<const float> above = probabilities.subspan(static_cast<std::size_t>(plane * steps()), static_cast<std::size_t>(steps()));
  labels.clear();
  float sum = 0, at_least = 1;  // cumulative answers need not fall: what would be below 0 is 0
  for (int k = 0; k <= steps(); ++k) {
    const float next = k < steps() ? above[static_cast<std::size_t>(k)] : 0;
    labels.push_back(std::max(0.f, at_least - next));
    sum += labels.back(), at_least = next;
  }
  for (float& q : labels) q /= sum;
}

void Ordinal::count(metrics::ProbabilityCounts& into, std::span<const std::uint8_t> truth, std::span<const float> probabilities) const {
  std::vector<std::uint8_t> so;
  so.reserve(probabilities.size());
  for (const std::uint8_t grade : truth)
    for (int k = 0; k < steps(); ++k) so.push_back(grade == data::kIgnoreLabel ? grade : grade > k);
  into.add_planes(probabilities, so, data::kIgnoreLabel);
}

std::vector<std::int64_t> Ordinal::output_pixels(std::vector<std::int64_t> pixels) const {
  std::vector<std::int64_t> above;
  for (int plane = 0; plane < graded(); ++plane)
    for (int k = 0; k < steps(); ++k) {
      const auto grades = pixels.begin() + std::ptrdiff_t{plane} * schema().classes();
      above.push_back(std::accumulate(grades + k + 1, grades + schema().classes(), std::int64_t{0}));
    }
  return above;
}

std::vector<std::int64_t> Ordinal::output_negatives(std::vector<std::int64_t> pixels, std::vector<std::int64_t> labelled) const {
  std::vector<std::int64_t> negatives = output_pixels(std::move(pixels));
  for (std::size_t k = 0; k < negatives.size(); ++k)
    negatives[k] = labelled[k / static_cast<std::size_t>(steps()) * static_cast<std::size_t>(schema().classes())] - negatives[k];
  return negatives;
}

std::vector<std::int64_t> Corn::output_negatives(std::vector<std::int64_t> pixels, std::vector<std::int64_t>) const {
  std::vector<std::int64_t> exactly;  // of this grade, not of a higher one
  for (int plane = 0; plane < graded(); ++plane)
    for (int k = 0; k < steps(); ++k) exactly.push_back(pixels[static_cast<std::size_t>(plane * schema().classes() + k)]);
  return exactly;
}

Tensor Ordinal::targets(const Tensor& labels) const {
  return cumulative_targets(labels, steps(), [](int grade, int k) -> std::uint8_t { return grade > k; });
}

Tensor Corn::targets(const Tensor& labels) const {
  return cumulative_targets(labels, steps(), [](int grade, int k) -> std::uint8_t { return grade < k ? data::kIgnoreLabel : grade > k; });
}

Tensor Corn::probabilities(const Tensor& logits) const {
  const Tensor conditional = sigmoid(logits);
  std::vector<Tensor> above;
  for (int k = 0; k < outputs(); ++k) {
    const Tensor one = slice_channels(conditional, k, 1);
    above.push_back(k % steps() == 0 ? one : mul(above.back(), one));
  }
  return concat(above);
}

}  // namespace lamina::heads
