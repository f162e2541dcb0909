// An op of one's own with its gradient, checked against differences, and a loss made of ops, that a layer learns by. usage: own_op
#include <cmath>
#include <cstdio>

#include "lamina/autograd/gradcheck.hpp"
#include "lamina/lamina.hpp"

using namespace lamina;

namespace {

/// x * sigmoid(x), recorded as one op: the rule gives the gradient of its input. `record` keeps it only where a gradient is wanted.
Tensor swish(const Tensor& x) {
  const Tensor gate = sigmoid(x.detach());
  return record("swish", {x}, mul(x.detach(), gate), {gate}, [x = x.detach(), gate](const Tensor& dy, NeedsGrad) -> Grads {
    const Tensor slope = gate + x * gate * (1 - gate);
    return {dy * slope};
  });
}

/// log cosh of the difference, averaged: as the squared error near 0, as the absolute error far away.
Tensor log_cosh_loss(const Tensor& y, const Tensor& target) {
  const Tensor d = abs(y - target);
  return mean(d + log(1 + exp(-2 * d)) - std::log(2.0));
}

struct Regressor : nn::Module {
  nn::Conv2d &first, &last;
  explicit Regressor(nn::RandomStream& random)
      : first(add<nn::Conv2d>("first", {.in = 2, .out = 16, .kernel = 1}, random)),
        last(add<nn::Conv2d>("last", {.in = 16, .out = 1, .kernel = 1}, random)) {}
  Tensor operator()(const Tensor& x) const { return last(swish(first(x))); }
};

}  // namespace

int main() {
  try {
    Tensor x = Tensor::normal({2, 3}, {1}, 0, 2, {DType::f64, kCpu});
    x.set_requires_grad();
    const auto checked = gradcheck([](const auto& in) { return swish(in[0]); }, {x});
    std::printf("gradient of swish: %s\n", checked.ok ? "as differences say" : checked.str().c_str());

    nn::RandomStream random(RandomKey{1});
    Regressor net(random);
    optim::Adam adam(net.named_parameters(), {.lr = 1e-2});
    double first = 0, last = 0;
    for (std::uint64_t step = 0; step < 300; ++step) {
      const Tensor in = Tensor::uniform({1, 1, 64, 2}, RandomKey{2}.derive(step), -1, 1);
      const Tensor a = slice_channels(in, 0, 1), b = slice_channels(in, 1, 1);
      const Tensor loss = log_cosh_loss(net(in), a * b);  // to learn to multiply
      adam.zero_grad();
      loss.backward();
      adam.step();
      (step == 0 ? first : last) = loss.item();
    }
    std::printf("loss %.4f, after 300 steps %.4f\n", first, last);
    return checked.ok && last < first / 4 ? 0 : 1;
  } catch (const Error& e) {
    std::fprintf(stderr, "own_op: %s\n", e.what());
    return 1;
  }
}
