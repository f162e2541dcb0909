// Results larger than can be counted, or than there is memory for: a typed error that names the op, never a small block.
#include "lamina/ops/ops.hpp"
#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::test;

namespace {
constexpr int kBig = 1 << 30, kSide = 1 << 24;
}

TEST_CASE("results whose elements overflow name the op and the shape") {
  const Tensor pixel = Tensor::zeros({1, 1, 1, 1}), deep = Tensor::zeros({1, 1, 1, 1024}), deepest = Tensor::zeros({4, 1, 1, 1 << 14});
  const Tensor none = Tensor::zeros({0, 1, 1, kBig});  // no bytes, but all its products
  const auto refused = [](auto&& f, const char* op, const char* part) { check_throws<ShapeError>(f, {op, part, "overflows"}); };
  refused([&] { pad(deep, {kBig, kBig, kBig, kBig}); }, "pad", "(1, 2147483649, 2147483649, 1024)");
  refused([&] { pad(none, {kBig, kBig, kBig, kBig}); }, "pad", "(0, 2147483649, 2147483649, 1073741824)");
  refused([&] { resize_nearest(deepest, kSide, kSide); }, "resize_nearest", "(4, 16777216, 16777216, 16384)");
  refused([&] { resize_bilinear(deepest, kSide, kSide, ResizeGrid::half_pixel); }, "resize_bilinear", "(4, 16777216, 16777216, 16384)");
  refused([&] { avg_pool2d(none, {.kernel = 1 << 20, .stride = 1, .padding = Padding::symmetric((1 << 20) - 1)}); }, "avg_pool2d",
          "(0, 1048576, 1048576, 1073741824)");
  const Tensor wide = Tensor::zeros({1024, 1, 1, 1});
  refused([&] { conv2d(pixel, wide, {}, {.padding = Padding::symmetric(kBig / 2 - 1)}); }, "conv2d", "(1, 1073741823, 1073741823, 1024)");
  const Tensor two = Tensor::zeros({1, 2, 2, 1}), kernel = Tensor::zeros({1, 1, 1, 4096});
  refused([&] { conv_transpose2d(two, kernel, {}, {.stride = kBig - 1}); }, "conv_transpose2d", "(1, 1073741824, 1073741824, 4096)");
  check_throws<ShapeError>(
      [&] {
        conv_transpose2d(Tensor::zeros({1, 3, 3, 1}), kernel, {}, {.stride = kBig});
      },
      {"conv_transpose2d", "2147483649 x 2147483649", "the most is 1073741824"});
  const Tensor flat = Tensor::zeros({0, std::int64_t{1} << 61});
  refused([&] { concat({flat, flat, flat}); }, "concat", "channels");
  refused(
      [&] {
        concat({Tensor::zeros({0, 4, std::int64_t{1} << 59}), Tensor::zeros({0, 4, std::int64_t{1} << 60})});
      },
      "concat", "(0, 4, ");
  const Tensor photo = Tensor::zeros({1, 1, 1, 1}, {DType::u8, kCpu});
  const AffineMap map{};
  refused([&] { warp(photo, {}, std::span(&map, 1), {.height = std::int64_t{1} << 40, .width = std::int64_t{1} << 40}); }, "warp",
          "(1, 1099511627776, 1099511627776, 1)");
}

TEST_CASE("results whose bytes overflow, or for which there is no memory, name the op, the shape and the type") {
  const Tensor deep = Tensor::zeros({1, 1, 1, 1 << 14});
  for (DType dtype : {DType::f32, DType::f64}) {  // 2^62 elements
    const Tensor x = deep.to(dtype);
    check_throws<MemoryError>([&] { resize_nearest(x, kSide, kSide); },
                              {"resize_nearest", "out of memory", "(1, 16777216, 16777216, 16384)", name_of(dtype)});
  }
  check_throws<MemoryError>(
      [&] {
        resize_nearest(Tensor::zeros({1, 1, 1, 256}), kSide, kSide);
      },  // 2^58 bytes
      {"resize_nearest", "out of memory", "(1, 16777216, 16777216, 256)"});
  const Tensor x = Tensor::zeros({1, 1, 1, 8});
  check_throws<MemoryError>(
      [&] {
        conv2d(x, Tensor::zeros({4, 1, 1, 8}), {}, {.padding = Padding::symmetric(kBig / 2 - 1)});
      },
      {"conv2d", "out of memory", "(1, 1073741823, 1073741823, 4)"});
}

TEST_CASE("a destination over an input is refused by every algorithm of conv2d, and neighbouring slices are not") {
  for (auto algorithm : {Conv2dAlgorithm::automatic, Conv2dAlgorithm::naive, Conv2dAlgorithm::implicit_gemm, Conv2dAlgorithm::direct,
                         Conv2dAlgorithm::winograd2, Conv2dAlgorithm::winograd3, Conv2dAlgorithm::winograd4}) {
    const Tensor x = random_normal({1, 16, 16, 32}, 1, DType::f32), w = random_normal({32, 3, 3, 32}, 2, DType::f32);
    const Conv2dParams p{.padding = Padding::symmetric(1)};
    const Conv2dPlanScope scope(Conv2dPlan::all(algorithm));
    check_throws<ShapeError>([&] { conv2d(x, w, {}, p, x); }, {"conv2d", "overlaps input 0", "does not work in place", "(1, 16, 16, 32)"});
    const Tensor wide = Tensor::zeros({1, 16, 16, 96}), from = wide.channels(32, 32);
    from.copy_from(x);
    const Tensor y = conv2d(x, w, {}, p);
    for (std::int64_t begin : {0, 64}) CHECK(same_bytes(conv2d(from, w, {}, p, wide.channels(begin, 32)), y));
    for (std::int64_t begin : {1, 31, 32, 63})
      check_throws<ShapeError>([&] { conv2d(from, w, {}, p, wide.channels(begin, 32)); }, {"conv2d", "overlaps input 0"});
  }
}
