#include "lamina/ops/unary.hpp"

#include "support/golden.hpp"
#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::test;

namespace {

struct Function {
  const char* name;
  bool positive;
  Tensor (*f)(const Tensor& x, const Tensor& into);
};
const Function kFunctions[] = {
    {"exp", false, [](const Tensor& x, const Tensor& into) { return exp(x, into); }},
    {"log", true, [](const Tensor& x, const Tensor& into) { return log(x, into); }},
    {"sqrt", true, [](const Tensor& x, const Tensor& into) { return sqrt(x, into); }},
    {"abs", false, [](const Tensor& x, const Tensor& into) { return abs(x, into); }},
    {"pow2", false, [](const Tensor& x, const Tensor& into) { return pow(x, 2, into); }},
    {"pow3", false, [](const Tensor& x, const Tensor& into) { return pow(x, 3, into); }},
    {"pow_1", true, [](const Tensor& x, const Tensor& into) { return pow(x, -1, into); }},
    {"pow0", false, [](const Tensor& x, const Tensor& into) { return pow(x, 0, into); }},
    {"pow1.5", true, [](const Tensor& x, const Tensor& into) { return pow(x, 1.5, into); }},
    {"clamp", false, [](const Tensor& x, const Tensor& into) { return clamp(x, -2, 0.5, into); }},
};

}  // namespace

TEST_CASE("elementary functions agree with PyTorch") {
  const auto file = golden_archive("elementwise");
  for (const Function& f : kFunctions) check_golden(file, f.name, {"x"}, [&](const auto& in) { return f.f(in[0], {}); });
}

TEST_CASE("elementary functions: gradients, slices, instruction sets, threads, devices") {
  const Shape shapes[] = {{2, 3, 5, 3}, {1, 1, 1, 1}, {0, 2, 2, 4}, {1, 7, 3, 48}, {3}, {}};
  for (const Function& f : kFunctions)
    for (const Shape& s : shapes) {
      Tensor x = random_normal(s, 1);
      if (f.positive)
        for (std::int64_t i = 0; i < x.numel(); ++i) x.data<double>()[i] = std::abs(x.data<double>()[i]) + 0.3;
      else
        x = away_from_zero(x, 0.1);
      // e^3.5 and 3.5^3 in bf16 come with the rounding of x, which both sides share; exp and sqrt read their rounded result.
      check_op({std::string(f.name) + " " + s.str(), {x}, [&](auto& in, auto& into) { return f.f(in[0], into); }, 1e-5, kReadsRounded});
    }
}

TEST_CASE("logarithms, roots and powers at their ends, in every type") {
  const double infinity = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  for_kinds([&](Device device, DType dtype) {
    const auto values = [&](std::initializer_list<double> v) {
      return Tensor::from(v, {static_cast<std::int64_t>(v.size())}).to(dtype).to(device);
    };
    const auto is = [&](const Tensor& y, std::vector<double> expected) {
      const auto v = y.to_vector<double>();
      for (std::size_t i = 0; i < v.size(); ++i)
        CHECK_MESSAGE((std::isnan(expected[i]) ? std::isnan(v[i]) : v[i] == expected[i]), i << " of " << name_of(dtype) << ": " << v[i]);
    };
    is(log(values({0, -1, infinity, nan, 1})), {-infinity, nan, infinity, nan, 0});
    is(sqrt(values({0, -1, infinity, nan, 4})), {0, nan, infinity, nan, 2});
    is(exp(values({-infinity, infinity, nan, 0, -1000})), {0, infinity, nan, 1, 0});
    is(abs(values({-0.0, -3, nan, -infinity})), {0, 3, nan, infinity});
    is(pow(values({0, -8, 4, 0}), 0.5), {0, nan, 2, 0});
    is(pow(values({-2, 0, 3}), 0), {1, 1, 1});
    is(clamp(values({-infinity, infinity, nan, 0.25}), -1, 1), {-1, 1, nan, 0.25});
    if (dtype == DType::f32) {  // subnormal: 2^-140
      const double small = std::ldexp(1.0, -140);
      CHECK(log(values({small})).to_vector<double>()[0] == doctest::Approx(std::log(small)).epsilon(1e-6));
    }
  });
}

TEST_CASE("elementary functions reject what they do not know") {
  const Tensor x = Tensor::zeros({2, 3});
  check_throws<OptionError>([&] { clamp(x, 2, 1); }, {"clamp", "2", "1"});
  check_throws<OptionError>([&] { clamp(x, 0, std::nan("")); }, {"clamp"});
  check_throws<DeviceError>([&] { exp(x.to(DType::i32)); }, {"i32", "cpu"});
  check_throws<ShapeError>([&] { sqrt(x, Tensor::zeros({3, 2})); }, {"sqrt", "(3, 2)", "(2, 3)"});
}
