#include "lamina/nn/nn.hpp"

#include "lamina/ops/ops.hpp"
#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::test;
using namespace lamina::nn;

namespace {

/// conv -> norm, twice: enough for paths, buffers and nesting.
struct Block : Module {
  Block(int in, int out, RandomStream& random)
      : conv(add<Conv2d>("conv", Conv2dOptions{.in = in, .out = out, .bias = false}, random)),
        norm(add<BatchNorm2d>("norm", BatchNorm2dOptions{.channels = out})) {}
  Conv2d& conv;
  BatchNorm2d& norm;
};
struct Net : Module {
  explicit Net(std::uint64_t seed)
      : random({seed, 0}),
        first(add<Block>("first", 3, 4, random)),
        second(add<Block>("second", 4, 2, random)),
        head(add<Conv2d>("head", Conv2dOptions{.in = 2, .out = 5, .kernel = 1}, random)) {}
  RandomStream random;
  Block &first, &second;
  Conv2d& head;
};

std::vector<std::string> names(const std::vector<NamedTensor>& tensors) {
  std::vector<std::string> out;
  for (const NamedTensor& t : tensors) out.push_back(t.name);
  return out;
}

struct Moments {
  double mean = 0, sd = 0, most = 0;
};
Moments moments(const Tensor& t) {
  Moments m;
  const auto v = t.to_vector<double>();
  for (const double x : v) m.mean += x, m.most = std::max(m.most, std::abs(x));
  m.mean /= static_cast<double>(v.size());
  for (const double x : v) m.sd += (x - m.mean) * (x - m.mean);
  m.sd = std::sqrt(m.sd / static_cast<double>(v.size()));
  return m;
}

/// Written as one writes it first.
struct Residual : nn::Module {
  nn::Conv2d& a;
  nn::BatchNorm2d& norm;
  explicit Residual(nn::RandomStream& random)
      : a(add<nn::Conv2d>("a", {.in = 3, .out = 3, .padding = Padding::symmetric(1)}, random)),
        norm(add<nn::BatchNorm2d>("norm", {.channels = 3})) {}
  Tensor operator()(const Tensor& x) const { return relu(add(x, norm(a(x)))); }
};

}  // namespace

TEST_CASE("in a module, add(x, y) is the op, and layers are added with options in braces") {
  nn::RandomStream random(RandomKey{1});
  Residual block(random);
  block.eval();
  const Tensor x = random_normal({1, 4, 4, 3}, 1, DType::f32);
  const Tensor expected = relu(lamina::add(x, block.norm(block.a(x))));
  CHECK(same_bytes(block(x), expected));
  CHECK(block.state()[0].name == "a.weight");
  nn::Sequential layers;
  layers.append<nn::Conv2d>({.in = 3, .out = 2, .kernel = 1}, random).append<nn::Conv2d>({.in = 2, .out = 4, .kernel = 1}, random);
  CHECK(layers(x).shape() == Shape{1, 4, 4, 4});
}

TEST_CASE("names are dotted paths in order of declaration; parameters and buffers are told apart") {
  Net net(1);
  CHECK(names(net.named_parameters()) == std::vector<std::string>{"first.conv.weight", "first.norm.weight", "first.norm.bias",
                                                                  "second.conv.weight", "second.norm.weight", "second.norm.bias",
                                                                  "head.weight", "head.bias"});
  CHECK(names(net.named_buffers()) == std::vector<std::string>{"first.norm.running_mean", "first.norm.running_var",
                                                               "first.norm.num_batches_tracked", "second.norm.running_mean",
                                                               "second.norm.running_var", "second.norm.num_batches_tracked"});
  CHECK(net.state().size() == 14);
  CHECK(net.parameter_count() == 4 * 27 + 8 + 2 * 36 + 4 + 10 + 5);
  for (const Tensor& p : net.parameters()) CHECK(p.requires_grad());
  for (const NamedTensor& b : net.named_buffers()) CHECK_FALSE(b.tensor.requires_grad());
}

TEST_CASE("train and eval reach the whole tree") {
  Net net(1);
  CHECK(net.first.norm.training());
  net.eval();
  CHECK_FALSE(net.training());
  CHECK_FALSE(net.second.norm.training());
  net.train();
  CHECK(net.second.norm.training());
}

TEST_CASE("to(dtype) rounds kernels; biases, norms and statistics stay precise, and other handles follow") {
  Net net(1);
  const Tensor handle = net.parameters()[0];
  const Tensor before = handle.clone();
  net.to(DType::bf16);
  for (const NamedTensor& t : net.state())
    if (t.tensor.dtype() != DType::i64) CHECK_MESSAGE((t.tensor.dtype() == DType::bf16) == (t.tensor.rank() >= 2), t.name);
  CHECK(net.options().dtype == DType::bf16);
  CHECK(same_bytes(handle, before.to(DType::bf16)));
  net.to(DType::f64);
  for (const NamedTensor& t : net.state())
    if (t.tensor.dtype() != DType::i64) CHECK_MESSAGE(t.tensor.dtype() == DType::f64, t.name);
}

TEST_CASE("load_state copies by name, and tells everything that does not fit without changing anything") {
  Net from(1), to(2);
  CHECK_FALSE(same_bytes(from.head.state()[0].tensor, to.head.state()[0].tensor));
  to.load_state(from.state());
  for (std::size_t i = 0; i < from.state().size(); ++i) CHECK(same_bytes(from.state()[i].tensor, to.state()[i].tensor));
  CHECK(to.parameters()[0].storage().data() != from.parameters()[0].storage().data());

  Net other(3);
  const Tensor before = other.parameters()[0].clone();
  auto wrong = from.state();
  wrong.erase(wrong.begin() + 1);
  wrong.push_back({"extra.weight", Tensor::zeros({7})});
  wrong.back().tensor.fill(1);
  for (NamedTensor& t : wrong)
    if (t.name == "head.bias") t.tensor = Tensor::zeros({6});
  check_throws<DataError>([&] { other.load_state(wrong); }, {"missing: first.norm.weight (4)", "unexpected: extra.weight (7)",
                                                             "shape: head.bias is (5) here, (6) in the source"});
  CHECK(same_bytes(other.parameters()[0], before));
  const auto bias = other.parameters().back().to_vector<float>();
  const std::size_t all = other.state().size();
  StateMatch match = other.load_state(wrong, false);
  CHECK(match.loaded.size() == all - 2);
  CHECK(std::count(match.loaded.begin(), match.loaded.end(), "head.weight") == 1);
  CHECK(match.missing == std::vector<std::string>{"first.norm.weight"});
  CHECK(match.unexpected == std::vector<std::string>{"extra.weight"});
  CHECK(match.unfit == std::vector<std::string>{"head.bias is (5) here, (6) in the source"});
  CHECK(same_bytes(other.parameters()[0], from.parameters()[0]));
  CHECK(other.parameters().back().to_vector<float>() == bias);
  for (NamedTensor& t : wrong)
    if (t.name == "head.bias") t.tensor = Tensor::full({5}, 3);
  match = other.load_state(wrong, false);
  CHECK(match.unfit.empty());
  CHECK(match.loaded.size() == all - 1);
  CHECK(other.parameters().back().to_vector<float>() == std::vector<float>(5, 3.0f));
}

TEST_CASE("a random scope decides what dropout draws, and scopes nest") {
  Dropout dropout({.rate = 0.5});
  const Tensor x = Tensor::full({1, 8, 8, 4}, 1);
  auto draw = [&](std::uint64_t seed) {
    const RandomScope scope(RandomKey{seed, 0});
    const Tensor first = dropout(x);
    return std::pair(first, dropout(x));
  };
  const auto [a1, a2] = draw(1);
  const auto [b1, b2] = draw(1);
  CHECK(same_bytes(a1, b1));
  CHECK(same_bytes(a2, b2));
  CHECK_FALSE(same_bytes(a1, a2));
  CHECK_FALSE(same_bytes(a1, draw(2).first));
  {
    const RandomScope outer(RandomKey{1, 0});
    CHECK(same_bytes(dropout(x), a1));
    { CHECK(same_bytes(draw(1).first, a1)); }
    CHECK(same_bytes(dropout(x), a2));  // the inner scope took nothing from the outer one
  }
  dropout.eval();
  CHECK(same_bytes(dropout(x), x));
  Dropout always({.rate = 0.5, .in_eval = true});
  always.eval();
  CHECK_FALSE(same_bytes(always(x), x));
}

TEST_CASE("layers are called in turn and named by position") {
  RandomStream random({4, 0});
  Sequential net;
  net.append<Conv2d>(Conv2dOptions{.in = 3, .out = 2, .kernel = 1}, random).append<BatchNorm2d>(BatchNorm2dOptions{.channels = 2});
  CHECK(names(net.named_parameters()) == std::vector<std::string>{"0.weight", "0.bias", "1.weight", "1.bias"});
  CHECK(net(Tensor::zeros({1, 4, 4, 3})).shape() == Shape{1, 4, 4, 2});
}

TEST_CASE("conv_norm is norm(conv(x)): value, gradients and running statistics") {
  std::vector<Device> devices = cuda_devices();
  devices.push_back(kCpu);
  for (Device device : devices)
    for (bool training : {true, false})
      for (Activation act : {Activation::none(), Activation::relu()}) {  // of the convolution
        const auto results = [&](bool fused) {
          RandomStream random({4, 0});
          const bool bias = !act.is_none();  // one that is normalised away has no gradient but rounding
          Conv2d conv({.in = 5, .out = 9, .padding = Padding::symmetric(1), .bias = bias, .activation = act}, random);
          BatchNorm2d norm({.channels = 9, .activation = Activation::relu()});
          for (Module* m : {static_cast<Module*>(&conv), static_cast<Module*>(&norm)}) {
            m->to(device);
            m->train(training);
          }
          const CostScope cost;
          Tensor x = Tensor::normal({2, 13, 9, 5}, {4, 1}).to(device), residual = Tensor::normal({2, 13, 9, 9}, {4, 2}).to(device);
          x.set_requires_grad();
          residual.set_requires_grad();
          const Tensor y = fused ? conv_norm(conv, norm, x, residual) : norm(conv(x), residual);
          CHECK(cost.macs() == 2 * 13 * 9 * 9 * 5 * 9);
          y.backward(Tensor::normal(y.shape(), {4, 3}).to(device));
          std::vector<Tensor> out{y.detach(), x.grad(), residual.grad()};
          for (const Module* m : {static_cast<Module*>(&conv), static_cast<Module*>(&norm)}) {
            for (const Tensor& p : m->parameters()) out.push_back(p.grad());
            for (const NamedTensor& b : m->named_buffers()) out.push_back(b.tensor);
          }
          return out;
        };
        const auto fused = results(true), apart = results(false);
        REQUIRE(fused.size() == apart.size());
        for (std::size_t i = 0; i < fused.size(); ++i) {
          CAPTURE(i);
          if (device.is_cpu())
            CHECK(same_bytes(fused[i], apart[i]));
          else
            CHECK(relative_error(fused[i], apart[i]) < 2e-6);
        }
      }
}

TEST_CASE("moments of the initialisers are those of their definitions") {
  const Shape shape{64, 3, 3, 128};  // 73728 values
  const double in = 9 * 128, out = 9 * 64;
  struct Case {
    Init init;
    double sd, most;  // `most`: no value lies further out
  };
  constexpr double kSdInside2 = 0.87962566103423978;  // of a standard normal cut at 2
  const Case cases[] = {{Init::he_normal, std::sqrt(2 / in), 2 * std::sqrt(2 / in) / kSdInside2},
                        {Init::he_uniform, std::sqrt(2 / in), std::sqrt(6 / in)},
                        {Init::kaiming_normal, std::sqrt(2 / in), 6 * std::sqrt(2 / in)},
                        {Init::torch_default, 1 / std::sqrt(3 * in), 1 / std::sqrt(in)},
                        {Init::xavier_uniform, std::sqrt(2 / (in + out)), std::sqrt(6 / (in + out))},
                        {Init::xavier_normal, std::sqrt(2 / (in + out)), 6 * std::sqrt(2 / (in + out))},
                        {Init::glorot_normal, std::sqrt(2 / (in + out)), 2 * std::sqrt(2 / (in + out)) / kSdInside2},
                        {Init::normal, 0.02, 0.12},
                        {Init::truncated_normal, 0.01 * kSdInside2, 0.02}};
  for (const Case& c : cases) {
    CAPTURE(name_of(c.init));
    const Tensor w = initial_weight(c.init, shape, {in, out}, {5, 6});
    const Moments m = moments(w);
    // The standard errors of a mean and of a sd over n values are sd/sqrt(n) and at most sd/sqrt(2n); five of them.
    const double n = static_cast<double>(shape.numel());
    CHECK(std::abs(m.mean) < 5 * c.sd / std::sqrt(n));
    CHECK(std::abs(m.sd - c.sd) < 5 * c.sd / std::sqrt(2 * n));
    CHECK(m.most <= c.most * (1 + 1e-6));
    CHECK(m.most > 0.95 * std::min(c.most, 4 * c.sd));
    CHECK(same_bytes(w, initial_weight(c.init, shape, {in, out}, {5, 6})));
    CHECK_FALSE(same_bytes(w, initial_weight(c.init, shape, {in, out}, {5, 7})));
    CHECK(parse_init(name_of(c.init)) == c.init);
  }
  check_throws<OptionError>([] { parse_init("he_norml"); }, {"he_norml", "did you mean \"he_normal\""});
}

TEST_CASE("layer options outside their range") {
  RandomStream random({1, 0});
  check_throws<OptionError>([&] { Conv2d({.in = 0, .out = 2}, random); }, {"in 0"});
  check_throws<OptionError>([&] { Conv2d({.in = 4, .out = 6, .groups = 4}, random); }, {"groups 4", "out 6"});
  check_throws<OptionError>([&] { ConvTranspose2d({.in = 2, .out = 0}, random); }, {"out 0"});
  check_throws<OptionError>([] { Dropout({.rate = 1}); }, {"rate 1", "[0, 1)"});
}

TEST_CASE("evaluation for a while: every module gets its own mode back, also after an exception") {
  Net net(1);
  net.first.eval();  // frozen
  net.second.norm.eval();
  const auto modes = [&] {
    return std::vector<bool>{net.training(),        net.first.training(),       net.first.conv.training(), net.first.norm.training(),
                             net.second.training(), net.second.conv.training(), net.second.norm.training()};
  };
  const std::vector<bool> before{true, false, false, false, true, true, false}, evaluating(7, false);
  REQUIRE(modes() == before);
  {
    const EvalScope eval(net);
    CHECK(modes() == evaluating);
    { const EvalScope inner(net.second); }
    CHECK(modes() == evaluating);
  }
  CHECK(modes() == before);
  CHECK_THROWS_AS(
      [&] {
        const EvalScope eval(net);
        throw DataError("");
      }(),
      DataError);
  CHECK(modes() == before);
}

TEST_CASE("a network is where its first kernel is, of its kernels' dtype, whatever stands before") {
  struct NormFirst : nn::Module {
    NormFirst() {
      nn::RandomStream random(RandomKey{1});
      add<nn::BatchNorm2d>("norm", nn::BatchNorm2dOptions{.channels = 3});
      add<nn::Conv2d>("conv", nn::Conv2dOptions{.in = 3, .out = 2}, random);
    }
  } net;
  CHECK(net.options().dtype == DType::f32);
  net.to(DType::bf16);
  CHECK(net.options().dtype == DType::bf16);
  CHECK(nn::BatchNorm2d({.channels = 2}).options().dtype == DType::f32);
}

TEST_CASE("parts of a module have names of their own, since files know them by these") {
  struct Two : nn::Module {
    Two(const char* first, const char* second) {
      add<nn::Conv2d>(first, {.in = 1, .out = 1}, random);
      add_parameter(second, Tensor::zeros({1}));
    }
    RandomStream random{RandomKey{1}};
  };
  CHECK(Two("a", "b").parameters().size() == 3);
  check_throws<OptionError>([] { Two("a", "a"); }, {"a part called \"a\" already"});
  check_throws<OptionError>([] { Two("", "a"); }, {"or it is no name"});
}
