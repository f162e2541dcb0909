// What hangs on observers: a trace that another program could run (ONNX), sentinels, gradients that are reduced while backward runs.
#include <map>
#include <variant>

#include "lamina/models/registry.hpp"
#include "lamina/ops/ops.hpp"
#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::models;
using namespace lamina::test;

namespace {

using Integers = std::vector<std::int64_t>;
/// Attributes as their owner keeps them; a tensor is the number of a value.
using Kept = std::variant<std::int64_t, double, std::string, Integers, std::vector<double>, std::size_t>;

struct Step {
  std::string op;
  std::map<std::string, Kept> attributes;
  std::vector<std::size_t> inputs;
  std::size_t output;
};

/// A list of ops whose values are numbered. Values that no op made are constants, or the network's input. Value 0 is "none".
class Trace : public Observer {
 public:
  std::vector<Step> steps;
  std::vector<Tensor> values{{}};

  /// Tensors are told apart by the memory they cover, so that handles and `detach` of one value are one.
  std::size_t number(const Tensor& t) {
    if (!t) return 0;
    for (std::size_t i = values.size(); i-- > 1;)
      if (const Tensor& v = values[i];
          v.storage().same_as(t.storage()) && v.offset() == t.offset() && v.ld() == t.ld() && v.shape() == t.shape())
        return i;
    values.push_back(t);
    return values.size() - 1;
  }
  void forward(const ForwardEvent& e) override {
    Step step{e.op.name, {}, {}, 0};
    for (const Tensor& t : e.inputs) step.inputs.push_back(number(t));
    for (const Attribute& a : e.op.attributes) step.attributes[a.name] = std::visit([&](const auto& v) { return keep(v); }, a.value);
    values.push_back(e.output);  // a new value, also where memory is written again
    step.output = values.size() - 1;
    steps.push_back(std::move(step));
  }

  /// The value of `result` when `input` has other elements.
  Tensor replay(const Tensor& input, const Tensor& elements, const Tensor& result) {
    const std::size_t wanted = number(result);
    std::vector<Tensor> now = values;
    now[number(input)] = elements;
    for (const Step& s : steps) now[s.output] = run(s, now);
    return now[wanted];
  }

 private:
  Kept keep(std::int64_t v) { return v; }
  Kept keep(double v) { return v; }
  Kept keep(const char* v) { return std::string(v); }
  Kept keep(std::span<const std::int64_t> v) { return Integers(v.begin(), v.end()); }
  Kept keep(std::span<const double> v) { return std::vector<double>(v.begin(), v.end()); }
  Kept keep(const Tensor* v) { return number(*v); }

  static Tensor run(const Step& s, const std::vector<Tensor>& now) {
    const auto in = [&](std::size_t i) { return now[s.inputs.at(i)]; };
    const auto integer = [&](const char* name) { return static_cast<int>(std::get<std::int64_t>(s.attributes.at(name))); };
    const auto real = [&](const char* name) { return std::get<double>(s.attributes.at(name)); };
    const auto tensor = [&](const char* name) { return now[std::get<std::size_t>(s.attributes.at(name))]; };
    const auto act = [&] {
      const std::string kind = std::get<std::string>(s.attributes.at("activation"));
      for (int k = 0; k < 5; ++k)
        if (const Activation a{static_cast<Activation::Kind>(k), real("slope")}; kind == name_of(a.kind)) return a;
      throw OptionError("activation " + kind);
    };
    const auto padding = [&] {
      const Integers& p = std::get<Integers>(s.attributes.at("padding"));
      return Padding{static_cast<int>(p[0]), static_cast<int>(p[1]), static_cast<int>(p[2]), static_cast<int>(p[3]), false};
    };
    if (s.op == "copy") return in(0).to(now[s.output].dtype()).clone();
    if (s.op == "conv2d")
      return conv2d(in(0), in(1), in(2),
                    {.stride = integer("stride"),
                     .padding = padding(),
                     .dilation = integer("dilation"),
                     .groups = integer("groups"),
                     .activation = act()});
    if (s.op == "conv_transpose2d") {
      ConvTranspose2dParams p{.stride = integer("stride"),
                              .padding = padding(),
                              .output_padding = integer("output_padding"),
                              .dilation = integer("dilation"),
                              .groups = integer("groups"),
                              .activation = act()};
      p.padding.same = integer("same") != 0;
      return conv_transpose2d(in(0), in(1), in(2), p);
    }
    if (s.op == "batch_norm2d")
      return batch_norm2d(
          in(0), in(1), in(2), tensor("running_mean"), tensor("running_var"),
          {.training = integer("training") != 0, .momentum = real("momentum"), .epsilon = real("epsilon"), .activation = act()}, in(3));
    if (s.op == "max_pool2d") return max_pool2d(in(0), {.kernel = integer("kernel"), .stride = integer("stride"), .padding = padding()});
    if (s.op == "resize_nearest") return resize_nearest(in(0), integer("height"), integer("width"));
    if (s.op == "pad") {
      const Padding p = padding();
      return pad(in(0), {p.top, p.bottom, p.left, p.right}, real("value"));
    }
    if (s.op == "dropout")
      return dropout(in(0), real("rate"),
                     {static_cast<std::uint64_t>(std::get<std::int64_t>(s.attributes.at("seed"))),
                      static_cast<std::uint64_t>(std::get<std::int64_t>(s.attributes.at("stream")))});
    if (s.op == "activation") return activation(in(0), act());
    if (s.op == "concat") {
      std::vector<Tensor> parts;
      for (std::size_t i = 0; i < s.inputs.size(); ++i) parts.push_back(in(i));
      const Integers& offsets = std::get<Integers>(s.attributes.at("offsets"));
      REQUIRE(offsets.size() == parts.size() + 1);
      for (std::size_t i = 0; i < parts.size(); ++i) CHECK(offsets[i + 1] - offsets[i] == parts[i].size(-1));
      return concat(parts);
    }
    throw OptionError("no rule for " + s.op);
  }
};

}  // namespace

TEST_CASE("a trace of a U-Net, replayed with another photograph, gives the network's bytes") {
  // bn: skips written into slices; retina: dilation, norms after ReLU; keras in training: SAME padding, dropout; milesial: transposed
  // convolutions and padding to odd sizes.
  for (const auto& [preset, training] : {std::pair{"bn", false}, {"retina", false}, {"keras", true}, {"milesial", false}}) {
    CAPTURE(std::string(preset));
    const auto net = build_network({.preset = preset, .in_channels = 3, .options = {{"base", "6"}, {"depth", "2"}}}, 1);
    for (const nn::NamedTensor& b : net->named_buffers())  // statistics that matter
      if (b.tensor.rank()) b.tensor.copy_from(Tensor::uniform(b.tensor.shape(), {5, 6}, b.name.ends_with("var") ? 0.02 : -0.1, 0.1));
    net->train(training);
    const Tensor x = random_normal({1, 9, 14, 3}, 2, DType::f32), other = random_normal({1, 9, 14, 3}, 3, DType::f32);
    const NoGrad no_grad;
    const auto answer = [&](const Tensor& image) {
      const nn::RandomScope random(RandomKey{7});
      return (*net)(image);
    };
    Trace trace;
    Tensor y;
    {
      const ObserverScope scope(trace);
      y = answer(x);
    }
    CHECK(same_bytes(trace.replay(x, x, y), y));
    const Tensor expected = answer(other);
    CHECK(!same_bytes(expected, y));
    CHECK(same_bytes(trace.replay(x, other, y), expected));
  }
}

TEST_CASE("conversions and copies on the way are part of a trace") {
  const Tensor x = random_normal({1, 4, 4, 2}, 1), other = random_normal({1, 4, 4, 2}, 2);
  Trace trace;
  Tensor y;
  {
    const ObserverScope scope(trace);
    y = relu(relu(x).to(DType::f32).clone());
  }
  CHECK(same_bytes(trace.replay(x, other, y), relu(other.to(DType::f32))));
}

TEST_CASE("a sentinel sees which layers have channels that never fire") {
  struct Dead : Observer {
    std::map<std::string, double> share;
    void forward(const ForwardEvent& e) override {
      const auto* act = e.op.find("activation");
      if (!act || std::string_view(std::get<const char*>(*act)) != "relu") return;
      const std::int64_t channels = e.output.size(-1);
      std::vector<bool> fires(static_cast<std::size_t>(channels));
      const auto values = e.output.to_vector<float>();
      for (std::size_t i = 0; i < values.size(); ++i)
        if (values[i] > 0) fires[i % fires.size()] = true;
      share[nn::LayerScope::current()] = static_cast<double>(std::count(fires.begin(), fires.end(), false)) / static_cast<double>(channels);
    }
  } dead;
  const auto net = build_network({.preset = "bn", .in_channels = 3, .options = {{"base", "4"}, {"depth", "1"}}}, 1);
  for (const nn::NamedTensor& p : net->named_parameters())
    if (p.name == "merge.0.norm1.bias") p.tensor.copy_from(Tensor::from<float>({-100, 0, -100, 0}, {4}));
  {
    const ObserverScope scope(dead);
    (*net)(random_normal({1, 8, 8, 3}, 2, DType::f32));
  }
  CHECK(dead.share.size() == 6);
  for (const auto& [layer, share] : dead.share) CHECK_MESSAGE(share == (layer == "merge.0.norm1" ? 0.5 : 0.0), layer);
}

TEST_CASE("gradients of two half batches, summed leaf by leaf as they become ready, are those of the whole batch") {
  /// A U-Net without norms, run twice over the same weights.
  const auto build = [] {
    auto net = build_network({.preset = "milesial", .in_channels = 2, .options = {{"base", "2"}, {"depth", "1"}}}, 1);
    net->to(DType::f64);
    net->eval();  // norms of a batch would see only its half
    return net;
  };
  const auto loss = [](Network& net, const Tensor& x) {
    const Tensor y = net(x);  // (N, 6, 6, 2): twice, so that every weight is shared
    return sum(mul(net(y), y));
  };
  /// Which parameter was ready when, and its gradient then.
  struct Ready : Observer {
    explicit Ready(const std::vector<Tensor>& parameters) : parameters(parameters) {}
    void leaf_ready(const Tensor& leaf) override {
      for (std::size_t i = 0; i < parameters.size(); ++i)
        if (parameters[i].impl() == leaf.impl()) {
          order.push_back(i);
          grads.push_back(leaf.grad().clone());
        }
    }
    std::vector<Tensor> parameters;
    std::vector<std::size_t> order;
    std::vector<Tensor> grads;
  };
  const Tensor x = random_normal({2, 6, 6, 2}, 3);
  const auto whole = build(), a = build(), b = build();
  loss(*whole, x).backward();
  Ready first(a->parameters()), second(b->parameters());
  {
    const ObserverScope scope(first);
    loss(*a, x.rows(0, 1)).backward();
  }
  {
    const ObserverScope scope(second);
    loss(*b, x.rows(1, 1)).backward();
  }
  const auto expected = whole->parameters();
  REQUIRE(first.order.size() == expected.size());  // each once
  CHECK(first.order == second.order);              // replicas meet in the same order
  std::vector<bool> seen(expected.size());
  for (std::size_t k = 0; k < expected.size(); ++k) {
    const std::size_t i = first.order[k];
    CHECK(!seen[i]);
    seen[i] = true;
    CHECK(relative_error(add(first.grads[k], second.grads[k]), expected[i].grad()) < 1e-12);
  }
}
