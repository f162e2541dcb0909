#pragma once
#include "lamina/core/device.hpp"
#include "lamina/core/dtype.hpp"
#include "lamina/kernels/resize.hpp"

namespace lamina {

/// What turns logits into probabilities: one class a pixel, or independent planes.
enum class LossActivation : std::uint8_t { softmax, sigmoid };
/// What the cross-entropy sum is divided by: the pixels that count (TensorFlow), or their class weights' sum (PyTorch).
enum class CeNormalization : std::uint8_t { pixel_count, weight_sum };
/// Whose pixels one region term sees: all of the batch, or each sample's (then averaged).
enum class RegionReduction : std::uint8_t { batch, sample };
/// The ratio of a class that no counted pixel is labelled with.
enum class EmptyClass : std::uint8_t {
  skip,      ///< left out: neither loss, gradient nor weight. False positives cost nothing here
  one,       ///< 1 without gradient: lowers the mean loss
  zero,      ///< 0 without gradient: raises the mean loss by a constant
  penalize,  ///< the formula as it stands, of Dice smooth / (sum of p + smooth): false positives cost
};

/// A term of the loss that sees of a class only I = sum p t, P = sum p, T = sum t and Q = sum p^2 over a group of pixels:
///   1 - the mean over the classes of g(R), g(R) = 1 - (1 - R)^exponent, or 1 + log R,
///   R = (intersection * I + smooth) / (union_i * I + union_p * P + union_t * T + union_q * Q + smooth).
/// Plain data; the defaults are Dice.
struct RegionTerm {
  double weight = 1;  ///< factor in the loss
  double intersection = 2;
  double union_i = 0, union_p = 1, union_t = 1;
  double smooth = 1;
  double exponent = 1;
  bool logarithm = false;
  double union_q = 0;
  bool pooled = false;  ///< one R of all classes: I, P, T and Q are summed over them first, class c's times its weight and T^-rarity
  double rarity = 0;    ///< a class without labels has the rarest one's T; EmptyClass::skip leaves it out, the others take the formula

  /// 2I / (P + T).
  static constexpr RegionTerm dice(double weight = 1, double smooth = 1) { return {.weight = weight, .smooth = smooth}; }
  /// I / (P + T - I).
  static constexpr RegionTerm jaccard(double weight = 1, double smooth = 1) {
    return {.weight = weight, .intersection = 1, .union_i = -1, .smooth = smooth};
  }
  /// I / (I + alpha (P - I) + beta (T - I)): alpha weighs false positives, beta false negatives (Salehi et al. 2017); an exponent above 1
  /// or below makes it focal (Abraham & Khan 2019, whose exponent is 1/gamma).
  static constexpr RegionTerm tversky(double alpha, double beta, double weight = 1, double smooth = 1, double exponent = 1) {
    return {.weight = weight,
            .intersection = 1,
            .union_i = 1 - alpha - beta,
            .union_p = alpha,
            .union_t = beta,
            .smooth = smooth,
            .exponent = exponent};
  }
  /// 2I / (Q + T): the denominator of squares (Milletari et al. 2016).
  static constexpr RegionTerm squared_dice(double weight = 1, double smooth = 1) {
    return {.weight = weight, .union_p = 0, .smooth = smooth, .union_q = 1};
  }
  /// 2 sum w I / sum w (P + T), w = 1 / T^2 (Sudre et al. 2017).
  static constexpr RegionTerm generalized_dice(double weight = 1, double smooth = 1e-5, double rarity = 2) {
    return {.weight = weight, .smooth = smooth, .pooled = true, .rarity = rarity};
  }
  bool operator==(const RegionTerm&) const = default;
};
/// The most of them that one pass computes.
inline constexpr int kMostRegionTerms = 4;

/// Attributes of a segmentation loss. Plain data.
struct SegmentationLossParams {
  LossActivation activation = LossActivation::softmax;
  double ce_weight = 1;
  double focal = 0, smoothing = 0;  ///< see SegmentationLossOptions
  RegionTerm regions[kMostRegionTerms];
  int region_count = 0;
  int ignore_label = -1;  ///< -1: none
  CeNormalization ce_normalization = CeNormalization::weight_sum;
  RegionReduction region_reduction = RegionReduction::batch;
  EmptyClass empty_class = EmptyClass::skip;
  bool include_background = true;                ///< does class 0 take part in region terms?
  ResizeGrid upsample = ResizeGrid::half_pixel;  ///< how logits of a smaller size than the labels' are interpolated

  /// Is the cross-entropy other than w * -log p?
  LAMINA_HD bool shaped() const { return focal > 0 || smoothing > 0; }
  /// Does a term need the sums of squares?
  LAMINA_HD bool squares() const {
    for (int i = 0; i < region_count; ++i)
      if (regions[i].union_q != 0) return true;
    return false;
  }
};

namespace kernels {

/// What the forward leaves for the backward and for logging: doubles, in this order.
struct SegmentationLossState {
  std::int64_t classes, groups;  ///< groups of pixels that have their own region terms: samples, or 1

  enum : std::int64_t {
    kCe,        ///< cross-entropy, before ce_weight
    kCeScale,   ///< d(loss) / d(weighted cross-entropy sum)
    kBadLabel,  ///< index of the first label that is neither a class nor ignored, or -1; the rest is then meaningless
    kRegions,   ///< (kMostRegionTerms): the region terms, before their weights
    kRatios = kRegions +
              kMostRegionTerms,  ///< (classes): R of the first region term, mean over the groups that count the class, NaN when none does
  };
  /// (groups, classes) each: d(loss)/dp = a where the class is labelled, + b + q p everywhere.
  LAMINA_HD std::int64_t a() const { return kRatios + classes; }
  LAMINA_HD std::int64_t b() const { return a() + groups * classes; }
  LAMINA_HD std::int64_t q() const { return b() + groups * classes; }
  LAMINA_HD std::int64_t size() const { return q() + groups * classes; }
};

/// How often things count; null: once. With softmax `positives` is null.
struct LossWeights {
  const double* classes;    ///< (C): a class, in every term
  const double* positives;  ///< (C): a plane's label 1 beside its 0, in the cross-entropy
  const float* pixels;      ///< (N, H, W): a pixel, in every term
};

/// *loss = ce_weight * CE + the weighted region terms, see ops/segmentation_loss.hpp. labels packed: (N, H, W, 1), with sigmoid
/// (N, H, W, C). logits (N, h, w, C) with h <= H, w <= W: of a smaller size they are resized to (H, W) as resize_bilinear_forward does,
/// a few pixels at a time. Overwrites state and loss.
LAMINA_KERNEL(segmentation_loss_forward, View4<const T> logits, View4<const std::uint8_t> labels, const LossWeights& weights, double* state,
              Precise<T>* loss, const SegmentationLossParams& p)
/// dlogits (N, h, w, C) = *dloss * d(loss)/d(logits), the probabilities computed again; exactly 0 where only ignored labels see a logit.
/// Overwrites dlogits.
LAMINA_KERNEL(segmentation_loss_backward, View4<const T> logits, View4<const std::uint8_t> labels, const LossWeights& weights,
              const double* state, const Precise<T>* dloss, View4<T> dlogits, const SegmentationLossParams& p)

}  // namespace kernels
}  // namespace lamina
