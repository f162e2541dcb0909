#pragma once
#include "lamina/core/device.hpp"
#include "lamina/core/dtype.hpp"
#include "lamina/kernels/resize.hpp"

namespace lamina {

/// What turns logits into probabilities: one class a pixel, or independent planes.
enum class LossActivation : std::uint8_t { softmax, sigmoid };
/// What the cross-entropy sum is divided by: the pixels that count (TensorFlow), or their class weights' sum (PyTorch).
enum class CeNormalization : std::uint8_t { pixel_count, weight_sum };
/// Whose pixels one Dice coefficient sees: all of the batch, or each sample's (then averaged).
enum class DiceReduction : std::uint8_t { batch, sample };
/// Dice of a class that no counted pixel is labelled with.
enum class EmptyClass : std::uint8_t {
  skip,      ///< left out: neither loss, gradient nor weight. False positives cost nothing here
  one,       ///< Dice 1 without gradient: lowers the mean loss
  zero,      ///< Dice 0 without gradient: raises the mean loss by a constant
  penalize,  ///< the formula as it stands, smooth / (sum of p + smooth): false positives cost
};

/// Attributes of a segmentation loss. Plain data.
struct SegmentationLossParams {
  LossActivation activation = LossActivation::softmax;
  double ce_weight = 1, dice_weight = 1;
  int ignore_label = -1;  ///< -1: none
  double smooth = 1;      ///< added to Dice's numerator and denominator
  CeNormalization ce_normalization = CeNormalization::weight_sum;
  DiceReduction dice_reduction = DiceReduction::batch;
  EmptyClass empty_class = EmptyClass::skip;
  bool include_background = true;                ///< does class 0 take part in Dice?
  ResizeGrid upsample = ResizeGrid::half_pixel;  ///< how logits of a smaller size than the labels' are interpolated
};

namespace kernels {

/// What the forward leaves for the backward and for logging: doubles, in this order.
struct SegmentationLossState {
  std::int64_t classes, groups;  ///< groups of pixels that have their own Dice: samples, or 1

  enum : std::int64_t {
    kCe,        ///< cross-entropy, before ce_weight
    kDiceLoss,  ///< 1 - weighted mean Dice, before dice_weight
    kCeScale,   ///< d(loss) / d(weighted cross-entropy sum)
    kBadLabel,  ///< index of the first label that is neither a class nor ignored, or -1; the rest is then meaningless
    kDice,      ///< (classes): mean over the groups that count it, NaN when none does
  };
  /// (groups, classes) each: d(loss)/dp = a where the class is labelled, + b everywhere.
  LAMINA_HD std::int64_t a() const { return kDice + classes; }
  LAMINA_HD std::int64_t b() const { return a() + groups * classes; }
  LAMINA_HD std::int64_t size() const { return b() + groups * classes; }
};

/// *loss = ce_weight * CE + dice_weight * (1 - Dice), see ops/segmentation_loss.hpp. labels packed: (N, H, W, 1), with sigmoid
/// (N, H, W, C). logits (N, h, w, C) with h <= H, w <= W: of a smaller size they are resized to (H, W) as resize_bilinear_forward does,
/// a few pixels at a time. class_weights (C) may be null. Overwrites state and loss.
LAMINA_KERNEL(segmentation_loss_forward, View4<const T> logits, View4<const std::uint8_t> labels, const double* class_weights,
              double* state, Precise<T>* loss, const SegmentationLossParams& p)
/// dlogits (N, h, w, C) = *dloss * d(loss)/d(logits), the probabilities computed again; exactly 0 where only ignored labels see a logit.
/// Overwrites dlogits.
LAMINA_KERNEL(segmentation_loss_backward, View4<const T> logits, View4<const std::uint8_t> labels, const double* class_weights,
              const double* state, const Precise<T>* dloss, View4<T> dlogits, const SegmentationLossParams& p)

}  // namespace kernels
}  // namespace lamina
