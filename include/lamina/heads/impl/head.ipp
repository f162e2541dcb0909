#include "lamina/heads/head.hpp"

#include <cmath>
#include <numeric>

#include "lamina/core/names.hpp"
#include "lamina/core/text.hpp"
#include "lamina/heads/corn.hpp"
#include "lamina/ops/arithmetic.hpp"
#include "lamina/ops/concat.hpp"
#include "lamina/ops/slice_channels.hpp"

namespace lamina::heads {
namespace {

/// What is undefined is n/a.
std::string score(double v) { return decimal(v, 4); }

}  // namespace

data::ClassCounts output_counts(const Head& head, const std::vector<std::vector<std::int64_t>>& masks) {
  data::ClassCounts counts = data::ClassCounts::zeros(static_cast<std::size_t>(head.outputs()));
  for (const auto& pixels : masks) counts.add(head.output_pixels(pixels));
  return counts;
}

std::vector<std::vector<std::int64_t>> mask_pixels(const std::vector<data::Item>& items) {
  std::vector<std::vector<std::int64_t>> masks;
  for (const data::Item& item : items) {
    require<DataError>(!item.pixels.empty(), item.image.string(), ": the pixels of its mask were not counted; open_dataset does");
    masks.push_back(item.pixels);
  }
  return masks;
}

std::vector<double> class_weights(const Head& head, data::WeightRule rule, const std::vector<std::vector<std::int64_t>>& masks) {
  std::vector<double> all;
  for (const Part& part : head.parts()) {
    const auto count = static_cast<std::size_t>(part.head->outputs());
    data::ClassCounts counts = data::ClassCounts::zeros(count);
    for (const auto& pixels : masks) {
      const std::vector<std::int64_t> of_outputs = head.output_pixels(pixels);
      const auto first = of_outputs.begin() + part.output;
      counts.add({first, first + part.head->outputs()});
    }
    const auto own = part.head->activation() ? data::class_weights(rule, counts) : std::vector<double>(count, 1);
    all.insert(all.end(), own.begin(), own.end());
  }
  return all;
}

Tensor Part::logits(const Tensor& all) const { return whole ? all : slice_channels(all, output, head->outputs()); }

Tensor Part::labels(const Tensor& all) const {
  if (whole) return all;
  const Tensor own = all.channels(plane, std::max(1, head->planes())).packed();
  return head->planes() ? own : own.view_as({all.size(0), all.size(1), all.size(2)});
}

void Head::count(metrics::ConfusionMatrix& into, std::span<const std::uint8_t> truth, std::span<const std::uint8_t> decided) const {
  into.add(truth, decided, data::kIgnoreLabel);
}

std::vector<double> Head::truth_shares(const metrics::ConfusionMatrix& counts) const {
  std::vector<double> shares;
  for (const metrics::ConfusionMatrix& own : decisions(counts))
    for (int c = 0; c < own.classes(); ++c) shares.push_back(own.truth_share(c));
  return shares;
}

std::vector<metrics::Region> Head::regions() const {
  const int all = std::max(1, planes()), values = static_cast<int>(outcomes().size()) / all;
  std::vector<metrics::Region> regions;
  for (int plane = 0; plane < all; ++plane)
    for (int value = 0; value < values; ++value) regions.push_back({plane, value});
  return regions;
}

Scalars Head::summary(const metrics::ConfusionMatrix& confusion, double undefined) const {
  const auto s = scores(confusion, undefined);
  const std::vector<std::string> names = outcomes();
  Scalars out{{"accuracy", s.accuracy}};
  const std::pair<const char*, const metrics::ClassScores*> kinds[] = {
      {"dice", &s.dice}, {"iou", &s.iou}, {"precision", &s.precision}, {"recall", &s.recall}, {"specificity", &s.specificity}};
  for (const auto& [kind, scores] : kinds) {
    const std::string k = kind;
    Scalars of_kind{{k + "_macro", scores->macro},
                    {k + "_macro_foreground", scores->macro_foreground},
                    {k + "_micro", scores->micro},
                    {k + "_micro_foreground", scores->micro_foreground}};
    for (std::size_t c = 0; c < names.size(); ++c) of_kind.append({{k + "_" + names[c], scores->per_class[c]}});
    out.append(of_kind);
  }
  out.append({{"additive_dice", s.additive_dice}});
  return out;
}

Selection Head::selection(const metrics::ConfusionMatrix& confusion, double undefined) const {
  const double dice = scores(confusion, undefined).dice.macro_foreground;
  if (neutral_outcome() >= 0) return {"foreground Dice", "mean over the classes that are not background", dice};
  return {"macro Dice", "mean over the classes", dice};
}

Scalars Head::image_summary(const metrics::ConfusionMatrix& one) const {
  const auto s = scores(one);
  return {{"dice", s.dice.macro_foreground}, {"accuracy", s.accuracy}};
}

void Head::distribution(std::span<const float> probabilities, int, std::vector<float>& labels) const {
  labels.assign(probabilities.begin(), probabilities.end());
}

std::string Head::image_score_meaning() const {
  return std::string("An image's score is its Dice: the mean over the classes ") +
         (neutral_outcome() < 0 ? "" : "other than the background ") +
         "that its label or its prediction has; where neither has one there is no score.";
}

std::string Head::quality_text(const Scalars& image) const { return "Dice " + decimal(image.at("dice"), 3); }

std::string Head::text(const metrics::ConfusionMatrix& confusion) const {
  const auto s = scores(confusion);
  return (neutral_outcome() >= 0 ? "Dice foreground " + score(s.dice.macro_foreground) + " macro " : "Dice macro ") + score(s.dice.macro) +
         "  acc " + score(s.accuracy);
}

std::string Head::baseline_text(const metrics::ConfusionMatrix& confusion) const {
  const auto base = scores(baseline(confusion));
  return "always the most frequent class: Dice " + score(base.dice.macro_foreground) + ", accuracy " + score(base.accuracy);
}

std::shared_ptr<const Head> Head::with_thresholds(std::vector<std::vector<float>>) const {
  throw OptionError(message("the outputs of head ", kind(), " are no numbers that thresholds lie between"));
}

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

Selection Graded::selection(const metrics::ConfusionMatrix& confusion, double) const {
  return {"quadratic kappa", planes() ? "mean over the planes; 1 perfect, 0 as by chance" : "1 perfect, 0 as by chance",
          ordinal_scores(confusion).quadratic_kappa};
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
  return "kappa " + score(s.quadratic_kappa) + "  off by " + score(s.mean_absolute_error) + " grades  " + Head::text(confusion);
}

std::string Graded::note(const metrics::ConfusionMatrix& confusion) const {
  const auto s = ordinal_scores(confusion), base = ordinal_scores(baseline(confusion));
  const auto pair = [](double own, double other) { return score(own) + " (" + score(other) + ")"; };
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
