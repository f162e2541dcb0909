#include "lamina/ops/permute.hpp"

#include "support/golden.hpp"
#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::test;

TEST_CASE("permute and transpose agree with PyTorch") {
  const auto file = golden_archive("elementwise");
  check_golden(file, "permute", {"x"}, [](const auto& in) { return permute(in[0], {3, 0, -2, 1}); });
  check_golden(file, "transpose", {"x"}, [](const auto& in) { return transpose(in[0], 1, -1); });
}

TEST_CASE("permute: gradients, slices, instruction sets, threads, devices") {
  const std::pair<Shape, std::vector<int>> cases[] = {{{2, 3}, {1, 0}},
                                                      {{2, 3, 4, 5}, {0, 3, 1, 2}},
                                                      {{2, 3, 1, 2, 3}, {4, 2, 0, 3, 1}},
                                                      {{2, 3, 4}, {0, 1, 2}},
                                                      {{0, 3}, {1, 0}},
                                                      {{5}, {0}},
                                                      {{}, {}}};
  for (const auto& [shape, axes] : cases)
    check_op(
        {"permute " + shape.str(), {random_normal(shape, 1)}, [axes = axes](auto& in, auto& into) { return permute(in[0], axes, into); }});
}

TEST_CASE("permute by hand, and what it rejects") {
  const Tensor x = Tensor::from({1.0, 2.0, 3.0, 4.0, 5.0, 6.0}, {2, 3});
  CHECK(transpose(x, 0, 1).to_vector<double>() == std::vector<double>{1, 4, 2, 5, 3, 6});
  check_throws<ShapeError>([&] { permute(x, {0}); }, {"permute", "(2, 3)", "2 axes", "1"});
  check_throws<ShapeError>([&] { permute(x, {0, 2}); }, {"permute", "axis 2", "(2, 3)"});
  check_throws<ShapeError>([&] { permute(x, {1, -1}); }, {"permute", "axis -1", "twice"});
  check_throws<ShapeError>([&] { transpose(x, 0, 2); }, {"transpose", "axis 2", "(2, 3)"});
  check_throws<DeviceError>([&] { permute(x.to(DType::i32), {1, 0}); }, {"i32", "cpu"});
}
