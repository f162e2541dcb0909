// Terms from outside the library: what they may be called, and what they must return.
#include "lamina/losses/criterion.hpp"
#include "lamina/ops/ops.hpp"
#include "support/heads.hpp"
#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::test;
using losses::Criterion;
using losses::TermInput;

namespace {

using Values = std::span<const double>;

void add_term(const std::string& name, std::function<Tensor(const TermInput&, Values)> own) {
  losses::register_term({.name = name, .own = std::move(own)});
}

}  // namespace

TEST_CASE("terms whose names cannot be typed, or are there already, are refused by name") {
  const auto refused = [](losses::TermType type, std::initializer_list<const char*> words) {
    if (!type.own) type.own = [](const TermInput& in, Values) { return mean(in.logits); };
    check_throws<OptionError>([&] { losses::register_term(type); }, words);
  };
  for (const char* name : {"", "two words", "a+b", "2*a", "a:b", "a=b", "a,b", "3d", "_a", "flach\xc3\xa4"})
    refused({.name = name}, {"a loss term", name, "a letter, then letters, digits, _ and -"});
  refused({.name = "dice"}, {"\"dice\"", "already"});
  refused({.name = "mine", .scalar = "loss"}, {"mine", "scalar \"loss\"", "already"});
  refused({.name = "mine", .scalar = "dice_loss"}, {"mine", "scalar \"dice_loss\"", "already"});  // Criterion would add up the two
  refused({.name = "mine", .arguments = {{.name = "a b"}}}, {"mine", "argument", "\"a b\""});
  refused({.name = "mine", .arguments = {{.name = "a"}, {.name = "a"}}}, {"mine", "argument", "\"a\"", "already"});
  refused({.name = "mine", .arguments = {{.name = "a", .value = 3, .least = 0, .most = 1}}}, {"mine", "a = 3", "[0.000000, 1.000000]"});
  check_throws<OptionError>([] { losses::register_term({.name = "mine"}); }, {"mine", "no function `own`"});
  check_throws<OptionError>([] { losses::register_term({.name = "mine", .kind = losses::TermKind::region}); }, {"no function `region`"});
  CHECK_THROWS_AS(Criterion("mine"), OptionError);  // nothing of it was kept
  add_term("not-mine_2", [](const TermInput& in, Values) { return mean(in.logits); });
  const auto head = head_of(data::Task::multiclass);
  Scalars values;
  (void)Criterion("0.5*not-mine_2+ce")(*head, Tensor::full({1, 2, 2, 3}, 2), Tensor::zeros({1, 2, 2}, {DType::u8, kCpu}), &values);
  CHECK(values.at("not-mine_2") == 2);  // the scalar is called as the term where it has no name of its own
}

TEST_CASE("a term that is no number, or has no gradient in the logits, is refused in the first step, by name") {
  add_term("per_pixel", [](const TermInput& in, Values) { return softmax(in.logits); });
  add_term("nothing", [](const TermInput&, Values) { return Tensor(); });
  add_term("detached", [](const TermInput& in, Values) { return mean(in.logits.detach()); });
  add_term("by_hand", [](const TermInput& in, Values) { return Tensor::scalar(mean(in.logits).item(), in.logits.dtype()); });
  add_term("untaped", [](const TermInput& in, Values) {
    const NoGrad no_grad;
    return mean(in.logits);
  });
  Tensor elsewhere = Tensor::full({3}, 1, {DType::f64, kCpu});
  elsewhere.set_requires_grad();
  add_term("elsewhere", [elsewhere](const TermInput&, Values) { return mean(elsewhere); });
  add_term("other_type", [](const TermInput&, Values) { return Tensor::scalar(1, DType::i32); });
  add_term("none_here", [](const TermInput& in, Values) { return scale(sum(in.logits), 0); });
  add_term("square", [](const TermInput& in, Values) { return mean(mul(in.logits, in.logits), {.keepdim = true}); });

  const auto head = head_of(data::Task::multiclass);
  const Tensor y = Tensor::zeros({1, 2, 2}, {DType::u8, kCpu});
  Tensor weight = Tensor::full({1}, 2, {DType::f64, kCpu});
  weight.set_requires_grad();
  const Tensor z = mul(random_normal({1, 2, 2, 3}, 1), weight), small = mul(random_normal({1, 1, 1, 3}, 1), weight);
  for (const char* rest : {"", "+ce"}) {
    const auto loss = [&](const char* term, const Tensor& logits) { return Criterion(std::string(term) + rest)(*head, logits, y); };
    check_throws<ShapeError>([&] { loss("per_pixel", z); }, {"the loss term per_pixel", "(1, 2, 2, 3)", "one number", "mean(...)"});
    check_throws<ShapeError>([&] { loss("nothing", z); }, {"the loss term nothing", "undefined tensor"});
    check_throws<DeviceError>([&] { loss("other_type", z); }, {"the loss term other_type", "i32", "f64"});
    for (const char* cut : {"detached", "by_hand", "untaped", "elsewhere"})
      for (const Tensor& logits : {z, small})
        check_throws<GraphError>([&] { loss(cut, logits); }, {"the loss term", cut, "no gradient leads", "TermInput::logits"});
    for (const char* right : {"none_here", "square"}) {
      weight.zero_grad();
      const Tensor value = loss(right, small);
      CHECK(value.rank() == 0);
      value.backward({}, true);
      CHECK(weight.grad());
    }
    const NoGrad no_grad;  // validation: nothing is learned
    CHECK(loss("detached", z).numel() == 1);
  }
  CHECK(Criterion("detached")(*head, z.detach(), y).numel() == 1);  // nor of a network that is frozen
}

TEST_CASE("a path on the tape: over many ops, to leaves and results, and none to what came later") {
  Tensor leaf = random_normal({3}, 1);
  leaf.set_requires_grad();
  Tensor other = random_normal({3}, 2);
  other.set_requires_grad();
  const Tensor middle = mul(leaf, other);
  Tensor far = middle;
  for (int i = 0; i < 1000; ++i) far = add(far, far);
  CHECK(autograd::leads_to(far, middle));
  CHECK(autograd::leads_to(far, leaf));
  CHECK(autograd::leads_to(middle, middle));
  CHECK(autograd::leads_to(leaf, leaf));
  CHECK(!autograd::leads_to(middle, far));
  CHECK(!autograd::leads_to(scale(leaf, 2), middle));
  CHECK(!autograd::leads_to(scale(leaf, 2), other));
  CHECK(!autograd::leads_to(middle.detach(), middle));
}
