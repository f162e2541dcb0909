// Layers as observers see them, and layers without memory.
#include "lamina/nn/nn.hpp"
#include "lamina/ops/ops.hpp"
#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::test;
using namespace lamina::nn;

namespace {

struct ConvBlock : Module {
  explicit ConvBlock(RandomStream& random)
      : conv(add<Conv2d>("conv", Conv2dOptions{.in = 3, .out = 3, .padding = Padding::symmetric(1)}, random)),
        norm(add<BatchNorm2d>("norm.0", BatchNorm2dOptions{.channels = 3})),
        up(add<ConvTranspose2d>("up", ConvTranspose2dOptions{.in = 3, .out = 3}, random)),
        group(add<GroupNorm>("group", GroupNormOptions{.channels = 3})),
        dropout(add<Dropout>("dropout", DropoutOptions{})) {}
  Tensor operator()(const Tensor& x) const { return relu(dropout(group(up(conv_norm(conv, norm, x))))); }
  Conv2d& conv;
  BatchNorm2d& norm;
  ConvTranspose2d& up;
  GroupNorm& group;
  Dropout& dropout;
};
struct ConvNet : Module {
  ConvNet() : random({1, 2}) { add<Sequential>("blocks").append<ConvBlock>(random).append<ConvBlock>(random); }
  Tensor operator()(const Tensor& x) const { return static_cast<const Sequential&>(*children()[0].second)(x); }
  RandomStream random;
};

struct Paths : Observer {
  std::vector<std::string> seen;
  void forward(const ForwardEvent& e) override { seen.push_back(std::string(e.op.name) + " " + LayerScope::current()); }
};

}  // namespace

TEST_CASE("an op knows the path of the layer that runs it") {
  const ConvNet net;
  Paths paths;
  {
    const ObserverScope scope(paths);
    net(Tensor::zeros({1, 4, 4, 3}));
  }
  std::vector<std::string> expected;
  for (const std::string block : {"blocks.0.", "blocks.1."})
    for (const char* op : {"conv2d conv", "batch_norm2d norm.0", "conv_transpose2d up", "group_norm group", "dropout dropout"})
      expected.push_back(std::string(op).insert(std::string(op).find(' ') + 1, block));
  expected.insert(expected.begin() + 5, "activation ");
  expected.emplace_back("activation ");
  CHECK(paths.seen == expected);
  CHECK(LayerScope::current().empty());
  CHECK(net.path().empty());
}

TEST_CASE("anomaly mode names the layer of an op that is not finite, forward and backward") {
  const ConvNet net;
  const Tensor x = random_normal({1, 4, 4, 3}, 3, DType::f32);
  const auto parameters = net.named_parameters();
  const auto named = [&](const std::string& name) {
    return std::find_if(parameters.begin(), parameters.end(), [&](const NamedTensor& t) { return t.name == name; })->tensor;
  };
  const AnomalyMode anomaly;
  CHECK_NOTHROW(net(x));
  const Tensor weight = named("blocks.1.up.weight"), right = weight.clone();
  weight.fill(std::numeric_limits<double>::infinity());
  check_throws<NumericError>([&] { net(x); }, {"output of conv_transpose2d in layer blocks.1.up with shape"});
  weight.copy_from(right);
  const Tensor y = net(x);
  // Finite all the way, and a gradient that is not: the second block's dropout is the last layer.
  check_throws<NumericError>([&] { y.backward(Tensor::full(y.shape(), 3e38)); }, {"in layer blocks.1."});
  check_throws<NumericError>([&] { mul(Tensor::full({1}, 1e30), Tensor::full({1}, 1e30)); }, {"output of mul with shape"});
}

TEST_CASE("tied outputs of a convolution have the same filter and a bias each") {
  RandomStream random({1, 2});
  Conv2d conv({.in = 2, .out = 6, .kernel = 1, .tied = {3, 3}}, random);
  const Tensor weight = conv.parameters()[0], bias = conv.parameters()[1];
  CHECK(weight.shape() == Shape{2, 1, 1, 2});
  CHECK(bias.to_vector<float>() == std::vector<float>{1, 2 / 3.f, 1 / 3.f, 1, 2 / 3.f, 1 / 3.f});  // in order from the first step on
  weight.copy_from(Tensor::from({1.f, 2.f, -1.f, 10.f}, {2, 1, 1, 2}));
  bias.copy_from(Tensor::from({3.f, 2.f, 1.f, 0.f, -1.f, -2.f}, {6}));
  std::vector<Device> devices{kCpu};
  for (const Device device : cuda_devices()) devices.push_back(device);
  for (const Device device : devices) {
    CAPTURE(device.str());
    conv.to(device);
    for (const Tensor& p : conv.parameters()) p.zero_grad();
    const Tensor y = conv(Tensor::from({5.f, 7.f}, {1, 1, 1, 2}).to(device));  // 5 + 14 = 19, -5 + 70 = 65
    CHECK(y.to_vector<float>() == std::vector<float>{22, 21, 20, 65, 64, 63});
    y.backward(Tensor::from({1.f, 2.f, 3.f, 10.f, 20.f, 30.f}, {1, 1, 1, 6}).to(device));
    CHECK(weight.grad().to_vector<float>() == std::vector<float>{30, 42, 300, 420});
    CHECK(bias.grad().to_vector<float>() == std::vector<float>{1, 2, 3, 10, 20, 30});
  }
  for (const std::vector<int>& wrong : {std::vector<int>{4}, {3, 4}, {7, -1}})
    check_throws<OptionError>([&] { Conv2d({.in = 2, .out = 6, .tied = wrong}, random); }, {"tied", "out 6"});
  // Rows of any lengths, which begin at 0 where they are of one.
  Conv2d rows({.in = 2, .out = 4, .kernel = 1, .tied = {1, 2, 1}}, random);
  CHECK(rows.parameters()[1].to_vector<float>() == std::vector<float>{0, 1, 0.5f, 0});
  rows.parameters()[0].copy_from(Tensor::from({1.f, 0.f, 0.f, 1.f, 2.f, 0.f}, {3, 1, 1, 2}));
  CHECK(rows(Tensor::from({5.f, 7.f}, {1, 1, 1, 2})).to_vector<float>() == std::vector<float>{5, 8, 7.5f, 10});
  // Filters of more than one pixel, each as a whole.
  const Tensor filters = Tensor::from({1.f, 2.f, 3.f, 4.f}, {2, 1, 2, 1});
  const std::vector<int> times{1, 3};
  CHECK(repeated_filters(filters, times).shape() == Shape{4, 1, 2, 1});
  CHECK(repeated_filters(filters, times).to_vector<float>() == std::vector<float>{1, 2, 3, 4, 3, 4, 3, 4});
}

TEST_CASE("a module built meta has shapes and names, and no memory; filled, it is the module that its state came from") {
  const ConvNet whole;
  reset_peak_memory();
  const std::size_t before = memory_stats().in_use;
  std::unique_ptr<ConvNet> net;
  {
    const MetaScope scope;
    net = std::make_unique<ConvNet>();
  }
  CHECK(!MetaScope::active());
  CHECK(memory_stats().peak == before);
  const auto state = whole.state();
  REQUIRE(net->state().size() == state.size());
  for (std::size_t i = 0; i < state.size(); ++i) {
    const NamedTensor t = net->state()[i];
    CHECK(t.name == state[i].name);
    CHECK(t.tensor.shape() == state[i].tensor.shape());
    CHECK(t.tensor.dtype() == state[i].tensor.dtype());
    CHECK(t.tensor.requires_grad() == state[i].tensor.requires_grad());
    CHECK(t.tensor.device() == kMeta);
  }
  CHECK((*net)(Tensor::zeros({1, 4, 4, 3}, {DType::f32, kMeta})).shape() == Shape{1, 16, 16, 3});

  auto wrong = state;
  wrong.erase(wrong.begin());
  check_throws<DataError>([&] { net->fill(wrong); }, {"missing: blocks.0.conv.weight"});
  auto kind = state;
  kind[0].tensor = Tensor::zeros(kind[0].tensor.shape(), {DType::i64, kCpu});
  check_throws<DataError>([&] { net->fill(kind); }, {"dtype: blocks.0.conv.weight is f32 here, i64"});
  CHECK(net->parameters()[0].device() == kMeta);

  net->fill(state);  // the other module keeps its memory
  for (std::size_t i = 0; i < state.size(); ++i) {
    CHECK(same_bytes(net->state()[i].tensor, state[i].tensor));
    CHECK(net->state()[i].tensor.storage().data() != state[i].tensor.storage().data());
  }
  const RandomScope one(RandomKey{1});
  const Tensor x = random_normal({1, 4, 4, 3}, 3, DType::f32), y = whole(x);
  const RandomScope two(RandomKey{1});
  const Tensor z = (*net)(x);
  CHECK(same_bytes(z, y));
  z.backward(Tensor::full(z.shape(), 1));
  CHECK(net->parameters()[0].grad());
}

TEST_CASE("a module built meta takes the values that it would have had, where it has none") {
  const ConvNet whole;
  std::unique_ptr<ConvNet> net;
  {
    const MetaScope scope;
    net = std::make_unique<ConvNet>();
  }
  const std::vector<NamedTensor> state = net->state(), wanted = whole.state();
  const Tensor given = Tensor::full(state[1].tensor.shape(), 7);
  state[1].tensor.adopt(given);
  net->initialise();
  for (std::size_t i = 0; i < state.size(); ++i) {
    CAPTURE(state[i].name);
    CHECK(same_bytes(state[i].tensor, i == 1 ? given : wanted[i].tensor));
    CHECK(state[i].tensor.requires_grad() == wanted[i].tensor.requires_grad());
  }
  net->initialise();  // once is enough: it begins nothing anew
  CHECK(same_bytes(state[1].tensor, given));
}

namespace {
/// A value that is there, one that is asked for, and one that is asked for anew.
struct Asked : Module {
  int asked = 0;
  Tensor there = add_parameter("there", Tensor::full({2}, 3));
  Tensor later = add_parameter("later", {2}, [this] { return ++asked, Tensor::full({2}, 4); });
  Tensor other = add_buffer("other", {2}, [this] { return ++asked, Tensor::full({2}, 5); });
  Asked() {
    set_initial(other, [] { return Tensor::full({2}, 6); });
  }
};
}  // namespace

TEST_CASE("initial values are asked for at once, or in a MetaScope by initialise() alone") {
  CHECK(Asked().asked == 2);
  CHECK(Asked().other.to_vector<float>() == std::vector<float>{6, 6});
  std::unique_ptr<Asked> net;
  {
    const MetaScope scope;
    net = std::make_unique<Asked>();
  }
  CHECK(net->asked == 0);
  net->initialise();
  CHECK(net->asked == 1);  // what has other initial values needs none of its own
  CHECK(net->there.to_vector<float>() == std::vector<float>{3, 3});
  CHECK(net->later.to_vector<float>() == std::vector<float>{4, 4});
  CHECK(net->other.to_vector<float>() == std::vector<float>{6, 6});
}

TEST_CASE("fill takes over memory that nobody else holds, and copies what somebody does") {
  std::unique_ptr<ConvNet> net;
  {
    const MetaScope scope;
    net = std::make_unique<ConvNet>();
  }
  std::vector<NamedTensor> given;
  for (const NamedTensor& t : ConvNet().state()) given.push_back({t.name, t.tensor.clone()});
  given[1].tensor = given[1].tensor.to(DType::f64);  // the module decides
  const Tensor held = given[2].tensor, alias = given[3].tensor.detach();
  std::vector<const void*> memory;
  for (const NamedTensor& t : given) memory.push_back(t.tensor.storage().data());
  net->fill(std::move(given));
  const auto state = net->state();
  for (std::size_t i = 0; i < state.size(); ++i) {
    CAPTURE(i);
    CHECK((state[i].tensor.storage().data() == memory[i]) == (i == 0 || i > 3));
  }
  CHECK(state[1].tensor.dtype() == DType::f32);
  CHECK(same_bytes(state[2].tensor, held));
  CHECK(same_bytes(state[3].tensor, alias));
}

TEST_CASE("a profile has a row for each op of a layer: calls, bytes, algorithm, times of both passes") {
  RandomStream random({1, 2});
  struct Two : Module {
    explicit Two(RandomStream& random)
        : conv(add<Conv2d>("conv", Conv2dOptions{.in = 2, .out = 2, .padding = Padding::symmetric(1), .bias = false}, random)) {}
    Conv2d& conv;
  } two(random);
  const Tensor x = Tensor::zeros({1, 8, 8, 2});
  Profiler profiler(kCpu);
  profiler.skip();
  const Tensor y = relu(two.conv(two.conv(x)));
  y.backward(Tensor::full(y.shape(), 1));
  {
    const NoGrad no_grad;
    two.conv(x);
  }
  auto rows = profiler.rows();
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].forward + rows[0].backward >= rows[1].forward + rows[1].backward);
  if (rows[0].op != "conv2d") std::swap(rows[0], rows[1]);
  CHECK(rows[0].layer == "conv");
  CHECK(rows[0].calls == 3);
  CHECK(rows[0].bytes == 3 * (2 * 8 * 8 * 2 + 2 * 9 * 2) * 4);
  CHECK(!rows[0].algorithm.empty());
  CHECK(rows[1].layer.empty());
  CHECK(rows[1].calls == 1);
  for (const ProfileRow& row : rows) {
    CHECK(row.forward > 0);
    CHECK(row.backward > 0);
  }
}
