#include "lamina/ops/resize.hpp"

#include "support/golden.hpp"
#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::test;

namespace {
struct ResizeCase {
  Shape shape;
  std::int64_t height, width;
};
const ResizeCase kResizeCases[] = {{{2, 3, 4, 3}, 6, 8}, {{1, 5, 3, 9}, 10, 7},    {{1, 7, 5, 1}, 3, 2}, {{1, 1, 1, 48}, 4, 3},
                                   {{1, 4, 6, 2}, 1, 1}, {{1, 33, 9, 2}, 129, 33}, {{0, 2, 2, 3}, 4, 4}};
}  // namespace

TEST_CASE("resize: values, gradients, slices, instruction sets, threads") {
  std::uint64_t seed = 1;
  for (const ResizeCase& c : kResizeCases) {
    const Tensor x = random_normal(c.shape, seed++);
    check_op({"nearest " + c.shape.str(), {x}, [c](auto& in, auto& into) { return resize_nearest(in[0], c.height, c.width, into); }});
    for (ResizeGrid grid : {ResizeGrid::half_pixel, ResizeGrid::align_corners})
      check_op({"bilinear " + c.shape.str(), {x}, [c, grid](auto& in, auto& into) {
                  return resize_bilinear(in[0], c.height, c.width, grid, into);
                }});
  }
}

TEST_CASE("resize agrees with PyTorch, forward and backward") {
  const auto gold = golden_archive("resize");
  for (const char* size : {"up", "down", "odd"}) {
    const std::string s = size;
    for (const char* mode : {"nearest", "half_pixel", "align_corners"}) {
      const std::string m = s + "." + mode;
      Tensor x = gold.at(s + ".x").clone();
      x.set_requires_grad();
      const Tensor& expected = gold.at(m + ".y");
      const std::int64_t h = expected.size(1), w = expected.size(2);
      const Tensor y = m.ends_with("nearest")
                           ? resize_nearest(x, h, w)
                           : resize_bilinear(x, h, w, m.ends_with("half_pixel") ? ResizeGrid::half_pixel : ResizeGrid::align_corners);
      y.backward(gold.at(s + ".dy"));
      CHECK_MESSAGE(relative_error(y, expected) < 1e-12, m);
      CHECK_MESSAGE(relative_error(x.grad(), gold.at(m + ".dx")) < 1e-12, m);
    }
  }
}

TEST_CASE("resize rejects sizes that make no sense") {
  const Tensor x = Tensor::zeros({1, 4, 4, 2});
  check_throws<ShapeError>([&] { resize_nearest(Tensor::zeros({4, 4}), 2, 2); }, {"resize_nearest", "(4, 4)"});
  check_throws<ShapeError>([&] { resize_nearest(x, 0, 3); }, {"0 x 3", "(1, 4, 4, 2)"});
  check_throws<ShapeError>([&] { resize_bilinear(x, 3, -1, ResizeGrid::half_pixel); }, {"3 x -1"});
  check_throws<ShapeError>([&] { resize_bilinear(Tensor::zeros({1, 0, 4, 2}), 3, 3, ResizeGrid::half_pixel); }, {"empty", "(1, 0, 4, 2)"});
}
