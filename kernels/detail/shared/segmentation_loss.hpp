// What the segmentation loss makes of its sums, on every device.
#pragma once
#ifdef LAMINA_CPU_KERNELS
#include "detail/cpu/math.hpp"
#else
#include "detail/cuda/math.cuh"
#endif
#include "lamina/kernels/segmentation_loss.hpp"

namespace lamina::kernels::LAMINA_ISA {

/// Layout of a group's sums over its pixels, each as often as its weight says: I = sum p [labelled], P = sum p, T = labelled pixels,
/// Q = sum p^2 (where a term needs it, else 0) a class, then the three below.
struct SegmentationLossSums {
  std::int64_t classes;

  LAMINA_HD std::int64_t intersection() const { return 0; }
  LAMINA_HD std::int64_t predicted() const { return classes; }
  LAMINA_HD std::int64_t labelled() const { return 2 * classes; }
  LAMINA_HD std::int64_t squares() const { return 3 * classes; }
  LAMINA_HD std::int64_t ce() const { return 4 * classes; }          ///< weighted cross-entropies
  LAMINA_HD std::int64_t weight() const { return 4 * classes + 1; }  ///< class weights of the pixels that count
  LAMINA_HD std::int64_t count() const { return 4 * classes + 2; }   ///< their number
  LAMINA_HD std::int64_t size() const { return 4 * classes + 3; }
};

LAMINA_HD SegmentationLossState state_layout(std::int64_t samples, std::int64_t classes, const SegmentationLossParams& p) {
  return {classes, p.region_reduction == RegionReduction::sample ? samples : 1};
}

/// A shaped cross-entropy of one class, (1 - p)^focal * -log p (Lin et al. 2017), and p times its slope against p. V is a register of the
/// CPU or a CUDA thread's number; `least` is a positive number below every 1 - p that counts.
template <class V>
struct ShapedEntropy {
  V value, slope;
};
template <class T, class V>
LAMINA_HD ShapedEntropy<V> shaped_entropy(V p, V log_p, T focal, T least) {
  if (focal == T(0)) return {-log_p, V{} - T(1)};
  V left = T(1) - p;
  left = left > V{} + least ? left : V{} + least;
  const V factor = exp(focal * log(left));
  return {-factor * log_p, factor * (focal * p * log_p / left - T(1))};
}

/// What a region term makes of a class's sums: R, g(R), and the slopes of w * g against I, P and Q.
struct RegionValue {
  double ratio, gain, slope_i, slope_p, slope_q;
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
  const auto slope = [&](double factor) { return -w * factor * numerator / (denominator * denominator); };
  return {ratio, gain, w * (r.intersection - r.union_i * ratio) / denominator, slope(r.union_p), slope(r.union_q)};
}

/// The loss from sums (groups, SegmentationLossSums), and the state but for kBadLabel. Region terms depend on p through I, P and Q alone,
/// so their d(loss)/dp is a [labelled] + b + q p with three constants a class. A team of `size` threads shares the classes, member `rank`
/// calling this with its rank; `sum(v)` adds up the members' values for all of them.
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

  double *ratios = state + SegmentationLossState::kRatios, *a = state + layout.a(), *b = state + layout.b(), *q = state + layout.q();
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
    for (std::int64_t g = 0; g < groups; ++g) a[g * classes + c] = b[g * classes + c] = q[g * classes + c] = 0;
    ratios[c] = 0;
  });
  double loss = p.ce_weight * ce;
  for (int t = 0; t < p.region_count; ++t) {
    const RegionTerm& r = p.regions[t];
    double term = 0;
    for (std::int64_t g = 0; g < groups; ++g) {
      const double* s = sums + g * at.size();
      const double weight = group_weight(g);
      const auto top = [&](std::int64_t c) { return r.intersection * s[at.intersection() + c]; };
      const auto bottom = [&](std::int64_t c) {
        return r.union_i * s[at.intersection() + c] + r.union_p * s[at.predicted() + c] + r.union_t * s[at.labelled() + c] +
               (r.union_q != 0 ? r.union_q * s[at.squares() + c] : 0);
      };
      const auto descend = [&](std::int64_t c, const RegionValue& v, double share) {  // the class's share of the score
        a[g * classes + c] -= v.slope_i / share * (r.weight / used);
        b[g * classes + c] -= v.slope_p / share * (r.weight / used);
        q[g * classes + c] -= 2 * v.slope_q / share * (r.weight / used);
      };
      if (r.pooled) {
        const auto rarity = [&](std::int64_t c) { return r.rarity == 0 ? 1 : __builtin_pow(s[at.labelled() + c], -r.rarity); };
        double rarest = 0;  // an absent class weighs as much as the rarest that is there, without one 1
        for (std::int64_t c = 0; c < classes; ++c)
          if (const double w = counts(g, c) && s[at.labelled() + c] > 0 ? rarity(c) : 0; w > rarest) rarest = w;
        const auto pool_weight = [&](std::int64_t c) {
          return counts(g, c) ? weight_of(c) * (s[at.labelled() + c] > 0 ? rarity(c) : rarest > 0 ? rarest : 1) : 0;
        };
        double numerator = 0, denominator = 0;
        mine([&](std::int64_t c) {
          numerator += pool_weight(c) * top(c);
          denominator += pool_weight(c) * bottom(c);
        });
        numerator = team.sum(numerator) + r.smooth;
        denominator = team.sum(denominator) + r.smooth;
        if (!(weight > 0) || !(denominator > 0)) continue;
        mine([&](std::int64_t c) {
          const RegionValue v = region_value(r, numerator, denominator, pool_weight(c));
          if (t == 0 && counts(g, c)) ratios[c] += v.ratio;
          descend(c, v, 1);
        });
        term += 1 - region_value(r, numerator, denominator, 1).gain;
        continue;
      }
      double score = 0;
      mine([&](std::int64_t c) {
        if (!counts(g, c)) return;
        const double numerator = top(c) + r.smooth, denominator = bottom(c) + r.smooth;
        const double w = weight_of(c), constant = p.empty_class == EmptyClass::zero ? 0 : 1;
        const bool formula = (s[at.labelled() + c] > 0 || p.empty_class == EmptyClass::penalize) && denominator > 0;
        const RegionValue v = formula ? region_value(r, numerator, denominator, w) : RegionValue{constant, constant, 0, 0, 0};
        score += w * v.gain;
        if (t == 0) ratios[c] += v.ratio;
        if (weight > 0) descend(c, v, weight);
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
