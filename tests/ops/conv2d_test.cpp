#include "lamina/ops/conv2d.hpp"
#include "lamina/ops/conv_transpose2d.hpp"

#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::test;

namespace {

struct ConvCase {
  Shape x, w;
  Conv2dParams p = {};
  bool bias = true;
  std::string str() const {
    return message("x ", x, " w ", w, " stride ", p.stride, " pad ", p.padding.top, p.padding.bottom, p.padding.left, p.padding.right,
                   p.padding.same ? " same" : "", " dilation ", p.dilation, " groups ", p.groups);
  }
};

Conv2dParams pad(int p) { return {.padding = Padding::symmetric(p)}; }

/// Small enough for the gradient check of every element.
const std::vector<ConvCase> kSmall = {
    {{2, 5, 4, 3}, {4, 3, 3, 3}, pad(1)},
    {{2, 4, 6, 3}, {2, 3, 3, 3}, pad(1), false},
    {{1, 1, 1, 1}, {1, 1, 1, 1}},
    {{1, 3, 3, 9}, {5, 1, 1, 9}},
    {{0, 4, 4, 2}, {3, 3, 3, 2}, pad(1)},
    {{1, 7, 5, 2}, {3, 3, 3, 2}, {.stride = 2, .padding = Padding::symmetric(1)}},
    {{1, 7, 6, 2}, {2, 4, 4, 2}, {.stride = 2, .padding = Padding::symmetric(1)}},
    {{1, 6, 7, 1}, {2, 3, 3, 1}, {.padding = Padding::symmetric(2), .dilation = 2}},
    {{1, 4, 5, 2}, {2, 3, 3, 2}, {.padding = Padding::symmetric(6), .dilation = 6}},
    {{1, 5, 5, 1}, {1, 3, 3, 1}, {.padding = Padding::symmetric(12), .dilation = 12}},
    {{1, 5, 6, 4}, {6, 3, 3, 2}, {.padding = Padding::symmetric(1), .groups = 2}},
    {{1, 5, 6, 4}, {4, 3, 3, 1}, {.padding = Padding::symmetric(1), .groups = 4}},
    {{1, 6, 5, 3}, {3, 3, 3, 1}, {.stride = 2, .padding = Padding::symmetric(2), .dilation = 2, .groups = 3}},
    {{1, 5, 5, 2}, {4, 3, 3, 1}, {.padding = Padding::symmetric(1), .groups = 2}},
    {{1, 6, 5, 2}, {2, 2, 2, 2}, {.padding = Padding::tf_same()}},
    {{1, 7, 5, 2}, {2, 3, 3, 2}, {.stride = 2, .padding = Padding::tf_same()}},
    {{1, 5, 4, 2}, {2, 2, 3, 2}, {.padding = {1, 0, 0, 2}}},
    {{1, 5, 4, 2}, {3, 3, 2, 2}, {.stride = 3, .padding = {0, 2, 1, 0}, .dilation = 2}},
    {{1, 5, 5, 2}, {2, 1, 1, 2}, {.stride = 2}},
    {{1, 2, 2, 2}, {2, 3, 3, 2}, pad(2)},
};

Tensor run(const ConvCase& c, const Conv2dPlan& plan, const std::vector<Tensor>& in, const Tensor& into = {}) {
  const Conv2dPlanScope scope(plan);
  return conv2d(in[0], in[1], c.bias ? in[2] : Tensor{}, c.p, into);
}

/// Bounds the f32 error of a sum of K products with random signs relative to the largest result: a few eps * sqrt(K).
double tolerance(const ConvCase& c) {
  const auto taps = [](const Shape& w) { return static_cast<double>(w.numel() / w[0]); };
  const double pixels = static_cast<double>(c.x[0] * c.x[1] * c.x[2]);
  return 4 * 1.2e-7 * std::sqrt(std::max({taps(c.w), pixels, static_cast<double>(c.w[0] * c.w[1] * c.w[2]), 9.0}));
}

OpCase op_case(const ConvCase& c, Conv2dAlgorithm algorithm) {
  std::vector<Tensor> in{random_normal(c.x, 1), random_normal(c.w, 2)};
  if (c.bias) in.push_back(random_normal({c.w[0]}, 3));
  OpCase op{message(name_of(algorithm), " ", c.str()), in,
            [=](auto& t, auto& into) { return run(c, Conv2dPlan::all(algorithm), t, into); }};
  op.float_tolerance = tolerance(c);
  op.precise = {false, false, true};
  return op;
}

}  // namespace

TEST_CASE("conv2d: values, gradients, slices, instruction sets, threads") {
  for (const ConvCase& c : kSmall) {
    check_op(op_case(c, Conv2dAlgorithm::naive));
    check_op(op_case(c, Conv2dAlgorithm::automatic));
  }
  for (Activation act : {Activation::relu(), Activation::leaky_relu(0.2f)}) {
    ConvCase c{{2, 5, 4, 3}, {4, 3, 3, 3}, pad(1)};
    c.p.activation = act;
    OpCase op = op_case(c, Conv2dAlgorithm::automatic);
    op.bf16_tolerance = kReadsRounded;
    check_op(op);
  }
}

TEST_CASE("conv2d by hand") {
  // A 2x2 kernel over a 2x3 image, one pixel of padding on the right only: rows of x are 1 2 3 / 4 5 6.
  const Tensor x = Tensor::from({1.0, 2.0, 3.0, 4.0, 5.0, 6.0}, {1, 2, 3, 1});
  const Tensor w = Tensor::from({1.0, 10.0, 100.0, 1000.0}, {1, 2, 2, 1}), b = Tensor::from({0.5}, {1});
  CHECK(conv2d(x, w, b, {.padding = {0, 0, 0, 1}}).to_vector<double>() == std::vector<double>{5421.5, 6532.5, 603.5});
  CHECK(conv2d(x, w, {}, {.padding = Padding::tf_same()}).shape() == Shape{1, 2, 3, 1});
  CHECK(conv2d(x, w, {}, {.stride = 2, .padding = Padding::tf_same()}).to_vector<double>() == std::vector<double>{5421, 603});
  CHECK(conv2d(x, w, {}, {.dilation = 1, .activation = Activation::relu()}).to_vector<double>() == std::vector<double>{5421, 6532});
}

TEST_CASE("every algorithm agrees with the naive one in double") {
  const std::vector<ConvCase> cases = {
      {{2, 9, 7, 1}, {16, 3, 3, 1}, pad(1)},
      {{1, 17, 30, 3}, {16, 3, 3, 3}, pad(1)},
      {{2, 13, 11, 48}, {16, 3, 3, 48}, pad(1)},
      {{1, 16, 16, 9}, {48, 3, 3, 9}, pad(1)},
      {{1, 6, 70, 16}, {33, 3, 3, 16}, {.padding = {1, 0, 2, 1}}},
      {{1, 9, 12, 16}, {16, 3, 3, 16}, {.padding = Padding::symmetric(6), .dilation = 6}},
      {{1, 9, 12, 32}, {24, 3, 3, 32}, {.padding = Padding::symmetric(12), .dilation = 12}},
      {{2, 10, 9, 20}, {7, 1, 1, 20}},
      {{1, 1, 1, 64}, {64, 3, 3, 64}, pad(1)},
      {{1, 33, 20, 16}, {16, 4, 4, 16}, {.stride = 2, .padding = Padding::symmetric(1)}},
      {{1, 33, 20, 16}, {16, 7, 7, 16}, {.stride = 2, .padding = Padding::symmetric(3)}},
      {{2, 17, 20, 16}, {20, 4, 4, 16}, {.padding = Padding::symmetric(1)}},
      {{1, 8, 9, 33}, {70, 4, 4, 33}, {.padding = {0, 3, 2, 1}}},
      {{1, 19, 14, 16}, {12, 4, 4, 16}, {.padding = Padding::symmetric(3), .dilation = 2}},
      {{1, 33, 20, 16}, {20, 3, 3, 16}, {.stride = 2, .padding = Padding::tf_same()}},
      {{1, 20, 19, 33}, {16, 3, 2, 33}, {.stride = 3, .padding = Padding::symmetric(2), .dilation = 2}},
      {{1, 32, 31, 3}, {16, 3, 3, 3}, {.stride = 2, .padding = Padding::symmetric(1)}},
      {{2, 17, 20, 24}, {12, 1, 1, 24}, {.stride = 2}},  // classes of pixels that no output reads
      {{2, 14, 20, 24}, {12, 1, 2, 24}, {.stride = 2, .padding = {1, 0, 0, 1}}},
      {{1, 90, 60, 24}, {12, 1, 1, 24}, {.stride = 2}},  // several tiles of rows, in the image itself
      {{1, 90, 60, 16}, {12, 3, 3, 16}, {.stride = 2, .padding = Padding::symmetric(1)}},
      {{2, 33, 26, 16}, {16, 3, 3, 16}, {.padding = Padding::symmetric(2), .dilation = 2}},
      {{1, 33, 26, 20}, {20, 3, 3, 20}, {.padding = Padding::symmetric(6), .dilation = 6}},
      {{1, 35, 26, 16}, {18, 3, 3, 16}, {.padding = {0, 5, 9, 1}, .dilation = 4}},  // a last row of tiles for three of the four phases
      {{2, 17, 20, 16}, {24, 3, 3, 16}, {.padding = Padding::symmetric(10), .dilation = 10}},  // phases of one or two pixels: padding apart
      {{1, 9, 12, 16}, {16, 3, 3, 16}, {.padding = Padding::symmetric(13), .dilation = 12}},   // the same, larger than the image
      {{1, 8, 12, 16}, {16, 3, 3, 16}, {.padding = {5, 6, 6, 5}, .dilation = 6}},              // not in every tile
      {{1, 8, 13, 16}, {16, 3, 3, 16}, {.padding = Padding::symmetric(6), .dilation = 6}},     // not across
      {{1, 14, 12, 16}, {16, 3, 3, 16}, {.padding = {6, 4, 6, 6}, .dilation = 6}},             // not at the bottom
      {{1, 5, 5, 64}, {64, 3, 3, 64}},
      {{1, 12, 19, 48}, {48, 3, 3, 1}, {.padding = Padding::symmetric(2), .dilation = 2, .groups = 48}},
      {{1, 12, 19, 33}, {33, 3, 3, 1}, {.stride = 2, .padding = Padding::symmetric(1), .groups = 33}},
      {{1, 12, 19, 32}, {16, 3, 3, 16}, {.padding = Padding::symmetric(1), .groups = 2}},
      {{1, 20, 21, 5}, {18, 3, 3, 5}, {.padding = Padding::symmetric(1), .dilation = 1}},  // the taps of a row fit into one chunk
      {{1, 20, 21, 2}, {18, 3, 5, 2}, {.padding = Padding::symmetric(4), .dilation = 2}},
      {{2, 30, 21, 16}, {32, 3, 3, 16}, pad(1)},           // several blocks of Winograd tiles, the last one not full
      {{2, 26, 17, 96}, {80, 3, 3, 96}, pad(1)},           // weights that are multiplied in groups of blocks
      {{1, 70, 70, 3}, {5, 3, 3, 3}, pad(2)},              // padding beyond SAME
      {{1, 9, 15, 140}, {132, 3, 3, 140}, pad(1)},         // implicit GEMM: two tiles of pixels, two blocks of channels
      {{1, 9, 15, 280}, {264, 1, 1, 140}, {.groups = 2}},  // the same for each group
      {{1, 3, 7, 1101}, {6, 1, 1, 1101}},                  // rows of dot products that take several rounds, the last not in whole registers
      {{2, 30, 31, 16}, {11, 1, 1, 16}},                   // wgrad of 1x1 in several segments: x in registers, dy broadcast
      {{1, 25, 26, 70}, {20, 1, 1, 70}},                   // the same in several blocks of registers
      {{1, 25, 26, 3}, {33, 1, 1, 3}},                     // x broadcast
  };
  for (const ConvCase& c : cases)
    for (auto algorithm : {Conv2dAlgorithm::automatic, Conv2dAlgorithm::implicit_gemm, Conv2dAlgorithm::direct, Conv2dAlgorithm::winograd2,
                           Conv2dAlgorithm::winograd3, Conv2dAlgorithm::winograd4, Conv2dAlgorithm::depthwise}) {
      if (!kernels::conv2d_supports(Device::Type::cpu, algorithm, c.w[0], c.w[1], c.w[2], c.w[3], c.p)) continue;
      OpCase naive = op_case(c, Conv2dAlgorithm::naive), op = op_case(c, algorithm);
      const auto expected = lamina::test::detail::run(naive, DType::f64, false, false);
      CAPTURE(op.name);
      for (Isa isa : instruction_sets()) {
        CAPTURE(name_of(isa));
        ThreadPool one(1), pool(3);
        const ExecutorScope scope(pool, isa);
        for (DType dtype : {DType::f64, DType::f32}) {
          CAPTURE(name_of(dtype));
          const double bound = dtype == DType::f64 ? 1e-12 : op.float_tolerance;
          for (bool slices : {false, true}) {
            const auto got = lamina::test::detail::run(op, dtype, slices, slices);
            REQUIRE(got.size() == expected.size());
            for (std::size_t i = 0; i < got.size(); ++i)
              CHECK_MESSAGE(relative_error(got[i], expected[i]) <= bound, "result " << i << (slices ? " sliced" : ""));
          }
        }
      }
    }
}

TEST_CASE("Winograd in several groups of tiles and panels of channels") {
  const std::vector<ConvCase> cases = {
      {{1, 66, 65, 16}, {464, 3, 3, 16}, pad(1)},
      {{2, 12, 13, 560}, {72, 3, 3, 560}, pad(1)},
      {{1, 12, 13, 560}, {72, 3, 3, 560}, {.padding = Padding::symmetric(9), .dilation = 9}},
      {{1, 12, 13, 560}, {72, 4, 4, 560}, pad(1)},
  };
  for (const ConvCase& c : cases) {
    const auto expected = lamina::test::detail::run(op_case(c, Conv2dAlgorithm::direct), DType::f64, false, false);
    for (auto algorithm : {Conv2dAlgorithm::winograd2, Conv2dAlgorithm::winograd3, Conv2dAlgorithm::winograd4}) {
      if (!kernels::conv2d_supports(Device::Type::cpu, algorithm, c.w[0], c.w[1], c.w[2], c.w[3], c.p)) continue;
      const OpCase op = op_case(c, algorithm);
      CAPTURE(op.name);
      const auto got = lamina::test::detail::run(op, DType::f64, false, false);
      for (std::size_t i = 0; i < got.size(); ++i) CHECK_MESSAGE(relative_error(got[i], expected[i]) <= 1e-12, "result " << i);
    }
  }
}

TEST_CASE("a plan is chosen pass by pass; it lives as long as its scope, and in the backward of what it recorded") {
  // In f32 the sums of implicit GEMM differ from the naive ones in their last bits: bytes tell how a result was computed.
  const Conv2dMethod naive{Conv2dAlgorithm::naive}, gemm{Conv2dAlgorithm::implicit_gemm};
  for (bool transposed : {false, true}) {
    CAPTURE(transposed);
    const auto results = [&](const Conv2dPlan& plan) {  // y, dx, dw
      Tensor x = random_normal({1, 21, 18, 32}, 1, DType::f32), w = random_normal({32, 3, 3, 32}, 2, DType::f32), y;
      x.set_requires_grad();
      w.set_requires_grad();
      {
        const Conv2dPlanScope scope(plan);
        y = transposed ? conv_transpose2d(x, w) : conv2d(x, w);
      }
      y.backward(random_normal(y.shape(), 3, DType::f32));
      return std::vector<Tensor>{y.detach(), x.grad(), w.grad()};
    };
    const auto all_naive = results(Conv2dPlan::all(naive.algorithm)), all_gemm = results(Conv2dPlan::all(gemm.algorithm));
    for (int pass = 0; pass < 3; ++pass) {
      CAPTURE(pass);
      Conv2dPlan plan = Conv2dPlan::all(naive.algorithm);
      (pass == 2 ? plan.backward_weights : (pass == 1) != transposed ? plan.backward_data : plan.forward) = gemm;
      const auto got = results(plan);
      REQUIRE(!same_bytes(all_naive[pass], all_gemm[pass]));
      for (int i = 0; i < 3; ++i) CHECK(same_bytes(got[i], i == pass ? all_gemm[i] : all_naive[i]));
    }
  }
  CHECK(Conv2dPlanScope::current().forward.algorithm == Conv2dAlgorithm::automatic);
}

TEST_CASE("every CUDA algorithm and tile agrees with the naive one of the CPU in double") {
  struct CudaCase {
    ConvCase conv;
    GemmTile tile = GemmTile::automatic;
  };
  const std::vector<CudaCase> cases = {
      {{{1, 9, 13, 36}, {132, 3, 3, 36}, pad(1)}, GemmTile::m128n128},  // a tile and a bit in every direction, Ho != Wo
      {{{2, 12, 11, 16}, {24, 3, 2, 16}, {.stride = 2, .padding = {1, 0, 2, 1}}}, GemmTile::m128n128},
      {{{1, 9, 13, 40}, {72, 3, 3, 40}, pad(1)}, GemmTile::m128n64},
      {{{1, 9, 13, 32}, {72, 1, 1, 32}}, GemmTile::m64n64},  // a matrix product
      {{{1, 9, 13, 9}, {70, 3, 3, 9}, pad(1)}, GemmTile::m64n64},
      {{{2, 17, 10, 8}, {33, 4, 4, 8}, {.stride = 2, .padding = Padding::symmetric(1)}}, GemmTile::m128n32},
      {{{1, 7, 12, 20}, {33, 1, 3, 20}, {.stride = 2}}, GemmTile::m128n32},
      {{{2, 7, 12, 16}, {33, 3, 3, 16}, {.stride = 2, .padding = {1, 0, 0, 1}}}, GemmTile::m32n128},
      {{{2, 7, 12, 11}, {20, 2, 3, 11}, {.stride = 2, .padding = {1, 0, 0, 1}}}, GemmTile::m32n128},
      {{{1, 20, 9, 64}, {16, 3, 3, 64}, {.padding = Padding::symmetric(12), .dilation = 12}}},  // whole tiles of wgrad without a pixel
      {{{2, 11, 14, 24}, {24, 3, 3, 8}, {.padding = Padding::symmetric(2), .dilation = 2, .groups = 3}}},
      {{{1, 30, 21, 1}, {16, 3, 3, 1}, pad(1)}},
      {{{1, 33, 18, 3}, {24, 7, 7, 3}, {.stride = 2, .padding = Padding::symmetric(3)}}},
      {{{1, 14, 17, 4}, {5, 3, 3, 4}, {.padding = Padding::symmetric(2), .dilation = 2}}},
      {{{1, 12, 19, 48}, {48, 3, 3, 1}, {.padding = Padding::symmetric(2), .dilation = 2, .groups = 48}}},
      {{{2, 12, 9, 33}, {33, 3, 4, 1}, {.stride = 2, .padding = Padding::symmetric(1), .groups = 33}}},
      {{{1, 40, 30, 8}, {16, 3, 3, 8}, pad(1)}},  // wgrad in several parts
  };
  for (Device device : cuda_devices())
    for (const auto& [c, tile] : cases)
      for (auto algorithm : {Conv2dAlgorithm::implicit_gemm, Conv2dAlgorithm::direct, Conv2dAlgorithm::depthwise}) {
        if (!kernels::conv2d_supports(device.type, algorithm, c.w[0], c.w[1], c.w[2], c.w[3], c.p)) continue;
        OpCase op = op_case(c, algorithm);
        op.op = [c = c, algorithm, tile = tile](const std::vector<Tensor>& t, const Tensor& into) {
          return run(c, t[0].device().is_cpu() ? Conv2dPlan::all(Conv2dAlgorithm::naive) : Conv2dPlan::all(algorithm, tile), t, into);
        };
        std::vector<std::string> failures;
        cuda_failures(op, device, failures);
        for (const std::string& f : failures) FAIL_CHECK(op.name << ": " << f);
        CHECK(failures.empty());
      }
}

TEST_CASE("conv2d rejects shapes and attributes") {
  const Tensor x = Tensor::zeros({1, 5, 5, 4}), w = Tensor::zeros({2, 3, 3, 4});
  check_throws<ShapeError>([&] { conv2d(x, Tensor::zeros({2, 3, 3, 3})); }, {"conv2d", "(1, 5, 5, 4)", "(2, 3, 3, 3)", "groups = 1"});
  check_throws<ShapeError>([&] { conv2d(Tensor::zeros({5, 5, 4}), w); }, {"conv2d", "(5, 5, 4)", "(2, 3, 3, 4)"});
  check_throws<ShapeError>([&] { conv2d(x, Tensor::zeros({2, 4})); }, {"conv2d", "(2, 4)", "(1, 5, 5, 4)"});
  check_throws<ShapeError>([&] { conv2d(Tensor::zeros({1, 2, 5, 4}), w); }, {"larger", "(1, 2, 5, 4)", "(2, 3, 3, 4)"});
  check_throws<ShapeError>([&] { conv2d(Tensor::zeros({1, 0, 5, 4}), w, {}, pad(1)); }, {"axis 1", "(1, 0, 5, 4)", "(2, 3, 3, 4)"});
  check_throws<ShapeError>([&] { conv2d(x, Tensor::zeros({0, 3, 3, 4})); }, {"axis 0", "(0, 3, 3, 4)", "(1, 5, 5, 4)"});
  check_throws<ShapeError>([&] { conv2d(x, w, Tensor::zeros({3})); }, {"bias", "(2)", "(3)"});
  check_throws<ShapeError>([&] { conv2d(x, w, {}, {.stride = 0}); }, {"stride", "0"});
  check_throws<ShapeError>([&] { conv2d(x, w, {}, {.stride = -1}); }, {"stride", "-1"});
  check_throws<ShapeError>([&] { conv2d(x, w, {}, {.dilation = 0}); }, {"dilation", "0"});
  check_throws<ShapeError>([&] { conv2d(x, w, {}, {.dilation = 3}); }, {"larger", "(1, 5, 5, 4)", "(2, 3, 3, 4)"});
  check_throws<ShapeError>([&] { conv2d(x, w, {}, {.dilation = 1 << 30}); }, {"overflow", "(1, 5, 5, 4)", "(2, 3, 3, 4)"});
  check_throws<ShapeError>([&] { conv2d(x, w, {}, {.groups = 0}); }, {"groups", "0"});
  check_throws<ShapeError>([&] { conv2d(x, w, {}, {.groups = 3}); }, {"groups = 3", "(1, 5, 5, 4)", "(2, 3, 3, 4)"});
  check_throws<ShapeError>([&] { conv2d(x, w, {}, {.padding = {0, -1, 0, 0}}); }, {"padding", "bottom -1"});
  check_throws<ShapeError>([&] { conv2d(x, w, {}, {.padding = {1, 0, 0, 0, true}}); }, {"SAME"});
  check_throws<ShapeError>([&] { conv2d(x, w, {}, {}, Tensor::zeros({1, 3, 3, 3})); }, {"destination", "(1, 3, 3, 3)", "(1, 3, 3, 2)"});
  check_throws<DeviceError>([&] { conv2d(x, w.to(DType::f64)); }, {"conv2d", "f32", "f64"});
  check_throws<OptionError>(
      [&] {
        const Conv2dPlanScope scope({.backward_weights = {Conv2dAlgorithm::winograd4}});
        conv2d(x, w, {}, {.stride = 2});
      },
      {"winograd4", "stride 2", "automatic"});
  for (Device device : cuda_devices())
    for (Conv2dAlgorithm winograd : {Conv2dAlgorithm::winograd2, Conv2dAlgorithm::winograd3, Conv2dAlgorithm::winograd4})
      check_throws<OptionError>(
          [&] {
            const Conv2dPlanScope scope(Conv2dPlan::all(winograd));
            conv2d(x.to(device), w.to(device));
          },
          {name_of(winograd), "cuda", "automatic", "implicit_gemm"});
  check_throws<ShapeError>([&] { conv2d(x, w, {}, {.padding = {1 << 30, 1 << 30, 0, 0}}); }, {"padding", "(1, 5, 5, 4)", "(2, 3, 3, 4)"});
}
