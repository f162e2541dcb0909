#pragma once
#include "lamina/nn/module.hpp"
#include "lamina/ops/dropout.hpp"

namespace lamina::nn {

struct DropoutOptions {
  double rate = 0.5;      ///< probability of a zero
  bool channels = false;  ///< drop whole channels of an image (SpatialDropout2D)
  bool in_eval = false;   ///< stay on in evaluation (Monte-Carlo dropout, Gal & Ghahramani 2016)
};

/// Dropout; draws from the innermost RandomScope. The identity (and no copy, unless `into` is given) in evaluation.
class Dropout : public Module {
 public:
  using Options = DropoutOptions;
  explicit Dropout(const DropoutOptions& o) : options_(o) {
    require<OptionError>(o.rate >= 0 && o.rate < 1, "Dropout: rate ", o.rate, " is outside [0, 1)");
  }
  Tensor operator()(const Tensor& x, const Tensor& into = {}) const {
    const LayerScope scope(*this);
    if (!active()) return into ? dropout(x, 0, {}, into) : x;
    const RandomKey key = RandomScope::next();
    return options_.channels ? dropout_channels(x, options_.rate, key, into) : dropout(x, options_.rate, key, into);
  }
  /// Will the next call drop anything?
  bool active() const { return options_.rate > 0 && (training() || options_.in_eval); }

 private:
  DropoutOptions options_;
};

}  // namespace lamina::nn
