#pragma once
#include <string>
#include <vector>

#include "lamina/losses/term.hpp"
#include "lamina/ops/segmentation_loss.hpp"

namespace lamina::losses {

struct CriterionOptions {
  std::vector<double> class_weights{};     ///< as many as Head::weighed, or none
  std::vector<double> positive_weights{};  ///< one an output, or none: see SegmentationLossOptions; of classes that exclude each other 1
  EmptyClass empty_class = EmptyClass::penalize;
  CeNormalization ce_normalization = CeNormalization::weight_sum;
  RegionReduction region_reduction = RegionReduction::batch;
};

/// The policy called penalize, skip, one or zero. Throws OptionError naming the nearest.
EmptyClass empty_class_named(const std::string& name);
const char* name_of(EmptyClass policy);

/// A weighted sum of loss terms, such as "0.5*ce+tversky:alpha=0.3:beta=0.7". What sees pixels and regions is computed in fused passes
/// (segmentation_loss), which also interpolate logits: in one, unless there are two pixel terms, regions of images beside regions of
/// batches, or more than kMostRegionTerms. Other terms are computed beside them. Of several heads all have these terms, or each its own:
/// "tissue=ce+dice,damage=0.5*mae".
class Criterion {
 public:
  /// Throws OptionError: a term or an argument that is unknown (naming the nearest), a factor or an argument outside its range,
  /// class weights, or a policy for absent classes other than penalize, where they mean nothing.
  explicit Criterion(const std::string& expression, CriterionOptions options = {});

  const CriterionOptions& options() const { return options_; }
  /// Whether class weights mean something to every term, or to those of some head; other heads then have none.
  bool takes_class_weights() const;
  /// Throws OptionError where they do not.
  void set_class_weights(std::vector<double> weights);
  /// Whether positive weights mean something to a term of some head: a cross-entropy.
  bool takes_positive_weights() const;
  /// Throws OptionError where they do not.
  void set_positive_weights(std::vector<double> weights);
  /// Whether some term, of some head, is a ratio of regions: of a class that is absent there is one more to say.
  bool has_ratios() const;
  /// Throws OptionError where it means nothing.
  void set_empty_class(EmptyClass policy);
  /// Throws OptionError when a term does not fit what the head's scores are, or names a head that there is not.
  void require_fits(const heads::Head& head) const;

  /// What a part of a head learns by: its own terms and weights.
  Criterion of(const heads::Part& part) const;

  /// What means over pixels are divided by, for each part of the head: the class weights of the labels that count, or these labels' number.
  /// The loss of a batch is that of its parts, each by its share of this, but for terms that are ratios of sums (Dice).
  std::vector<double> divisors(const heads::Head& head, const Tensor& labels, const Tensor& pixel_weights = {}) const;

  /// The loss, a scalar: logits (N, h, w, outputs) of the labels' size or smaller (then interpolated on `upsample`, the network's grid),
  /// labels u8 as the loader gives them. `pixel_weights` (N, H, W) f32 on the host: how often each pixel counts; none: once. `values`,
  /// unless null, becomes "loss", then each term before its factor, of several heads "damage/loss", "damage/ce". `shares`: how often each
  /// part of the head counts; none: once. Throws as segmentation_loss and the head's targets().
  Tensor operator()(const heads::Head& head, const Tensor& logits, const Tensor& labels, Scalars* values = nullptr,
                    const Tensor& pixel_weights = {}, ResizeGrid upsample = ResizeGrid::half_pixel,
                    const std::vector<double>& shares = {}) const;

 private:
  struct Term {
    TermType type;
    std::string scalar;
    std::vector<double> arguments;
    double factor;
  };
  Term parse(const std::string& text) const;
  void parse_all(const std::string& expression);
  void require_terms_fit(const heads::Head& head) const;
  double divisor(const heads::Head& head, const Tensor& labels, const Tensor& pixel_weights) const;
  Tensor loss_of(const heads::Head& head, const Tensor& logits, const Tensor& labels, Scalars* values, const Tensor& pixel_weights,
                 ResizeGrid upsample) const;

  std::vector<Term> terms_;
  CriterionOptions options_;
  std::string expression_;
  std::string head_;                 // whose terms these are, where each head has its own
  std::vector<Criterion> of_heads_;  // then these are instead of terms
};

}  // namespace lamina::losses
