#include "lamina/ops/slice_channels.hpp"

#include "lamina/ops/arithmetic.hpp"
#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::test;

TEST_CASE("slice_channels: values, gradients, slices, instruction sets, threads") {
  for (const Shape& s : {Shape{2, 3, 5, 3}, Shape{1, 1, 1, 1}, Shape{0, 2, 2, 4}, Shape{1, 7, 3, 48}, Shape{4, 9}, Shape{3}}) {
    const std::int64_t c = s[-1];
    struct {
      std::int64_t begin, count;
    } const ranges[] = {{0, 1}, {0, c}, {c - 1, 1}, {c / 3, (c + 1) / 2}};
    for (const auto& [begin, count] : ranges) {
      OpCase check{"slice_channels " + s.str(), {random_normal(s, 1)}, [b = begin, n = count](auto& in, auto&) {
                     return slice_channels(in[0], b, n);
                   }};
      check.takes_into = false;
      check_op(check);
    }
  }
}

TEST_CASE("slice_channels by hand: a view; overlapping slices add their gradients") {
  Tensor x = Tensor::from({1.0, 2.0, 3.0, 4.0, 5.0, 6.0}, {2, 3});
  x.set_requires_grad();
  const Tensor a = slice_channels(x, 0, 2), b = slice_channels(x, 1, 2);
  CHECK(a.to_vector<double>() == std::vector<double>{1, 2, 4, 5});
  CHECK(b.to_vector<double>() == std::vector<double>{2, 3, 5, 6});
  CHECK(b.data<double>() == x.data<double>() + 1);
  add(a, scale(b, 10)).backward(Tensor::from({1.0, 2.0, 3.0, 4.0}, {2, 2}));
  CHECK(x.grad().to_vector<double>() == std::vector<double>{1, 12, 20, 3, 34, 40});
}

TEST_CASE("slice_channels rejects channels that do not exist") {
  const Tensor x = Tensor::zeros({2, 3});
  check_throws<ShapeError>([&] { slice_channels(Tensor::scalar(1), 0, 1); }, {"slice_channels", "()"});
  struct {
    std::int64_t begin, count;
  } const wrong[] = {{-1, 1}, {0, 0}, {0, 4}, {3, 1}, {2, 2}, {1, -1}, {INT64_MAX, 1}, {1, INT64_MAX}};
  for (const auto& [begin, count] : wrong)
    check_throws<ShapeError>([&, b = begin, n = count] { slice_channels(x, b, n); }, {"slice_channels", "(2, 3)", "outside"});
}
