#pragma once
#include <algorithm>
#include <optional>
#include <vector>

#include "lamina/autograd/node.hpp"
#include "lamina/core/dispatch.hpp"
#include "lamina/kernels/segmentation_loss.hpp"
#include "lamina/ops/resize.hpp"

namespace lamina {

/// See segmentation_loss; the enums' values are explained in kernels/segmentation_loss.hpp.
struct SegmentationLossOptions {
  LossActivation activation = LossActivation::softmax;
  double ce_weight = 1;  ///< factor of the cross-entropy
  double focal = 0;      ///< exponent: a class's -log p becomes (1 - p)^focal * -log p, so that what is right already counts less
  double smoothing = 0;  ///< in [0, 1): the target of every class is smoothing / C, of the labelled one 1 - smoothing on top
  std::vector<RegionTerm> regions = {RegionTerm::dice()};  ///< at most kMostRegionTerms, with their factors
  std::vector<double> class_weights{};                     ///< one a class, or none (all 1); every term uses them
  /// With sigmoid: one a plane, or none (all 1). A plane's label 1 counts as often beside its 0, in the cross-entropy alone, whose
  /// normalizer does not know of it (PyTorch's pos_weight).
  std::vector<double> positive_weights{};
  Tensor pixel_weights{};             ///< (N, H, W) f32, not negative: a pixel counts as often everywhere; none: once
  std::optional<int> ignore_label{};  ///< pixels (with sigmoid: planes of a pixel) with this label count nowhere
  CeNormalization ce_normalization = CeNormalization::weight_sum;
  RegionReduction region_reduction = RegionReduction::batch;
  EmptyClass empty_class = EmptyClass::skip;
  bool include_background = true;  ///< does class 0 take part in region terms?
  /// Bilinear upsampling of logits to the labels' size, where they are smaller: the loss of resize_bilinear(logits, H, W, *upsample)
  /// without the large logits, or their gradient, ever being in memory. None: the sizes must be equal.
  std::optional<ResizeGrid> upsample{};
};

/// The terms of a segmentation loss, for logging.
struct SegmentationLossParts {
  double ce = 0;                ///< before ce_weight
  std::vector<double> regions;  ///< of SegmentationLossOptions, before their weights
  std::vector<double> ratios;   ///< R of the first region term (Dice: the soft Dice) a class; NaN when no group of pixels counts it
};

/// ce_weight * CE + sum of weight * region term, a scalar, in one pass over the logits; the gradient takes another.
///   CE       = sum_i w[y_i] * -log p_i[y_i] / normalizer, p = softmax of the logits at pixel i. With sigmoid: binary cross-entropies,
///              class c's weighted with w[c], over all pixels and classes. Focal (Lin et al. 2017) and smoothed (Szegedy et al. 2016) ones
///              are divided by the same normalizer.
///   region term = 1 - sum_c w[c] g(R[c]) / sum_c w[c], R[c] a ratio of sums over the pixels of p_i[c] t_i[c], p_i[c], t_i[c] and p_i[c]^2,
///              t the labels as zeros and ones, over the batch or averaged over its samples; see RegionTerm. The default is the Dice loss.
/// Sums are taken in double (on the CPU of up to 32 f32 values at a time). When every label is ignored, loss and gradient are 0.
/// logits (N, H, W, C), with `upsample` (N, h, w, C), h in [1, H], w in [1, W]; C in [1, 256].
/// labels u8: (N, H, W) of classes, with sigmoid (N, H, W, C) of 0 and 1.
/// Gradient: logits. Throws ShapeError, DeviceError, OptionError, and DataError naming the first label out of range.
/// Kernels: kernels/segmentation_loss.{cpp,cu}.
inline Tensor segmentation_loss(const Tensor& logits, const Tensor& labels, const SegmentationLossOptions& o = {},
                                SegmentationLossParts* parts = nullptr) {
  const char* op = "segmentation_loss";
  require_computable(op, {{"logits", logits}});
  require_given(op, {{"labels", labels}});
  const Shape& x = logits.shape();
  require(x.rank() == 4 && x[3] >= 1 && x[3] <= 256, op, ": logits must be (N, H, W, C) with 1 to 256 classes, got ", x);
  const bool softmax = o.activation == LossActivation::softmax;
  const Shape& y = labels.shape();
  const Shape full = o.upsample && y.rank() >= 3 ? detail::resize_shape(op, x, y[1], y[2]) : x;  // of the logits that meet the labels
  const Shape expected = softmax ? Shape{full[0], full[1], full[2]} : full;
  require(y == expected, op, ": labels must have shape ", expected, softmax ? " (N, H, W)" : " (N, H, W, C)", ", got ", y, " with logits ",
          x, o.upsample ? "" : "; the option `upsample` interpolates smaller logits");
  require(full[1] >= x[1] && full[2] >= x[2], op, ": `upsample` only enlarges, and labels ", y, " are smaller than logits ", x,
          ": use resize_bilinear on the logits");
  require<DeviceError>(labels.dtype() == DType::u8, op, ": labels must be u8, got ", name_of(labels.dtype()));
  require<DeviceError>(labels.device() == logits.device(), op, ": logits are on ", logits.device(), ", labels on ", labels.device());
  const auto one_an_output = [&](const std::vector<double>& given, const char* what) {
    require(given.empty() || static_cast<std::int64_t>(given.size()) == x[3], op, ": ", given.size(), " ", what, " weights for logits ", x);
    for (double w : given) require<OptionError>(w >= 0 && w <= 1e30, op, ": ", what, " weights must be finite and not negative, got ", w);
    return given.empty() ? Tensor{} : Tensor::from(std::span<const double>(given), {x[3]}, logits.device());
  };
  const Tensor classes = one_an_output(o.class_weights, "class"), positives = one_an_output(o.positive_weights, "positive");
  require<OptionError>(!softmax || !positives, op, ": positive weights are of planes that are each yes or no (sigmoid)");
  require<OptionError>((o.focal == 0 || o.focal >= 0.1) && o.focal <= 100 && o.smoothing >= 0 && o.smoothing < 1, op,
                       ": focal must be 0 or in [0.1, 100] and smoothing in [0, 1), got ", o.focal, " and ", o.smoothing);
  const Shape image{full[0], full[1], full[2]};
  require(!o.pixel_weights || (o.pixel_weights.shape() == image && o.pixel_weights.dtype() == DType::f32), op,
          ": pixel_weights must be f32 ", image);
  require<DeviceError>(!o.pixel_weights || o.pixel_weights.device() == logits.device(), op, ": logits are on ", logits.device(),
                       ", pixel_weights are not");
  require<OptionError>(o.ce_weight >= 0, op, ": ce_weight must not be negative, got ", o.ce_weight);
  require<OptionError>(o.regions.size() <= kMostRegionTerms, op, ": ", o.regions.size(), " region terms; the most is ", kMostRegionTerms);
  for (const RegionTerm& r : o.regions)
    require<OptionError>(r.weight >= 0 && r.smooth >= 0 && r.exponent > 0, op,
                         ": a region term's weight and smooth must not be negative and its exponent positive, got ", r.weight, ", ",
                         r.smooth, " and ", r.exponent);
  require<OptionError>(!o.ignore_label || (*o.ignore_label >= 0 && *o.ignore_label <= 255), op, ": ignore_label must be in [0, 255], got ",
                       o.ignore_label.value_or(0));

  SegmentationLossParams p{.activation = o.activation,
                           .ce_weight = o.ce_weight,
                           .focal = o.focal,
                           .smoothing = o.smoothing,
                           .regions = {},
                           .region_count = static_cast<int>(o.regions.size()),
                           .ignore_label = o.ignore_label.value_or(-1),
                           .ce_normalization = o.ce_normalization,
                           .region_reduction = o.region_reduction,
                           .empty_class = o.empty_class,
                           .include_background = o.include_background,
                           .upsample = o.upsample.value_or(ResizeGrid::half_pixel)};
  std::copy(o.regions.begin(), o.regions.end(), p.regions);
  using State = kernels::SegmentationLossState;
  const State layout{x[3], o.region_reduction == RegionReduction::sample ? x[0] : 1};
  const Tensor state = Tensor::empty({layout.size()}, {DType::f64, logits.device()}),
               packed = labels.packed().view_as(full.with(-1, softmax ? 1 : x[3]));
  const Tensor times = o.pixel_weights ? o.pixel_weights.packed() : Tensor{};
  const auto weights = [classes, positives, times] {
    const auto numbers = [](const Tensor& t) { return t ? t.data<const double>() : nullptr; };
    return kernels::LossWeights{numbers(classes), numbers(positives), times ? times.data<const float>() : nullptr};
  };
  Tensor loss = Tensor::empty({}, precise_like(logits));
  dispatch(logits, [&]<class T>(auto& device) {
    kernels::segmentation_loss_forward<T>(device, logits.view4<const T>(), packed.view4<const std::uint8_t>(), weights(),
                                          state.data<double>(), loss.data<Precise<T>>(), p);
  });

  const bool meta = logits.device().is_meta();  // without values: neither labels to check nor terms to tell
  if (parts) detail::require_values(op, logits);
  const std::vector<double> saved = meta ? std::vector<double>{} : state.to_vector<double>();
  if (const auto bad = meta ? -1 : static_cast<std::int64_t>(saved[State::kBadLabel]); bad >= 0) {
    const std::int64_t pixel = softmax ? bad : bad / x[3];
    throw DataError(message(op, ": label ", int{packed.to(kCpu).data<const std::uint8_t>()[bad]}, " at image ", pixel / (full[1] * full[2]),
                            ", row ", pixel / full[2] % full[1], ", column ", pixel % full[2], " is not below ", softmax ? x[3] : 2,
                            o.ignore_label ? message(" and not the ignored ", *o.ignore_label) : std::string(", and no label is ignored")));
  }
  const auto regions = saved.begin() + State::kRegions;
  if (parts)
    *parts = {saved[State::kCe], {regions, regions + p.region_count}, {saved.begin() + State::kRatios, saved.begin() + layout.a()}};
  std::vector<double> terms;  // of each region term its fields in their order
  for (const RegionTerm& r : o.regions)
    for (double v : {r.weight, r.intersection, r.union_i, r.union_p, r.union_t, r.smooth, r.exponent, r.logarithm ? 1.0 : 0.0, r.union_q,
                     r.pooled ? 1.0 : 0.0, r.rarity})
      terms.push_back(v);
  return record({op,
                 {{"labels", &labels},
                  {"class_weights", &classes},
                  {"positive_weights", &positives},
                  {"pixel_weights", &times},
                  {"focal", o.focal},
                  {"smoothing", o.smoothing},
                  {"sigmoid", !softmax},
                  {"ce_weight", o.ce_weight},
                  {"regions", std::span<const double>(terms)},
                  {"ignore_label", o.ignore_label.value_or(-1)}}},
                {logits}, loss, {logits, packed, times}, [=](const Tensor& dloss, NeedsGrad) -> Grads {
                  Tensor dlogits = Tensor::empty(logits.shape(), like(logits));
                  dispatch(logits, [&]<class T>(auto& device) {
                    kernels::segmentation_loss_backward<T>(device, logits.view4<const T>(), packed.view4<const std::uint8_t>(), weights(),
                                                           state.data<const double>(), dloss.data<const Precise<T>>(), dlogits.view4<T>(),
                                                           p);
                  });
                  return {dlogits};
                });
}

}  // namespace lamina
