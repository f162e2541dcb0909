#include "lamina/ops/dropout.hpp"

#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::test;

namespace {
constexpr RandomKey kKey{42, 7};

/// The contract, one element at a time.
double factor(RandomKey key, double rate, std::int64_t draw) {
  const auto bits = key.block(static_cast<std::uint64_t>(draw) / 4).v[draw % 4];
  return uniform_from_bits(bits) < static_cast<float>(rate) ? 0 : 1 / (1 - rate);
}
}  // namespace

TEST_CASE("dropout draws the published Philox4x32-10 stream") {
  // Random123's known answers for key 0, counter 0 are 6627e8d5 e169c58d bc57ac4c 9b00dbd8: as fractions 0.39905, 0.88052, 0.73571,
  // 0.60548.
  const Tensor x = Tensor::from({1.0, 2.0, 3.0, 4.0}, {4});
  CHECK(dropout(x, 0.5, {0, 0}).to_vector<double>() == std::vector<double>{0, 4, 6, 8});
  CHECK(dropout(x, 0.75, {0, 0}).to_vector<double>() == std::vector<double>{0, 8, 0, 0});
  const Tensor images = Tensor::full({1, 2, 1, 4}, 1, like(x));
  CHECK(dropout_channels(images, 0.75, {0, 0}).to_vector<double>() == std::vector<double>{0, 4, 0, 0, 0, 4, 0, 0});
}

TEST_CASE("dropout and dropout_channels follow their contract, element by element") {
  for (const Shape& s : {Shape{2, 3, 5, 3}, Shape{1, 1, 1, 1}, Shape{2, 7, 3, 48}, Shape{2, 40, 51, 9}, Shape{1, 2, 1, 1100}}) {
    CAPTURE(s.str());
    const Tensor x = random_normal(s, 1);
    const auto v = x.to_vector<double>(), y = dropout(x, 0.25, kKey).to_vector<double>(),
               z = dropout_channels(x, 0.25, kKey).to_vector<double>();
    for (std::size_t i = 0; i < v.size(); ++i) {
      const auto index = static_cast<std::int64_t>(i), c = index % s[3], n = index / (s[1] * s[2] * s[3]);
      REQUIRE(y[i] == v[i] * factor(kKey, 0.25, index));
      REQUIRE(z[i] == v[i] * factor(kKey, 0.25, n * s[3] + c));
    }
  }
}

TEST_CASE("dropout and dropout_channels: gradients, slices, instruction sets, threads") {
  for (const Shape& s :
       {Shape{2, 3, 5, 3}, Shape{1, 1, 1, 1}, Shape{0, 2, 2, 4}, Shape{1, 3, 2, 48}, Shape{2, 3, 3, 9}, Shape{4, 9}, Shape{3}, Shape{}}) {
    const std::vector<Tensor> in{random_normal(s, 1)};
    for (double rate : {0.0, 0.3, 0.9}) {
      check_op({"dropout " + s.str(), in, [rate](auto& t, auto& into) { return dropout(t[0], rate, kKey, into); }});
      if (s.rank() == 4)
        check_op({"dropout_channels " + s.str(), in, [rate](auto& t, auto& into) { return dropout_channels(t[0], rate, kKey, into); }});
    }
  }
  const std::vector<Tensor> large{random_normal({2, 100, 101, 5}, 3)};  // several tasks
  for (bool channels : {false, true}) {
    OpCase c{"dropout large", large,
             [=](auto& t, auto& into) { return channels ? dropout_channels(t[0], 0.3, kKey, into) : dropout(t[0], 0.3, kKey, into); }};
    c.gradients = false;
    check_op(c);
  }
}

TEST_CASE("dropout keeps the share it should, and a dropped infinity is 0") {
  const Tensor x = Tensor::full({1 << 16}, std::numeric_limits<double>::infinity(), {DType::f64});
  const auto y = dropout(x, 0.3, kKey).to_vector<double>();
  const auto dropped = static_cast<double>(std::count(y.begin(), y.end(), 0.0)) / static_cast<double>(y.size());
  CHECK(std::abs(dropped - 0.3) < 5 * std::sqrt(0.3 * 0.7 / 65536));  // 5 standard deviations
  CHECK(dropout(x, 0.3, kKey.derive(1)).to_vector<double>() != y);
}

TEST_CASE("dropout rejects rates outside [0, 1) and shapes without channels") {
  const Tensor x = Tensor::zeros({2, 3}), image = Tensor::zeros({1, 2, 2, 3});
  for (double rate : {-0.1, 1.0, 1.5, 1 - 1e-12, std::nan("")}) {
    check_throws<OptionError>([&] { dropout(x, rate, kKey); }, {"dropout", "[0, 1)"});
    check_throws<OptionError>([&] { dropout_channels(image, rate, kKey); }, {"dropout_channels", "[0, 1)"});
  }
  check_throws<ShapeError>([&] { dropout_channels(x, 0.1, kKey); }, {"dropout_channels", "(2, 3)", "(N, H, W, C)"});
  check_throws<ShapeError>([&] { dropout(x, 0.1, kKey, Tensor::zeros({3, 2})); }, {"dropout", "(3, 2)", "(2, 3)"});
  check_throws<DeviceError>([&] { dropout(x.to(DType::i64), 0.1, kKey); }, {"i64", "cpu"});
}
