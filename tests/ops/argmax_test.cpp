#include "lamina/ops/argmax.hpp"

#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::test;

TEST_CASE("argmax: by hand, ties, slices, instruction sets, errors") {
  const Tensor x = Tensor::from({0.0, 3.0, 3.0, -1.0, -2.0, -0.5, 7.0, 1.0, 2.0}, {1, 1, 3, 3});
  ThreadPool pool(2);
  for (Isa isa : instruction_sets())
    for (DType dtype : {DType::f32, DType::f64}) {
      const ExecutorScope scope(pool, isa);
      CHECK(argmax(x.to(dtype)).to_vector<std::uint8_t>() == std::vector<std::uint8_t>{1, 2, 0});
      CHECK(argmax(as_slice(x.to(dtype))).to_vector<std::uint8_t>() == std::vector<std::uint8_t>{1, 2, 0});
      CHECK(argmax(x.to(dtype)).shape() == Shape{1, 1, 3});
    }
  CHECK(argmax(Tensor::zeros({0, 4, 4, 3})).numel() == 0);
  check_throws<ShapeError>([] { argmax(Tensor::zeros({1, 1, 1, 257})); }, {"argmax", "(1, 1, 1, 257)"});
}
