#pragma once
#include <functional>
#include <vector>

#include "lamina/core/tensor.hpp"

namespace lamina {

struct GradcheckOptions {
  double step = 1e-4;       ///< of the fourth-order central difference
  double tolerance = 1e-7;  ///< bound on max|numeric - analytic| / max(1e-3, max|analytic|)
  std::uint64_t seed = 1;   ///< of the random cotangent
};

struct GradcheckResult {
  double error = 0;  ///< the largest of |numeric - analytic| / max(1e-3, max|analytic|) over the inputs
  int input = -1;    ///< where it happened
  std::int64_t element = -1;
  double numeric = 0, analytic = 0;
  bool ok = false;
  std::string str() const;
};

/// Compares the analytic gradient of `f` with central differences, for every element of every input that requires a gradient,
/// under a random cotangent (a plain sum hides errors). Inputs must be f64 leaves; stay away from kinks. Throws ShapeError
/// when an input is not f64.
GradcheckResult gradcheck(const std::function<Tensor(const std::vector<Tensor>&)>& f, const std::vector<Tensor>& inputs,
                          GradcheckOptions options = {});

}  // namespace lamina
