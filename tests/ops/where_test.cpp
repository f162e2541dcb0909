#include "lamina/ops/where.hpp"

#include "support/golden.hpp"
#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::test;

TEST_CASE("where agrees with PyTorch") {
  const auto file = golden_archive("elementwise");
  for (const char* shapes : {"same", "channels", "images", "scalar", "outer", "middle"})
    check_golden(file, std::string("where.") + shapes, {"c", "a", "b"}, [](const auto& in) { return where(in[0], in[1], in[2]); });
}

TEST_CASE("where: gradients, slices, instruction sets, threads, devices") {
  const Shape shapes[] = {{2, 3, 5, 3}, {0, 2, 2, 4}, {3}, {}};
  for (const Shape& s : shapes)
    check_op({"where " + s.str(), {random_normal(s, 1), random_normal(s, 2)}, [&](auto& in, auto& into) {
                const Tensor condition = greater(random_normal(s, 3), Tensor::zeros(s, {DType::f64, kCpu}));
                return where(condition.to(in[0].dtype()).to(in[0].device()), in[0], in[1], into);
              }});
}

TEST_CASE("where by hand: u8 and numbers are conditions, which have no gradient") {
  Tensor a = Tensor::from({1.0, 2.0, 3.0}, {3}), b = Tensor::from({-1.0, -2.0, -3.0}, {3}), c = Tensor::from({0.0, -0.5, 2.0}, {3});
  CHECK(where(c, a, b).to_vector<double>() == std::vector<double>{-1, 2, 3});
  CHECK(where(Tensor::from<std::uint8_t>({1, 0, 255}, {3}), a, b).to_vector<double>() == std::vector<double>{1, -2, 3});
  c.set_requires_grad();
  a.set_requires_grad();
  where(c, a, b).backward(Tensor::full({3}, 1, like(a)));
  CHECK(!c.grad());
  CHECK(a.grad().to_vector<double>() == std::vector<double>{0, 1, 1});
  check_throws<ShapeError>([&] { where(c, Tensor::zeros({2}, like(a)), b); }, {"where", "(2)", "(3)"});
  check_throws<DeviceError>([&] { where(c, a, b.to(DType::f32)); }, {"where", "f32", "f64"});
}
