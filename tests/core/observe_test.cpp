#include "lamina/ops/ops.hpp"
#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::test;

namespace {

Tensor parameter(const Shape& shape, std::uint64_t seed) { return random_normal(shape, seed).set_requires_grad(); }

/// Writes down what it is told.
struct Log : Observer {
  std::vector<std::string> forwards, backwards;
  std::vector<std::uint64_t> forward_ids, backward_ids;
  std::vector<Tensor> ready, grads;  // leaves, and their gradients at that moment
  void forward(const ForwardEvent& e) override {
    forwards.push_back(e.op.name);
    forward_ids.push_back(e.id);
  }
  void backward(const BackwardEvent& e) override {
    backwards.push_back(e.op);
    backward_ids.push_back(e.id);
  }
  void leaf_ready(const Tensor& t) override {
    ready.push_back(t);
    grads.push_back(t.grad() ? t.grad().clone() : Tensor{});
  }
};

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("observers see forward ops with their attributes, gradient rules, and nothing that runs inside those") {
  Tensor x = parameter({1, 4, 4, 2}, 1);
  const Tensor w = parameter({3, 3, 3, 2}, 2);
  struct Reader : Log {
    void forward(const ForwardEvent& e) override {
      Log::forward(e);
      if (e.op.name != std::string("conv2d")) return;
      CHECK(e.op.get<std::int64_t>("stride") == 2);
      const auto padding = e.op.get<std::span<const std::int64_t>>("padding");  // SAME, in pixels: (4 - 1) / 2 * 2 + 3 - 4 = 1
      CHECK(std::vector<std::int64_t>(padding.begin(), padding.end()) == std::vector<std::int64_t>{0, 1, 0, 1});
      CHECK(e.op.get<const char*>("activation") == std::string("leaky_relu"));
      CHECK(e.op.get<double>("slope") == doctest::Approx(0.25));
      CHECK(e.op.get<const char*>("algorithm") != std::string("automatic"));
      CHECK(e.op.find("nothing") == nullptr);
      check_throws<OptionError>([&] { e.op.get<double>("stride"); }, {"conv2d", "stride"});
      CHECK(e.inputs.size() == 3);
      CHECK(!e.inputs[2].defined());
      CHECK(e.output.shape() == Shape{1, 2, 2, 3});
    }
  } log;
  {
    const ObserverScope scope(log);
    const Tensor y = conv2d(x, w, {}, {.stride = 2, .padding = Padding::tf_same(), .activation = Activation::leaky_relu(0.25f)});
    const Tensor z = mul(scale(y, 2), y);  // mul's rule calls mul, scale's calls scale
    (void)argmax(z);
    z.backward(Tensor::full(z.shape(), 1, like(z)));
  }
  CHECK(log.forwards == Names{"conv2d", "scale", "mul", "argmax"});
  CHECK(log.backwards == Names{"mul", "scale", "conv2d"});
  CHECK(log.backward_ids == std::vector<std::uint64_t>{log.forward_ids[2], log.forward_ids[1], log.forward_ids[0]});
  CHECK(log.forward_ids[3] == 0);  // not on the tape
  mul(x, x);
  CHECK(log.forwards.size() == 4);
}

TEST_CASE("observer scopes nest, the innermost first; an observer's own ops are its business, off the tape") {
  const Tensor x = parameter({2}, 1);
  std::string order;
  struct Letter : Observer {
    Letter(std::string& order, char letter) : order(order), letter(letter) {}
    void forward(const ForwardEvent& e) override {
      order += letter;
      CHECK(!scale(e.output, 2).requires_grad());
    }
    std::string& order;
    char letter;
  } a(order, 'a'), b(order, 'b');
  {
    const ObserverScope outer(a);
    mul(x, x);
    {
      const ObserverScope inner(b);
      mul(x, x);
    }
    mul(x, x);
    CHECK(mul(x, x).requires_grad());
  }
  CHECK(order == "abaaa");
  CHECK(!ObserverScope::active());
}

TEST_CASE("an observer that throws ends the op, and later ops are observed as before") {
  struct Once : Log {
    void forward(const ForwardEvent& e) override {
      Log::forward(e);
      require<NumericError>(forwards.size() > 1, "stop at ", e.op.name);
    }
  } once;
  const ObserverScope scope(once);
  const Tensor x = parameter({2}, 1);
  check_throws<NumericError>([&] { mul(x, x); }, {"stop at mul"});
  CHECK(mul(x, x).requires_grad());
  CHECK(once.forwards.size() == 2);
}

TEST_CASE("copies are seen, those into and out of borrowed memory are not") {
  Log log;
  std::vector<double> memory{1, 2};
  const ObserverScope scope(log);
  const Tensor x = Tensor::from_blob(memory.data(), {2}, DType::f64).clone();
  CHECK(log.forwards.empty());
  (void)x.clone();
  (void)x.to(DType::f32);
  (void)x.to(DType::f64);  // itself
  (void)x.to_vector<double>();
  x.copy_from(x.clone());
  CHECK(log.forwards == Names{"copy", "copy", "copy", "copy"});
}

TEST_CASE("a leaf is ready once a backward, when its gradient is what it will be") {
  const Tensor a = parameter({3}, 1), b = parameter({3}, 2), c = parameter({3}, 3), other = parameter({3}, 4);
  const Tensor one = Tensor::full({3}, 1, like(a));
  for (int round = 0; round < 2; ++round) {
    Log log;
    const ObserverScope scope(log);
    // a is used by four edges, two of them of one op; b by two; c by the last op to be differentiated.
    const Tensor h = mul(mul(c, a), b), y = add(mul(mul(h, b), a), mul(a, a));
    y.backward(one);
    REQUIRE(log.ready.size() == 3);
    for (const Tensor& t : {a, b, c}) {
      int times = 0;
      for (std::size_t i = 0; i < 3; ++i)
        if (log.ready[i].impl() == t.impl()) {
          ++times;
          CHECK(same_bytes(log.grads[i], t.grad()));  // nothing came later
        }
      CHECK(times == 1);
    }
    CHECK(log.ready[0].impl() == b.impl());  // while the rule of mul(c, a) is yet to run
  }
  CHECK(!other.grad());
}

TEST_CASE("a leaf that no gradient reaches is ready at the end; a leaf that is the root at once") {
  Tensor a = parameter({2}, 1), b = parameter({2}, 2);
  Log log;
  const ObserverScope scope(log);
  const Tensor blocked = record("blocked", {scale(a, 2)}, a.detach(), [](const Tensor&, NeedsGrad) -> Grads { return {Tensor{}}; });
  const Tensor y = mul(blocked, b);
  y.backward(Tensor::full({2}, 1, like(a)));
  REQUIRE(log.ready.size() == 2);
  CHECK(log.ready[0].impl() == b.impl());
  CHECK(log.ready[1].impl() == a.impl());
  CHECK(!log.grads[1]);
  a.backward(Tensor::full({2}, 1, like(a)));
  REQUIRE(log.ready.size() == 3);
  CHECK(log.ready[2].impl() == a.impl());
  CHECK(log.grads[2]);
}
