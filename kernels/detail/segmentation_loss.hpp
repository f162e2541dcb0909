// What the segmentation loss makes of its sums, on every device.
#pragma once
#include "lamina/kernels/segmentation_loss.hpp"

namespace lamina::kernels::LAMINA_ISA {

/// Layout of a group's sums over its pixels: I = sum p [labelled], P = sum p, T = labelled pixels a class, then the three below.
struct SegmentationLossSums {
  std::int64_t classes;

  LAMINA_HD std::int64_t intersection() const { return 0; }
  LAMINA_HD std::int64_t predicted() const { return classes; }
  LAMINA_HD std::int64_t labelled() const { return 2 * classes; }
  LAMINA_HD std::int64_t ce() const { return 3 * classes; }          ///< weighted cross-entropies
  LAMINA_HD std::int64_t weight() const { return 3 * classes + 1; }  ///< class weights of the pixels that count
  LAMINA_HD std::int64_t count() const { return 3 * classes + 2; }   ///< their number
  LAMINA_HD std::int64_t size() const { return 3 * classes + 3; }
};

LAMINA_HD SegmentationLossState state_layout(std::int64_t samples, std::int64_t classes, const SegmentationLossParams& p) {
  return {classes, p.dice_reduction == DiceReduction::sample ? samples : 1};
}

/// The loss from sums (groups, SegmentationLossSums), and the state but for kBadLabel. Dice = (2 I + smooth) / (P + T + smooth), so
/// d(Dice loss)/dp is a [labelled] + b with two constants a class. A team of `size` threads shares the classes, member `rank` calling this
/// with its rank; `sum(v)` adds up the members' values for all of them.
template <class Team>
LAMINA_HD double finish_segmentation_loss(const Team& team, const SegmentationLossState& layout, const double* sums,
                                          const double* class_weights, double* state, const SegmentationLossParams& p) {
  const std::int64_t classes = layout.classes, groups = layout.groups;
  const SegmentationLossSums at{classes};
  double ce = 0, normalizer = 0;
  for (std::int64_t g = 0; g < groups; ++g) {
    ce += sums[g * at.size() + at.ce()];
    normalizer += sums[g * at.size() + (p.ce_normalization == CeNormalization::pixel_count ? at.count() : at.weight())];
  }
  ce = normalizer > 0 ? ce / normalizer : 0;

  double *dice = state + SegmentationLossState::kDice, *a = state + layout.a(), *b = state + layout.b();
  double dice_loss = 0, used = 0;  // groups that have a Dice
  const auto counts = [&](std::int64_t g, std::int64_t c) {
    const double* s = sums + g * at.size();
    return s[at.count()] > 0 && (c > 0 || p.include_background) && (p.empty_class != EmptyClass::skip || s[at.labelled() + c] > 0);
  };
  for (std::int64_t c = team.rank; c < classes; c += team.size) dice[c] = 0;
  for (std::int64_t g = 0; g < groups; ++g) {
    const double* s = sums + g * at.size();
    double weight = 0, score = 0;
    for (std::int64_t c = team.rank; c < classes; c += team.size) {
      a[g * classes + c] = b[g * classes + c] = 0;
      if (!counts(g, c)) continue;
      const double labelled = s[at.labelled() + c], numerator = 2 * s[at.intersection() + c] + p.smooth;
      const double denominator = s[at.predicted() + c] + labelled + p.smooth;
      const bool formula = (labelled > 0 || p.empty_class == EmptyClass::penalize) && denominator > 0;
      const double d = formula ? numerator / denominator : p.empty_class == EmptyClass::zero ? 0 : 1;
      const double w = class_weights ? class_weights[c] : 1;
      weight += w;
      score += w * d;
      dice[c] += d;
      if (!formula) continue;
      a[g * classes + c] = -2 * w / denominator;
      b[g * classes + c] = w * numerator / (denominator * denominator);
    }
    weight = team.sum(weight);
    score = team.sum(score);
    if (!(weight > 0)) continue;
    dice_loss += 1 - score / weight;
    used += 1;
    for (std::int64_t c = team.rank; c < classes; c += team.size) {
      a[g * classes + c] /= weight;
      b[g * classes + c] /= weight;
    }
  }
  if (used > 0) dice_loss /= used;
  const double factor = used > 0 ? p.dice_weight / used : 0;
  for (std::int64_t c = team.rank; c < classes; c += team.size) {
    double n = 0;
    for (std::int64_t g = 0; g < groups; ++g) {
      a[g * classes + c] *= factor;
      b[g * classes + c] *= factor;
      n += counts(g, c) ? 1 : 0;
    }
    dice[c] = n > 0 ? dice[c] / n : __builtin_nan("");
  }
  if (team.rank == 0) {
    state[SegmentationLossState::kCe] = ce;
    state[SegmentationLossState::kCeScale] = normalizer > 0 ? p.ce_weight / normalizer : 0;
    state[SegmentationLossState::kDiceLoss] = dice_loss;
  }
  return p.ce_weight * ce + p.dice_weight * dice_loss;
}

}  // namespace lamina::kernels::LAMINA_ISA
