#include "lamina/ops/expand.hpp"

#include "support/golden.hpp"
#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::test;

TEST_CASE("expand agrees with PyTorch") {
  check_golden(golden_archive("elementwise"), "expand", {"x"}, [](const auto& in) { return expand(in[0], {2, 3, 4, 5}); });
}

TEST_CASE("expand: gradients, slices, instruction sets, threads, devices") {
  const std::pair<Shape, Shape> shapes[] = {{{3}, {2, 3}},    {{2, 1, 3}, {2, 4, 3}}, {{1, 2, 1}, {3, 2, 5}},      {{}, {2, 2, 1, 2, 3}},
                                            {{2, 3}, {2, 3}}, {{1, 3}, {0, 3}},       {{1, 2, 1, 3}, {2, 2, 4, 3}}};
  for (const auto& [from, to] : shapes)
    check_op(
        {"expand " + from.str() + to.str(), {random_normal(from, 1)}, [to = to](auto& in, auto& into) { return expand(in[0], to, into); }});
}

TEST_CASE("expand by hand, and what it rejects") {
  const Tensor x = Tensor::from({1.0, 2.0}, {2, 1});
  CHECK(expand(x, {2, 3}).to_vector<double>() == std::vector<double>{1, 1, 1, 2, 2, 2});
  check_throws<ShapeError>([&] { expand(x, {3, 3}); }, {"expand", "(2, 1)", "(3, 3)"});
  check_throws<ShapeError>([&] { expand(x, {2}); }, {"expand", "(2, 1)", "(2)"});
  check_throws<DeviceError>([&] { expand(x.to(DType::i32), {2, 2}); }, {"i32", "cpu"});
}
