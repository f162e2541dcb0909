#pragma once
#include "lamina/nn/module.hpp"

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
  explicit Dropout(const DropoutOptions& o);
  Tensor operator()(const Tensor& x, const Tensor& into = {}) const;
  /// Will the next call drop anything?
  bool active() const { return options_.rate > 0 && (training() || options_.in_eval); }

 private:
  DropoutOptions options_;
};

}  // namespace lamina::nn
