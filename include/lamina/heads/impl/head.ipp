#include "lamina/heads/head.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

#include "lamina/core/text.hpp"
#include "lamina/ops/slice_channels.hpp"

namespace lamina::heads {
std::vector<MaskPixels> mask_pixels(const std::vector<data::Item>& items) {
  std::vector<MaskPixels> masks;
  for (const data::Item& item : items) {
    require<DataError>(!item.pixels.empty(), item.image.string(), ": the pixels of its mask were not counted; open_dataset does");
    require<DataError>(item.labelled.size() == item.pixels.size(), item.image.string(), ": Item::labelled has ", item.labelled.size(),
                       " numbers, Item::pixels ", item.pixels.size());
    masks.push_back({item.pixels, item.labelled});
  }
  return masks;
}

data::ClassCounts output_counts(const Head& head, const std::vector<MaskPixels>& masks) {
  data::ClassCounts counts = data::ClassCounts::zeros(static_cast<std::size_t>(head.weighed()));
  for (const MaskPixels& mask : masks) {
    const std::vector<std::int64_t> yes = head.output_pixels(mask.pixels);
    std::vector<std::int64_t> known = head.output_negatives(mask.pixels, mask.labelled);
    std::transform(yes.begin(), yes.end(), known.begin(), known.begin(), std::plus<>());
    counts.add(yes, known);
  }
  return counts;
}

std::vector<double> class_weights(const Part& part, data::WeightRule rule, const data::ClassCounts& counts) {
  const auto own = [&](const std::vector<std::int64_t>& all) {
    return std::vector<std::int64_t>(all.begin() + part.output, all.begin() + part.output + part.weighed());
  };
  if (!part.takes_weights()) return std::vector<double>(static_cast<std::size_t>(part.weighed()), 1);
  return data::class_weights(rule, {own(counts.pixels), own(counts.images), own(counts.pixels_of_images), own(counts.labelled)});
}

std::vector<double> class_weights(const Head& head, data::WeightRule rule, const std::vector<MaskPixels>& masks) {
  const data::ClassCounts counts = output_counts(head, masks);
  std::vector<double> all;
  for (const Part& part : head.parts()) {
    const std::vector<double> own = class_weights(part, rule, counts);
    all.insert(all.end(), own.begin(), own.end());
  }
  return all;
}

std::vector<double> balanced_positives(const Head& head, const std::vector<data::Item>& items) {
  const data::ClassCounts counts = output_counts(head, items);
  std::vector<double> weights(static_cast<std::size_t>(head.outputs()), 1);
  for (const Part& part : head.parts())
    for (int k = 0; k < part.head->outputs() && part.head->activation() == LossActivation::sigmoid; ++k) {
      const auto c = static_cast<std::size_t>(part.output + k);
      const std::int64_t yes = counts.pixels[c], no = counts.labelled[c] - yes;
      if (yes > 0 && no > 0) weights[c] = static_cast<double>(no) / static_cast<double>(yes);
    }
  return weights;
}

std::vector<std::int64_t> Head::output_negatives(std::vector<std::int64_t> pixels, std::vector<std::int64_t> labelled) const {
  std::transform(labelled.begin(), labelled.end(), pixels.begin(), labelled.begin(), std::minus<>());
  return labelled;
}

int Part::weighed() const { return whole ? head->weighed() : head->outputs(); }
bool Part::takes_weights() const { return whole || head->activation(); }

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

bool Head::is_tested_by(const metrics::ConfusionMatrix& confusion) const {
  const std::vector<double> shares = truth_shares(confusion);
  for (std::size_t k = 0; k < shares.size(); ++k)
    if (shares[k] > 0 && !is_neutral(static_cast<int>(k))) return true;
  return false;
}

Selection Head::selection(const metrics::ConfusionMatrix& confusion, double undefined) const {
  const bool says = is_tested_by(confusion) || !std::isnan(undefined);
  const double dice = says ? scores(confusion, undefined).dice.macro_foreground : metrics::kUndefined;
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

bool Head::has_neutral() const {
  for (int k = 0; k < static_cast<int>(outcomes().size()); ++k)
    if (is_neutral(k)) return true;
  return false;
}

std::string Head::text(const metrics::ConfusionMatrix& confusion) const {
  const auto s = scores(confusion);
  return (has_neutral() ? "Dice foreground " + decimal(s.dice.macro_foreground, 4) + " macro " : "Dice macro ") + decimal(s.dice.macro, 4) +
         "  acc " + decimal(s.accuracy, 4);
}

std::string Head::baseline_text(const metrics::ConfusionMatrix& confusion) const {
  const auto base = scores(baseline(confusion));
  return "always the most frequent class: Dice " + decimal(base.dice.macro_foreground, 4) + ", accuracy " + decimal(base.accuracy, 4);
}

float Head::expected_grade(std::span<const float>, int) const { throw OptionError(message("head ", kind(), " has no grades")); }

std::shared_ptr<const Head> Head::with_thresholds(std::vector<std::vector<float>>) const {
  throw OptionError(
      message("the outputs of head ", kind(), " are no numbers that thresholds lie between, as those of a regression head are"));
}

}  // namespace lamina::heads
