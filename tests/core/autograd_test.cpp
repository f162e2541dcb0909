#include <cmath>

#include "lamina/autograd/gradcheck.hpp"
#include "lamina/ops/ops.hpp"
#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::test;

namespace {
Tensor leaf(const Shape& shape, std::uint64_t seed) {
  Tensor t = random_normal(shape, seed);
  t.set_requires_grad();
  return t;
}
}  // namespace

TEST_CASE("gradients accumulate over calls and consumers; detach, NoGrad and frozen inputs cut the tape") {
  Tensor x = leaf({2, 2}, 1);
  const Tensor one = Tensor::full({2, 2}, 1, like(x));
  mul(x, x).backward(one);
  CHECK(relative_error(x.grad(), scale(x.detach(), 2)) < 1e-15);
  mul(x, x).backward(one);
  CHECK(relative_error(x.grad(), scale(x.detach(), 4)) < 1e-15);
  x.zero_grad();
  mul(x, x.detach()).backward(one);
  CHECK(same_bytes(x.grad(), x.detach()));
  {
    const NoGrad no_grad;
    CHECK(!mul(x, x).requires_grad());
    { const NoGrad inner; }
    CHECK(!mul(x, x).requires_grad());
  }
  CHECK(mul(x, x).requires_grad());
  const Tensor frozen = random_normal({2, 2}, 2);
  mul(x, frozen).backward(one);
  CHECK(!frozen.grad());
}

TEST_CASE("a gradient never aliases the cotangent, and a cotangent is never changed") {
  Tensor x = leaf({3}, 1);
  const Tensor dy = Tensor::full({3}, 1, like(x));
  add(x, x).backward(dy);
  CHECK(dy.to_vector<double>() == std::vector<double>(3, 1.0));
  x.zero_grad();
  add(x, x.detach()).backward(dy);  // hands dy itself to the leaf
  x.grad().fill(5);
  CHECK(dy.to_vector<double>() == std::vector<double>(3, 1.0));
  x.zero_grad();
  const Tensor h = scale(x, 3);  // its gradient is a sum on the way, first of the cotangent with itself, then of two slices of one
  add(h, h).backward(dy, true);
  CHECK(dy.to_vector<double>() == std::vector<double>(3, 1.0));
  CHECK(x.grad().to_vector<double>() == std::vector<double>(3, 6.0));
  x.zero_grad();
  const Tensor wide = Tensor::from({1.0, 2.0, 3.0, 4.0, 5.0, 6.0}, {6});
  concat({h, h}).backward(wide);
  CHECK(wide.to_vector<double>() == std::vector<double>{1, 2, 3, 4, 5, 6});
  CHECK(x.grad().to_vector<double>() == std::vector<double>{15, 21, 27});
}

TEST_CASE("a tape of 100,000 ops is walked and freed without recursion") {
  Tensor x = leaf({1}, 1);
  Tensor y = x;
  for (int i = 0; i < 100000; ++i) y = scale(y, 1, 0);
  y.backward();
  CHECK(x.grad().item() == 1);
  y = {};
  Tensor never = x;  // also when backward never ran
  for (int i = 0; i < 100000; ++i) never = scale(never, 1, 0);
  never = {};
}

TEST_CASE("the tape is freed by backward unless it is retained") {
  Tensor x = leaf({1}, 1);
  const Tensor y = mul(x, x);
  y.backward({}, true);
  y.backward();
  CHECK(relative_error(x.grad(), scale(x.detach(), 4)) < 1e-15);
  check_throws<Error>([&] { y.backward(); }, {"mul", "freed", "retain_graph"});
}

TEST_CASE("anomaly mode names the first op that is not finite, forward and backward") {
  const Tensor big = Tensor::full({2}, 1e300, {DType::f64, kCpu});
  {
    const AnomalyMode anomaly;
    check_throws<NumericError>([&] { scale(mul(big, big), 0); }, {"output of mul", "(2)"});
    Tensor x = Tensor::full({2}, 1e-200, {DType::f64, kCpu});
    x.set_requires_grad();
    const Tensor y = scale(mul(x, big), 1e200);  // finite; its gradient, 1e200 * 1e300, is not
    check_throws<NumericError>([&] { y.backward(Tensor::full({2}, 1, like(y))); }, {"gradient of mul", "input 0"});
  }
  CHECK(std::isinf(mul(big, big).to_vector<double>()[0]));
}

TEST_CASE("anomaly mode sees what is not finite on a CUDA device too, in f32 and in bf16") {
  for (Device device : cuda_devices())
    for (DType dtype : {DType::f32, DType::bf16}) {
      CAPTURE(name_of(dtype));
      const Tensor big = Tensor::full({3, 100}, 1e30, {dtype, device});
      const AnomalyMode anomaly;
      check_throws<NumericError>([&] { mul(big, big); }, {"output of mul", "(3, 100)"});
      Tensor x = Tensor::full({3, 100}, 1e-20, {dtype, device});
      x.set_requires_grad();
      const Tensor y = scale(mul(x, big), 1e20);  // finite; its gradient, 1e20 * 1e30, is not
      check_throws<NumericError>([&] { y.backward(Tensor::full({3, 100}, 1, like(y))); }, {"gradient of mul", "input 0"});
    }
}

TEST_CASE("gradcheck accepts right gradients and finds wrong ones") {
  auto square = [](double factor) {
    return [factor](const std::vector<Tensor>& in) {
      const Tensor x = in[0];
      return record("square", {x}, mul(x.detach(), x.detach()),
                    [x, factor](const Tensor& dy, NeedsGrad) -> Grads { return {scale(mul(dy, x.detach()), factor)}; });
    };
  };
  CHECK(gradcheck(square(2), {leaf({2, 3}, 1)}).ok);
  const GradcheckResult wrong = gradcheck(square(2.00001), {leaf({2, 3}, 1)});
  CHECK(!wrong.ok);
  CHECK(wrong.input == 0);
  CHECK(wrong.error == doctest::Approx(5e-6).epsilon(1e-3));
  CHECK(!gradcheck(square(0), {leaf({2, 3}, 1)}).ok);
  check_throws<ShapeError>([&] { gradcheck(square(2), {leaf({2}, 1).to(DType::f32).set_requires_grad()}); }, {"f64", "f32"});
}

TEST_CASE("backward's errors") {
  Tensor x = leaf({2, 3}, 1);
  const Tensor y = scale(x, 2);
  check_throws<ShapeError>([&] { y.backward(); }, {"cotangent", "(2, 3)"});
  check_throws<ShapeError>([&] { y.backward(Tensor::zeros({3, 2}, like(x))); }, {"(3, 2)", "(2, 3)"});
  check_throws<ShapeError>([&] { x.detach().backward(); }, {"does not require"});
  check_throws<ShapeError>([&] { Tensor::zeros({1}, {DType::u8, kCpu}).set_requires_grad(); }, {"u8"});
  check_throws<ShapeError>([&] { Tensor(y).set_requires_grad(false); }, {"leaves"});
  check_throws<ShapeError>([&] { x.set_grad(Tensor::zeros({1})); }, {"(1)", "(2, 3)"});
  const Tensor bad = record("bad", {x}, Tensor::zeros({1}, like(x)), [](const Tensor&, NeedsGrad) -> Grads { return {}; });
  check_throws<ShapeError>([&] { bad.backward(); }, {"bad", "0 gradients", "1 inputs"});
}
