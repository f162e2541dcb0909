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
  return {classes, p.region_reduction == RegionReduction::sample ? samples : 1};
}

/// What a region term makes of a class's sums: R, g(R), and the slopes of w * g against I and P.
struct RegionValue {
  double ratio, gain, slope_i, slope_p;
};
LAMINA_HD RegionValue region_value(const RegionTerm& r, double numerator, double denominator, double w) {
  const double ratio = numerator / denominator;
  double gain = ratio;
  if (r.logarithm) {
    gain = 1 + __builtin_log(ratio);
    w /= ratio;
  } else if (r.exponent != 1) {
    const double left = ratio < 1 ? 1 - ratio : 0;
    gain = 1 - __builtin_pow(left, r.exponent);
    w *= left > 0 ? r.exponent * __builtin_pow(left, r.exponent - 1) : 0;
  }
  return {ratio, gain, w * (r.intersection - r.union_i * ratio) / denominator, -w * r.union_p * numerator / (denominator * denominator)};
}

/// The loss from sums (groups, SegmentationLossSums), and the state but for kBadLabel. Region terms depend on p through I and P alone, so
/// their d(loss)/dp is a [labelled] + b with two constants a class. A team of `size` threads shares the classes, member `rank` calling this
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

  double *ratios = state + SegmentationLossState::kRatios, *a = state + layout.a(), *b = state + layout.b();
  const auto counts = [&](std::int64_t g, std::int64_t c) {
    const double* s = sums + g * at.size();
    return s[at.count()] > 0 && (c > 0 || p.include_background) && (p.empty_class != EmptyClass::skip || s[at.labelled() + c] > 0);
  };
  const auto weight_of = [&](std::int64_t c) { return class_weights ? class_weights[c] : 1; };
  const auto mine = [&](auto&& f) {  // the classes of this member
    for (std::int64_t c = team.rank; c < classes; c += team.size) f(c);
  };
  const auto group_weight = [&](std::int64_t g) {
    double weight = 0;
    mine([&](std::int64_t c) { weight += counts(g, c) ? weight_of(c) : 0; });
    return team.sum(weight);
  };
  double used = 0;  // groups that have a ratio
  for (std::int64_t g = 0; g < groups; ++g) used += group_weight(g) > 0 ? 1 : 0;
  mine([&](std::int64_t c) {
    for (std::int64_t g = 0; g < groups; ++g) a[g * classes + c] = b[g * classes + c] = 0;
    ratios[c] = 0;
  });
  double loss = p.ce_weight * ce;
  for (int t = 0; t < p.region_count; ++t) {
    const RegionTerm& r = p.regions[t];
    double term = 0;
    for (std::int64_t g = 0; g < groups; ++g) {
      const double* s = sums + g * at.size();
      const double weight = group_weight(g);
      double score = 0;
      mine([&](std::int64_t c) {
        if (!counts(g, c)) return;
        const double labelled = s[at.labelled() + c], i = s[at.intersection() + c];
        const double numerator = r.intersection * i + r.smooth;
        const double denominator = r.union_i * i + r.union_p * s[at.predicted() + c] + r.union_t * labelled + r.smooth;
        const double w = weight_of(c), constant = p.empty_class == EmptyClass::zero ? 0 : 1;
        const bool formula = (labelled > 0 || p.empty_class == EmptyClass::penalize) && denominator > 0;
        const RegionValue v = formula ? region_value(r, numerator, denominator, w) : RegionValue{constant, constant, 0, 0};
        score += w * v.gain;
        if (t == 0) ratios[c] += v.ratio;
        if (!(weight > 0)) return;
        a[g * classes + c] -= v.slope_i / weight * (r.weight / used);
        b[g * classes + c] -= v.slope_p / weight * (r.weight / used);
      });
      score = team.sum(score);
      if (weight > 0) term += 1 - score / weight;
    }
    if (used > 0) term /= used;
    if (team.rank == 0) state[SegmentationLossState::kRegions + t] = term;
    loss += r.weight * term;
  }
  mine([&](std::int64_t c) {
    double n = 0;
    for (std::int64_t g = 0; g < groups; ++g) n += counts(g, c) ? 1 : 0;
    ratios[c] = n > 0 && p.region_count > 0 ? ratios[c] / n : __builtin_nan("");
  });
  if (team.rank == 0) {
    state[SegmentationLossState::kCe] = ce;
    state[SegmentationLossState::kCeScale] = normalizer > 0 ? p.ce_weight / normalizer : 0;
  }
  return loss;
}

}  // namespace lamina::kernels::LAMINA_ISA
