#include <cmath>
#include <functional>

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
  check_throws<GraphError>([&] { y.backward(); }, {"freed"});
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
  CHECK(wrong.error == doctest::Approx(5e-6).epsilon(1e-3).scale(0));
  CHECK(!gradcheck(square(0), {leaf({2, 3}, 1)}).ok);
  check_throws<ShapeError>([&] { gradcheck(square(2), {leaf({2}, 1).to(DType::f32).set_requires_grad()}); }, {"f64", "f32"});
}

TEST_CASE("a backward whose inputs were overwritten throws, naming op and input; what it does not read may change") {
  const Tensor x = random_normal({1, 4, 4, 2}, 1), dy = random_normal({1, 4, 4, 3}, 2);
  Tensor w = leaf({3, 3, 3, 2}, 3), b = leaf({3}, 4);
  const auto forward = [&] { return conv2d(x, w, b, {.padding = Padding::symmetric(1)}); };
  Tensor leaf_x = leaf({1, 4, 4, 2}, 1);
  const auto through = [&] { return conv2d(leaf_x, w, b, {.padding = Padding::symmetric(1)}); };

  for (const auto& write :
       std::vector<std::function<void()>>{[&] { w.fill(1); }, [&] { w.copy_from(random_normal(w.shape(), 5)); },
                                          [&] { w.rows(1, 1).fill(2); }, [&] { w.channels(1, 1).fill(2); },
                                          [&] { w.data<double>()[0] = 2, w.mark_written(); }, [&] { w.detach().view_as({54}).fill(3); }}) {
    const Tensor y = through();
    write();
    check_throws<GraphError>([&] { y.backward(dy); }, {"conv2d", "input 1", "(3, 3, 3, 2)", "written"});
  }
  const Tensor first = forward();  // a first layer: the weights' gradient reads x, nothing reads the weights
  w.fill(1);
  b.fill(1);
  first.backward(dy);
  const Tensor read = forward();
  x.fill(1);
  check_throws<GraphError>([&] { read.backward(dy); }, {"conv2d", "input 0"});

  Tensor v = leaf({2}, 6);
  const Tensor frozen = random_normal({2}, 7), product = mul(v, frozen), sum = add(v, frozen), twice = scale(v, 2);
  v.fill(1);
  product.backward(frozen, true);  // reads only what is frozen
  sum.backward(frozen);
  twice.backward(frozen);
  frozen.fill(1);
  check_throws<GraphError>([&] { product.backward(v.detach()); }, {"mul", "input 1"});

  const Tensor out = sigmoid(v);
  out.fill(0.5);
  check_throws<GraphError>([&] { out.backward(frozen); }, {"activation", "a tensor that it saved", "(2)"});
  const Tensor moved = mul(v, v);
  v.move_to({DType::f32, kCpu});
  check_throws<GraphError>([&] { moved.backward(frozen); }, {"mul", "moved"});
}

TEST_CASE("slices of one buffer: writing one leaves what was saved of another, writing one again does not") {
  Tensor x = leaf({1, 2, 2, 3}, 1);
  const std::int64_t channels[] = {3, 3};
  for (const bool own : {false, true}) {
    auto slices = Tensor::empty_slices({1, 2, 2}, channels, like(x));
    const Tensor wide = Tensor::zeros({1, 2, 2, 6}, like(x));
    if (!own) slices = {wide.channels(0, 3), wide.channels(3, 3)};
    const Tensor a = sigmoid(x, slices[0]), b = tanh(scale(a, 2), slices[1]), y = concat({a, b});
    const Tensor dy = Tensor::full({1, 2, 2, 6}, 1, like(x));
    x.zero_grad();
    y.backward(dy, true);
    const Tensor grad = x.grad(), s = sigmoid(x.detach()), t = tanh(scale(s, 2));
    const auto sv = s.to_vector<double>(), tv = t.to_vector<double>(), gv = grad.to_vector<double>();
    for (std::size_t i = 0; i < gv.size(); ++i) CHECK(gv[i] == doctest::Approx((1 + 2 * (1 - tv[i] * tv[i])) * sv[i] * (1 - sv[i])));
    (own ? y : wide).channels(4, 1).fill(0);  // within b
    check_throws<GraphError>([&] { y.backward(dy, true); }, {"activation"});
    sigmoid(x).backward(random_normal(x.shape(), 2));
  }
  const Tensor wide = Tensor::zeros({1, 2, 2, 6}, like(x));
  const Tensor a = sigmoid(x, wide.channels(0, 3));
  sigmoid(random_normal(x.shape(), 3), wide.channels(0, 3));  // the same channels through another handle
  check_throws<GraphError>([&] { a.backward(random_normal(x.shape(), 2)); }, {"activation"});

  // More regions than are told apart: then all of the buffer counts, never none of it
  const Tensor many = Tensor::zeros({1, 2, 2, 60}, like(x));
  for (std::int64_t i = 0; i < 20; ++i) many.channels(3 * i, 3).fill(1);
  const Tensor kept = sigmoid(x, many.channels(0, 3));
  kept.backward(random_normal(x.shape(), 2), true);
  for (std::int64_t i = 0; i < 20; ++i) many.channels(3 * i, 3).fill(1);
  check_throws<GraphError>([&] { kept.backward(random_normal(x.shape(), 2)); }, {"activation"});
}

TEST_CASE("two forwards before their backwards: running statistics are nobody's input") {
  Tensor x = leaf({2, 3, 3, 4}, 1);
  const Tensor mean = Tensor::zeros({4}, like(x)), var = Tensor::full({4}, 1, like(x)), dy = random_normal(x.shape(), 2);
  const Tensor one = batch_norm2d(x, {}, {}, mean, var, {.training = true}), two = batch_norm2d(x, {}, {}, mean, var, {.training = true});
  two.backward(dy);
  one.backward(dy);
  const Tensor reading = scale(mul(mean, Tensor(leaf({4}, 3))), 1);  // who does read them is told
  batch_norm2d(x, {}, {}, mean, var, {.training = true});
  check_throws<GraphError>([&] { reading.backward(mean); }, {"mul", "input 0", "(4)"});
}

TEST_CASE("a rule of one's own: what it reads is its inputs and output, unless it says so; its gradients must fit") {
  Tensor x = leaf({2, 3}, 1);
  const auto op = [&](auto... reads) {
    return record("own", {x}, scale(x.detach(), 2), reads..., [](const Tensor& dy, NeedsGrad) -> Grads { return {scale(dy, 2)}; });
  };
  const Tensor dy = random_normal({2, 3}, 2);
  for (const bool output : {false, true}) {
    const Tensor y = op(), silent = op(std::initializer_list<Tensor>{});
    (output ? y : x).fill(1);
    check_throws<GraphError>([&] { y.backward(dy); }, {"own", output ? "saved" : "input 0", "(2, 3)"});
    silent.backward(dy);
  }
  const auto returns = [&](const Tensor& g) {
    return record("wrong", {x}, scale(x.detach(), 2), [g](const Tensor&, NeedsGrad) -> Grads { return {g}; });
  };
  check_throws<ShapeError>([&] { returns(Tensor::zeros({3, 2}, like(x))).backward(dy); }, {"wrong", "input 0", "(3, 2)", "(2, 3)"});
  check_throws<ShapeError>([&] { returns(Tensor::zeros({6}, like(x))).backward(dy); }, {"wrong", "(6)", "(2, 3)"});
  check_throws<DeviceError>([&] { returns(Tensor::zeros({2, 3}, {DType::f32, kCpu})).backward(dy); }, {"wrong", "f32", "f64"});
  for (Device device : cuda_devices())
    check_throws<DeviceError>([&] { returns(Tensor::zeros({2, 3}, {DType::f32, device})).backward(dy); }, {"wrong", "cuda:0", "cpu"});
  check_throws<DeviceError>([&] { op().backward(Tensor::zeros({2, 3})); }, {"cotangent", "f32", "f64"});
  check_throws<ShapeError>([&] { scale(returns(Tensor::zeros({1, 3}, like(x))), 3).backward(dy); }, {"wrong", "(1, 3)"});
  returns(Tensor::zeros({2, 3}, like(x))).backward(dy);
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
