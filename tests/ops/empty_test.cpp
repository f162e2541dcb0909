// Ops of tensors without elements: the shapes and zeros that PyTorch gives.
#include "lamina/ops/ops.hpp"
#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::test;

namespace {

using V = const std::vector<Tensor>&;

/// The result is of that shape, zeros, and every input gets a gradient of zeros, on every device.
void check_empty(const char* name, const std::vector<Shape>& shapes, const Shape& expected, const std::function<Tensor(V)>& op) {
  CAPTURE(name);
  for_kinds([&](Device device, DType dtype) {
    std::vector<Tensor> in;
    for (const Shape& s : shapes) in.push_back(Tensor::full(s, 1, {dtype, device}).set_requires_grad());
    const Tensor y = op(in);
    CHECK(y.shape() == expected);
    for (const double v : y.to(kCpu).to(DType::f64).to_vector<double>()) CHECK(v == 0);
    y.backward(Tensor::full(y.shape(), 1, like(y)));
    for (const Tensor& t : in) {
      REQUIRE(t.grad());
      CHECK(t.grad().shape() == t.shape());
      for (const double v : t.grad().to(kCpu).to(DType::f64).to_vector<double>()) CHECK(v == 0);
    }
  });
}

}  // namespace

TEST_CASE("products over no elements are zeros, and of no rows or columns empty") {
  const auto product = [](V t) { return matmul(t[0], t[1]); };
  check_empty("no inner axis", {{3, 0}, {0, 5}}, {3, 5}, product);
  check_empty("no columns", {{3, 4}, {4, 0}}, {3, 0}, product);
  check_empty("no rows", {{0, 4}, {4, 5}}, {0, 5}, product);
  check_empty("nothing at all", {{0, 0}, {0, 0}}, {0, 0}, product);
  check_empty("images without an inner axis", {{2, 3, 0}, {0, 5}}, {2, 3, 5}, product);
  check_empty("batches without an inner axis", {{2, 3, 0}, {2, 0, 5}}, {2, 3, 5}, product);
  check_empty("batches without columns", {{2, 3, 4}, {2, 4, 0}}, {2, 3, 0}, product);
  check_empty("batches without rows", {{2, 0, 4}, {2, 4, 5}}, {2, 0, 5}, product);
  check_empty("no batch", {{0, 3, 4}, {0, 4, 5}}, {0, 3, 5}, product);
  const auto layer = [](V t) { return linear(t[0], t[1]); };
  check_empty("linear without inputs", {{2, 0}, {5, 0}}, {2, 5}, layer);
  check_empty("linear without outputs", {{2, 3}, {0, 3}}, {2, 0}, layer);
  check_empty("linear of no rows", {{0, 3}, {5, 3}}, {0, 5}, layer);
}

TEST_CASE("linear without inputs is its bias, which learns") {
  Tensor b = Tensor::from({1.0, 2.0}, {2});
  b.set_requires_grad();
  const Tensor y = linear(Tensor::zeros({3, 0}, like(b)), Tensor::zeros({2, 0}, like(b)), b);
  CHECK(y.to_vector<double>() == std::vector<double>{1, 2, 1, 2, 1, 2});
  y.backward(Tensor::from({1.0, 10.0, 2.0, 20.0, 3.0, 30.0}, {3, 2}));
  CHECK(b.grad().to_vector<double>() == std::vector<double>{6, 60});
}

TEST_CASE("elementwise, reducing and rearranging ops of no elements") {
  check_empty("sum over an empty axis", {{0, 3}}, {3}, [](V t) { return sum(t[0], {.axes = {0}}); });
  check_empty("sum over empty channels", {{3, 0}}, {3}, [](V t) { return sum(t[0], {.axes = {1}}); });
  check_empty("sum over a middle axis", {{2, 0, 3}}, {2, 1, 3}, [](V t) { return sum(t[0], {.axes = {1}, .keepdim = true}); });
  check_empty("sum of nothing", {{0}}, {}, [](V t) { return sum(t[0]); });
  check_empty("sum over a full axis of nothing", {{4, 0}}, {0}, [](V t) { return sum(t[0], {.axes = {0}}); });
  check_empty("mean over a full axis of nothing", {{4, 0}}, {0}, [](V t) { return mean(t[0], {.axes = {0}}); });
  check_empty("add, broadcast", {{0, 3}, {3}}, {0, 3}, [](V t) { return add(t[0], t[1]); });
  check_empty("mul, broadcast", {{2, 1}, {1, 0}}, {2, 0}, [](V t) { return mul(t[0], t[1]); });
  check_empty("div", {{0}, {1}}, {0}, [](V t) { return div(t[0], t[1]); });
  check_empty("maximum", {{0, 2}, {2}}, {0, 2}, [](V t) { return maximum(t[0], t[1]); });
  check_empty("where", {{0, 2}, {2}}, {0, 2}, [](V t) { return where(greater(t[0], 0), t[0], t[1]); });
  check_empty("exp", {{0, 2}}, {0, 2}, [](V t) { return exp(t[0]); });
  check_empty("expand", {{1, 3}}, {0, 3}, [](V t) { return expand(t[0], {0, 3}); });
  check_empty("permute", {{2, 0, 3}}, {3, 2, 0}, [](V t) { return permute(t[0], {2, 0, 1}); });
  check_empty("transpose", {{4, 0}}, {0, 4}, [](V t) { return transpose(t[0], 0, 1); });
  check_empty("stack", {{0, 3}, {0, 3}}, {0, 2, 3}, [](V t) { return stack({t[0], t[1]}, 1); });
  check_empty("reshape", {{0, 3}}, {2, 0}, [](V t) { return reshape(t[0], {2, 0}); });
  check_empty("concat of nothing", {{2, 0}, {2, 0}}, {2, 0}, [](V t) { return concat({t[0], t[1]}); });
}

TEST_CASE("concat leaves out what has no channels") {
  const Tensor none = Tensor::zeros({2, 0}), one = Tensor::from({1.f, 2.f}, {2, 1}), two = Tensor::from({3.f, 4.f, 5.f, 6.f}, {2, 2});
  CHECK(concat({one, none, two}).to_vector<float>() == std::vector<float>{1, 3, 4, 2, 5, 6});
  CHECK(concat({none, one}).to_vector<float>() == std::vector<float>{1, 2});
}
