#pragma once
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lamina/heads/head.hpp"

namespace lamina::losses {

/// Where a term is computed: in a pass over the pixels, from that pass's sums over regions, or by itself beside them.
enum class TermKind { pixel, region, own };

/// What a term that is computed by itself sees.
struct TermInput {
  const heads::Head& head;
  const Tensor& logits;                         ///< (N, H, W, head.outputs()), at the labels' size
  const Tensor& labels;                         ///< u8 on the host, as the loader gives them
  const std::vector<double>& class_weights;     ///< one an output, of values one a grade of each; or none
  const std::vector<double>& positive_weights;  ///< one an output of planes and grades, or none
  const Tensor& pixel_weights;                  ///< (N, H, W) f32 on the host, or none
};

/// A number that a term is written with: "tversky:alpha=0.3".
struct TermArgument {
  const char* name = "";
  double value = 0;  ///< where it is not given
  double least = -std::numeric_limits<double>::infinity(), most = std::numeric_limits<double>::infinity();
};

/// What cross-entropy becomes: see SegmentationLossOptions.
struct PixelTerm {
  double focal = 0, smoothing = 0;
};
/// A region term, and whose pixels it sees; none: what CriterionOptions says.
struct RegionOf {
  RegionTerm term = {};
  std::optional<RegionReduction> reduction = {};
};

/// A kind of loss term, by which expressions name it. Of `pixel`, `region` and `own` the one that its kind asks for is set; all get the
/// values of the arguments in their order.
struct TermType {
  std::string name = {};
  std::string scalar = {};  ///< what its value is called in Scalars; empty: as its name
  std::string help = {};    ///< one line
  TermKind kind = TermKind::own;
  std::vector<TermArgument> arguments{};
  std::optional<LossActivation> needs{};  ///< the only kind of probabilities that it is defined for; none: any
  bool weighted = true;                   ///< whether class weights mean anything to it
  bool balanced = false;                  ///< whether positive weights do; to terms of pixels they always do
  bool of_values = false;                 ///< between numbers: for heads whose scores are values, not probabilities
  std::function<PixelTerm(std::span<const double>)> pixel{};
  std::function<RegionOf(std::span<const double>)> region{};
  std::function<Tensor(const TermInput&, std::span<const double>)> own{};  ///< a scalar, of every batch differentiable in the logits
};

/// All kinds, the library's first.
std::vector<TermType> term_types();
/// Adds a kind to the table of the process, for programs that bring their own. Throws OptionError when its name, its scalar or an
/// argument's is taken or cannot be typed (require_new_name), or it lacks the function that its kind asks for.
void register_term(TermType type);

}  // namespace lamina::losses
