#pragma once
#include "lamina/losses/term.hpp"

/// The library's loss terms, in the order in which they are listed: each is a function NAME() in impl/NAME.ipp.
#define LAMINA_LOSS_TERMS(term) \
  term(cross_entropy) term(top_k) term(dice) term(jaccard) term(tversky) term(lovasz) term(boundary) term(wasserstein) term(regression)

namespace lamina::losses {
#define LAMINA_LOSS_TERM(name) std::vector<TermType> name();
LAMINA_LOSS_TERMS(LAMINA_LOSS_TERM)
#undef LAMINA_LOSS_TERM

/// What an own term is of these. Throws, naming it, ShapeError unless that is one number, DeviceError unless it is as the logits,
/// GraphError unless their gradient can be had from it.
Tensor value_of(const TermType& type, const TermInput& in, std::span<const double> arguments);

/// A region term with the argument `image`: 1, of each image; 0, as CriterionOptions says.
inline RegionOf region_of(const RegionTerm& term, double image) {
  return {term, image > 0 ? std::optional(RegionReduction::sample) : std::nullopt};
}

/// Probabilities and targets on the host, for terms that sort pixels or measure distances.
struct HostView {
  std::int64_t images, height, width, outputs;
  std::int64_t planes;          ///< things that are graded, each with as many outputs, one after the other; else 1
  bool exclusive;               ///< one class a pixel, by softmax
  std::vector<double> p;        ///< (images, height, width, outputs)
  std::vector<std::uint8_t> t;  ///< the same, as zeros and ones; kIgnoreLabel where nothing is known
  std::vector<double> times;    ///< (images, height, width): how often a pixel counts; 0 where nothing of it is known
  std::vector<double> class_weights, positive_weights;  ///< one an output each
  std::int64_t pixels() const { return height * width; }
};
/// What a term sees, with the probabilities read back from the device: on CUDA a step then waits for the host. Throws DataError on a label
/// that the head does not know, OptionError when its scores are no probabilities.
HostView host_view(const TermInput& in, const char* term);
/// A value, and its slopes against p.
struct HostLoss {
  double value;
  std::vector<double> slopes;
};
using HostTerm = HostLoss(const HostView&, std::span<const double> arguments);
/// The loss of that value and those slopes that `f` makes of host_view().
Tensor on_host(const TermInput& in, const char* term, std::span<const double> arguments, HostTerm* f);
/// The same of other probabilities `p`, one an output.
Tensor on_host(const TermInput& in, const Tensor& p, std::span<const double> arguments, HostTerm* f);

}  // namespace lamina::losses
