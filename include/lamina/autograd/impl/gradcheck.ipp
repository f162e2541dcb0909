#include <algorithm>
#include <cmath>

#include "lamina/autograd/gradcheck.hpp"
#include "lamina/autograd/node.hpp"

namespace lamina {
namespace {

double dot(const Tensor& a, const Tensor& b) {
  const auto x = a.to_vector<double>(), y = b.to_vector<double>();
  double s = 0;
  for (std::size_t i = 0; i < x.size(); ++i) s += x[i] * y[i];
  return s;
}

}  // namespace

std::string GradcheckResult::str() const {
  return message(ok ? "ok" : "FAILED", ": error ", std::to_string(error * 1e9), "e-9 at input ", input, ", element ", element, ": numeric ",
                 numeric, ", analytic ", analytic);
}

GradcheckResult gradcheck(const std::function<Tensor(const std::vector<Tensor>&)>& f, const std::vector<Tensor>& inputs,
                          GradcheckOptions options) {
  for (const Tensor& t : inputs)
    if (t) require(t.dtype() == DType::f64 || !t.requires_grad(), "gradcheck needs f64 inputs, got ", name_of(t.dtype()));
  for (const Tensor& t : inputs)
    if (t) t.zero_grad();
  const Tensor y = f(inputs);
  const Tensor cotangent = Tensor::normal(y.shape(), {options.seed, 0x67726164}, 0, 1, like(y));
  y.backward(cotangent);
  const NoGrad no_grad;
  GradcheckResult result;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Tensor& x = inputs[i];
    if (!x.requires_grad()) continue;
    const auto analytic = x.grad() ? x.grad().to_vector<double>() : std::vector<double>(static_cast<std::size_t>(x.numel()), 0.0);
    double scale = 1e-3;
    for (double a : analytic) scale = std::max(scale, std::abs(a));
    const auto view = x.view2<double>();
    for (std::int64_t e = 0; e < x.numel(); ++e) {
      double& slot = view.row(e / view.cols)[e % view.cols];
      const double saved = slot;
      auto at = [&](double v) {
        slot = v;
        return dot(f(inputs), cotangent);
      };
      // Fourth-order central difference: the truncation error is O(step^4), so rounding dominates.
      const double h = options.step;
      const double numeric = (8 * (at(saved + h) - at(saved - h)) - (at(saved + 2 * h) - at(saved - 2 * h))) / (12 * h);
      slot = saved;
      const double error = std::abs(numeric - analytic[static_cast<std::size_t>(e)]) / scale;
      if (!(error <= result.error) || result.input < 0)
        result = {error, static_cast<int>(i), e, numeric, analytic[static_cast<std::size_t>(e)], false};
    }
  }
  result.ok = result.error <= options.tolerance;
  return result;
}

}  // namespace lamina
