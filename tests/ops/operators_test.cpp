#include "lamina/ops/operators.hpp"

#include "lamina/ops/where.hpp"

#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::test;

TEST_CASE("operators by hand, of tensors and numbers in either order") {
  const Tensor a = Tensor::from({1.0, -2.0, 4.0}, {3}), b = Tensor::from({4.0, 2.0, -1.0}, {3}), two = Tensor::from({2.0}, {1});
  const auto is = [](const Tensor& y, const std::vector<double>& expected) { CHECK(y.to_vector<double>() == expected); };
  is(a + b, {5, 0, 3});
  is(a - b, {-3, -4, 5});
  is(a * b, {4, -4, -4});
  is(a / b, {0.25, -1, -4});
  is(a * two, {2, -4, 8});
  is(-a, {-1, 2, -4});
  is(a + 1, {2, -1, 5});
  is(1 + a, {2, -1, 5});
  is(a - 1, {0, -3, 3});
  is(1 - a, {0, 3, -3});
  is(3 * a, {3, -6, 12});
  is(a * 3, {3, -6, 12});
  is(a / 4, {0.25, -0.5, 1});
  is(8 / a, {8, -4, 2});
  is(maximum(a, 1), {1, 1, 4});
  is(minimum(a, 1), {1, -2, 1});
  is(a > b, {0, 0, 1});
  is(a < b, {1, 1, 0});
  is(a > 0, {1, 0, 1});
  is(where(a > 0, a, 0), {1, 0, 4});
  is(where(a > 0, 7, a), {7, -2, 7});
}

TEST_CASE("operators have gradients") {
  check_op({.name = "1 / (a * a + b) - 2 * a / b",
            .inputs = {away_from_zero(random_normal({2, 3}, 1), 0.3), away_from_zero(random_normal({3}, 2), 0.5)},
            .op = [](auto& in, auto&) { return 1 / (in[0] * in[0] + in[1] * in[1]) - 2 * in[0] / in[1]; },
            .float_tolerance = 1e-4,  // a difference of quotients
            .bf16_tolerance = 5e-2,
            .takes_into = false});
}
