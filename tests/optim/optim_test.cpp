#include <cmath>

#include "lamina/core/dispatch.hpp"
#include "lamina/kernels/optimizer.hpp"
#include "lamina/ops/arithmetic.hpp"
#include "lamina/optim/optimizer.hpp"
#include "lamina/optim/schedule.hpp"
#include "support/golden.hpp"
#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::optim;
using namespace lamina::test;

namespace {

/// Plays the golden gradients through an optimiser and returns the final weights.
template <class O, class Options>
Tensor play(const io::TensorArchive& gold, const Options& options, DType dtype = DType::f64, Device device = kCpu) {
  Tensor w = gold.at("start").clone().to(dtype).to(device);
  w.set_requires_grad();
  O optimizer({{"w", w}}, options);
  const Tensor& grads = gold.at("grads");
  for (std::int64_t t = 0; t < grads.size(0); ++t) {
    w.set_grad(grads.rows(t, 1).clone().view_as(w.shape()).to(dtype).to(device));
    optimizer.step();
  }
  return w;
}

/// The weights after two steps of each optimiser with everything on: several tensors, one of them empty, one a few chunks long, each with
/// its own gradients; then the norm that clipped the gradients.
template <class O, class Options>
std::vector<Tensor> update_several(const Options& options, DType dtype, Device device) {
  std::vector<nn::NamedTensor> parameters;
  for (const Shape& s : {Shape{3, 5}, Shape{0}, Shape{9001}, Shape{1}, Shape{4096}})
    parameters.push_back({"w" + std::to_string(parameters.size()), random_normal(s, parameters.size()).to(dtype).to(device)});
  for (auto& p : parameters) p.tensor.set_requires_grad();
  O optimizer(parameters, options);
  for (std::uint64_t t = 0; t < 2; ++t) {
    for (std::size_t i = 0; i < parameters.size(); ++i)
      parameters[i].tensor.set_grad(random_normal(parameters[i].tensor.shape(), 10 * t + i).to(dtype).to(device));
    optimizer.step();
  }
  std::vector<Tensor> results;
  for (auto& p : parameters) results.push_back(p.tensor.detach().clone());
  results.push_back(Tensor::full({}, optimizer.gradient_norm(), {DType::f64, kCpu}));
  return results;
}

template <class O, class Options>
void check_devices(const Options& options) {
  for (Device device : cuda_devices())
    for (DType dtype : {DType::f32, DType::bf16}) {
      CAPTURE(name_of(dtype));
      const auto want = update_several<O>(options, DType::f64, kCpu), got = update_several<O>(options, dtype, device),
                 again = update_several<O>(options, dtype, device);
      for (std::size_t i = 0; i < want.size(); ++i) {
        CAPTURE(i);
        CHECK(relative_error(got[i], want[i]) <= (dtype == DType::f32 ? 2e-6 : 1e-2));
        CHECK(same_bytes(got[i].to(kCpu), again[i].to(kCpu)));
      }
    }
}

void check(const io::TensorArchive& gold, const char* name, const Tensor& w) {
  CHECK_MESSAGE(relative_error(w, gold.at(name)) < 1e-12, name);
}

}  // namespace

TEST_CASE("optimisers follow PyTorch's trajectories") {
  const auto gold = golden_archive("optim");
  for (Isa isa : instruction_sets()) {
    ThreadPool pool(2);
    const ExecutorScope scope(pool, isa);
    check(gold, "adam", play<Adam>(gold, AdamOptions{.lr = 0.05, .beta1 = 0.8, .beta2 = 0.95, .epsilon = 1e-3}));
    check(gold, "adam_keras", play<Adam>(gold, AdamOptions{.lr = 0.05, .epsilon = 1e-3, .epsilon_inside_correction = false}));
    check(gold, "adam_decay", play<Adam>(gold, AdamOptions{.lr = 0.05, .gradient = {.weight_decay = 0.1}}));
    check(gold, "adamw", play<Adam>(gold, AdamOptions{.lr = 0.05, .gradient = {.weight_decay = 0.1, .decoupled_decay = true}}));
    check(gold, "adam_clip_norm", play<Adam>(gold, AdamOptions{.lr = 0.05, .gradient = {.clip_norm = 1.5}}));
    check(gold, "adam_clip_value", play<Adam>(gold, AdamOptions{.lr = 0.05, .gradient = {.clip_value = 0.3}}));
    check(gold, "sgd", play<Sgd>(gold, SgdOptions{.lr = 0.05}));
    check(gold, "sgd_momentum", play<Sgd>(gold, SgdOptions{.lr = 0.05, .momentum = 0.9, .gradient = {.weight_decay = 0.1}}));
    check(gold, "sgd_nesterov", play<Sgd>(gold, SgdOptions{.lr = 0.05, .momentum = 0.9, .nesterov = true}));
  }
}

TEST_CASE("optimisers on CUDA: PyTorch's trajectories, and several tensors at once") {
  const auto gold = golden_archive("optim");
  for (Device device : cuda_devices()) {
    const auto check = [&](const char* name, const Tensor& w) { CHECK_MESSAGE(relative_error(w, gold.at(name)) < 2e-6, name); };
    check("adam", play<Adam>(gold, AdamOptions{.lr = 0.05, .beta1 = 0.8, .beta2 = 0.95, .epsilon = 1e-3}, DType::f32, device));
    check("adamw",
          play<Adam>(gold, AdamOptions{.lr = 0.05, .gradient = {.weight_decay = 0.1, .decoupled_decay = true}}, DType::f32, device));
    check("sgd", play<Sgd>(gold, SgdOptions{.lr = 0.05}, DType::f32, device));
    check("sgd_nesterov", play<Sgd>(gold, SgdOptions{.lr = 0.05, .momentum = 0.9, .nesterov = true}, DType::f32, device));
  }
  check_devices<Adam>(AdamOptions{.epsilon = 1e-3, .gradient = {.clip_norm = 50, .clip_value = 0.4, .weight_decay = 0.1}});
  check_devices<Adam>(AdamOptions{.epsilon_inside_correction = false,
                                  .gradient = {.weight_decay = 0.1, .decoupled_decay = true, .decay_kernels_only = true}});
  check_devices<Sgd>(SgdOptions{.momentum = 0.9, .gradient = {.clip_norm = 1}});
  check_devices<Sgd>(SgdOptions{});
}

TEST_CASE("an optimiser restored from its state continues to the same bytes, at any thread count, also with masters") {
  auto make = [](Tensor& w) {
    w.set_requires_grad();
    return std::make_unique<Adam>(std::vector<nn::NamedTensor>{{"w", w}},
                                  AdamOptions{.gradient = {.clip_norm = 0.5, .decay_kernels_only = true}});
  };
  const Shape shape{3, 100, 101};
  for (DType dtype : {DType::f32, DType::bf16}) {
    auto step = [&](Optimizer& o, const Tensor& w, int t) {
      w.set_grad(random_normal(shape, static_cast<std::uint64_t>(t), DType::f32));
      o.step();
    };
    Tensor a = random_normal(shape, 1).to(dtype);
    auto whole = make(a);
    Tensor at_three;
    std::vector<nn::NamedTensor> saved;
    for (int t = 0; t < 6; ++t) {
      if (t == 3) {
        at_three = a.clone();
        for (const auto& s : whole->state()) saved.push_back({s.name, s.tensor.clone()});
      }
      step(*whole, a, t);
    }
    ThreadPool three(3);
    const ExecutorScope scope(three);
    Tensor b = at_three.clone();
    auto resumed = make(b);
    resumed->load_state(saved);
    for (int t = 3; t < 6; ++t) step(*resumed, b, t);
    CHECK(same_bytes(a, b));
  }
}

TEST_CASE("an optimiser made before the network moves, or changes its dtype, goes along") {
  std::vector<std::pair<TensorOptions, TensorOptions>> moves{{{DType::f32, kCpu}, {DType::f64, kCpu}},
                                                             {{DType::f64, kCpu}, {DType::f32, kCpu}}};
  for (Device device : cuda_devices()) {
    moves.push_back({{DType::f32, kCpu}, {DType::f32, device}});
    moves.push_back({{DType::f32, device}, {DType::f32, kCpu}});
    moves.push_back({{DType::f32, device}, {DType::bf16, device}});
    moves.push_back({{DType::bf16, device}, {DType::f32, device}});
  }
  const Tensor start = random_normal({4, 5}, 1);
  for (const auto& [from, to] : moves) {
    CAPTURE(message(name_of(from.dtype), " on ", from.device, " to ", name_of(to.dtype), " on ", to.device));
    const auto make = [&](TensorOptions o) {
      Tensor w = start.to(DType::bf16).to(o.dtype).to(o.device).clone();
      return w.set_requires_grad();
    };
    Tensor early = make(from), late = make(to);
    Adam before({{"w", early}}, {.lr = 0.05, .gradient = {.clip_norm = 2}});
    early.set_grad(random_normal({4, 5}, 9).to(DType::f32).to(from.device));
    early.move_to(to);
    Adam after({{"w", late}}, {.lr = 0.05, .gradient = {.clip_norm = 2}});
    CHECK(early.grad().device() == to.device);
    for (std::uint64_t t = 0; t < 5; ++t) {
      const Tensor g = random_normal({4, 5}, 20 + t).to(precise(to.dtype)).to(to.device);
      early.set_grad(g), late.set_grad(g);
      before.step();
      after.step();
    }
    CHECK(same_bytes(early.to(kCpu), late.to(kCpu)));
    const auto a = before.state(), b = after.state();
    REQUIRE(a.size() == b.size());
    for (std::size_t i = 0; i < a.size(); ++i) {
      CHECK(a[i].name == b[i].name);
      CHECK(a[i].tensor.device() == b[i].tensor.device());
      CHECK(same_bytes(a[i].tensor.to(kCpu), b[i].tensor.to(kCpu)));
    }
    // Back again in the middle: what was gathered so far goes along.
    early.move_to(from);
    early.set_grad(Tensor::full({4, 5}, 1, precise_like(early)));
    const auto moments = before.state()[0].tensor.to(kCpu).to(DType::f64).clone();
    before.step();
    CHECK(relative_error(before.state()[0].tensor, add(scale(moments, 0.9), Tensor::full({4, 5}, 0.1 * std::min(1.0, 2 / std::sqrt(20.0)),
                                                                                         {DType::f64, kCpu}))) < 1e-6);
  }
  Tensor w = start.clone().set_requires_grad(), v = start.clone().set_requires_grad();
  Sgd sgd({{"w", w}, {"v", v}}, {.lr = 0.1, .momentum = 0.9});
  v.move_to({DType::f32, kCpu});
  w.set_grad(start), v.set_grad(start.to(DType::f32));
  check_throws<ShapeError>([&] { sgd.step(); }, {"optimiser", "parameter v", "differs"});
  for (Device device : cuda_devices())
    check_throws<DeviceError>([&] { w.set_grad(Tensor::zeros({4, 5}, {DType::f32, device})); }, {"cuda:0", "cpu"});
}

TEST_CASE("a step between forward and backward is an error of the backward, not another gradient") {
  Tensor w = random_normal({3}, 1), x = random_normal({3}, 2);
  w.set_requires_grad(), x.set_requires_grad();
  Sgd sgd({{"w", w}}, {.lr = 0.1});
  const Tensor y = mul(x, w), dy = random_normal({3}, 3);
  y.backward(dy, true);
  sgd.step();
  check_throws<GraphError>([&] { y.backward(dy); }, {"mul", "input 1", "(3)", "step"});
  mul(x, w).backward(dy);
}

TEST_CASE("SGD's momentum is part of its state") {
  const Shape shape{4};
  const auto grad = [&](int t) { return random_normal(shape, static_cast<std::uint64_t>(t)); };
  Tensor a = random_normal(shape, 9);
  a.set_requires_grad();
  Sgd whole({{"w", a}}, {.lr = 0.1, .momentum = 0.9});
  Tensor b;
  std::vector<nn::NamedTensor> saved;
  for (int t = 0; t < 4; ++t) {
    if (t == 2) {
      b = a.clone();
      for (const auto& s : whole.state()) saved.push_back({s.name, s.tensor.clone()});
    }
    a.set_grad(grad(t));
    whole.step();
  }
  b.set_requires_grad();
  Sgd resumed({{"w", b}}, {.lr = 0.1, .momentum = 0.9});
  resumed.load_state(saved);
  for (int t = 2; t < 4; ++t) {
    b.set_grad(grad(t));
    resumed.step();
  }
  CHECK(same_bytes(a, b));
}

TEST_CASE("decay of kernels only, parameters without a gradient, zero_grad, the norm of the gradient") {
  for (const bool decoupled : {true, false})
    for (const bool kernels_only : {true, false}) {
      Tensor w = Tensor::full({2, 2}, 1, {DType::f64, kCpu}), b = Tensor::full({2}, 1, {DType::f64, kCpu}), still = b.clone();
      for (Tensor* t : {&w, &b, &still}) t->set_requires_grad();
      Sgd sgd({{"w", w}, {"b", b}, {"still", still}},
              {.lr = 0.5,
               .gradient = {.clip_norm = 100, .weight_decay = 0.1, .decoupled_decay = decoupled, .decay_kernels_only = kernels_only}});
      w.set_grad(Tensor::full({2, 2}, 2, like(w)));
      b.set_grad(Tensor::zeros({2}, like(b)));
      sgd.step();
      CHECK(w.to_vector<double>()[3] == doctest::Approx(1 - 0.5 * (2 + 0.1)));
      CHECK(b.to_vector<double>()[1] == doctest::Approx(kernels_only ? 1 : 1 - 0.5 * 0.1));
      CHECK(still.to_vector<double>()[0] == 1);
      CHECK(sgd.gradient_norm() == doctest::Approx(4));
      sgd.zero_grad();
      CHECK_FALSE(w.grad());
    }
}

TEST_CASE("gradients are clipped by norm, then by value, then decay is added") {
  std::vector<Device> devices = cuda_devices();
  devices.push_back(kCpu);
  for (Device device : devices) {
    // Of norm 5; scaled to norm 1: 0.6 and 0.8, clamped: 0.6 and 0.7. Clamped first, both would stay 0.7; scaled after the decay, less.
    const GradientOptions both{.clip_norm = 1, .clip_value = 0.7, .weight_decay = 0.5};
    const Tensor start = Tensor::from<float>({1, 2}, {1, 2}).to(device), grad = Tensor::from<float>({3, -4}, {1, 2}).to(device);
    const double slope[] = {0.6 + 0.5 * 1, -0.7 + 0.5 * 2};
    Tensor w = start.clone(), x = start.clone();
    for (Tensor* t : {&w, &x}) {
      t->set_requires_grad();
      t->set_grad(grad);
    }
    Sgd sgd({{"w", w}}, {.lr = 0.1, .gradient = both});
    Adam adam({{"x", x}}, {.lr = 0.1, .gradient = both});
    sgd.step();
    adam.step();
    CHECK(sgd.gradient_norm() == doctest::Approx(5));
    for (std::size_t i = 0; i < 2; ++i) {
      CHECK(w.to(kCpu).to_vector<double>()[i] == doctest::Approx(start.to(kCpu).to_vector<double>()[i] - 0.1 * slope[i]).epsilon(1e-5));
      CHECK(adam.state()[0].tensor.to(kCpu).to_vector<double>()[i] == doctest::Approx(0.1 * slope[i]).epsilon(1e-5));
    }
  }
}

TEST_CASE("optimisers refuse options outside their range and foreign states") {
  Tensor w = Tensor::zeros({2});
  w.set_requires_grad();
  check_throws<OptionError>([&] { Adam({{"w", w}}, {.lr = -1}); }, {"lr", "-1"});
  check_throws<OptionError>([&] { Adam({{"w", w}}, {.beta1 = 1}); }, {"beta1", "[0, 1)"});
  check_throws<OptionError>([&] { Sgd({{"w", w}}, {.nesterov = true}); }, {"nesterov"});
  check_throws<OptionError>([&] { Adam({}, {}); }, {"at least one parameter"});
  Adam adam({{"w", w}}, {});
  check_throws<DataError>([&] { adam.load_state({}); }, {"lacks m.w"});
  check_throws<DataError>([&] { adam.load_state({{"m.w", Tensor::zeros({3})}, {"v.w", w}, {"step", w}}); }, {"m.w", "(3)", "(2)"});
}

TEST_CASE("optimizers refuse learning rates that are none, and parameters given twice") {
  const Tensor w = Tensor::zeros({2}).set_requires_grad();
  optim::Sgd sgd({{"w", w}}, {.lr = 0.1});
  for (const double lr : {std::nan(""), -5.0}) check_throws<OptionError>([&] { sgd.set_lr(lr); }, {"lr", "[0, inf)"});
  CHECK(sgd.lr() == 0.1);
  check_throws<OptionError>([&] { optim::Sgd({{"w", w}, {"v", w}}, {.lr = 0.1}); }, {"the parameter w twice, also as v"});
}
