#include "lamina/losses/criterion.hpp"

#include <cmath>

#include "lamina/ops/reduce.hpp"
#include "support/heads.hpp"
#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::test;
using losses::Criterion;

namespace {
Tensor some_labels(const Shape& shape, int classes) {
  std::vector<std::uint8_t> v;
  Random random(RandomKey{4});
  for (std::int64_t i = 0; i < shape.numel(); ++i)
    v.push_back(i % 7 == 3 ? data::kIgnoreLabel : static_cast<std::uint8_t>(random.below(static_cast<std::uint64_t>(classes))));
  return Tensor::from(std::span<const std::uint8_t>(v), shape);
}
}  // namespace

TEST_CASE("an expression is a weighted sum of its terms, and says each before its factor") {
  const auto head = head_of(data::Task::multiclass);
  const Tensor z = random_normal({2, 4, 5, 3}, 1), y = some_labels({2, 4, 5}, 3);
  const losses::CriterionOptions options{.class_weights = {1, 2, 0.5}};
  const auto value = [&](const std::string& expression) {
    Scalars s;
    const Tensor loss = Criterion(expression, options)(*head, z, y, &s);
    CHECK(loss.item() == s.at("loss"));
    return s;
  };
  const double ce = value("ce").at("ce"), dice = value("dice").at("dice_loss"), tversky = value("tversky").at("tversky_loss");
  CHECK(value("ce") == Scalars{{"loss", ce}, {"ce", ce}});
  const Scalars sum = value("0.5*ce+2*dice+0.25*tversky");
  std::vector<std::string> names;
  for (const auto& [name, v] : sum) names.push_back(name);
  CHECK(names == std::vector<std::string>{"loss", "ce", "dice_loss", "tversky_loss"});
  CHECK(sum.at("ce") == doctest::Approx(ce).epsilon(1e-14));
  CHECK(sum.at("dice_loss") == doctest::Approx(dice).epsilon(1e-14));
  CHECK(sum.at("tversky_loss") == doctest::Approx(tversky).epsilon(1e-14));
  CHECK(sum.at("loss") == doctest::Approx(0.5 * ce + 2 * dice + 0.25 * tversky).epsilon(1e-14));
  CHECK(value("ce+ce").at("loss") == doctest::Approx(2 * ce).epsilon(1e-14));
  CHECK(value("tversky:alpha=0.5:beta=0.5:smooth=0.5").at("loss") == doctest::Approx(value("dice").at("loss")).epsilon(1e-14));
  const Scalars two = value("tversky:alpha=0.1+tversky:alpha=0.9");
  CHECK(two.at("tversky_loss:alpha=0.1") != two.at("tversky_loss:alpha=0.9"));
}

TEST_CASE("ce and dice by hand: two pixels, p = (3/4, 1/4) at both, labels 0 and 1, weights 1 and 3") {
  data::LabelSchema s;
  s.names = {"a", "b"};
  s.values = {0, 1};
  s.colors.resize(2);
  const auto head = heads::make_head(s);
  const double z = std::log(3.0);
  const Tensor logits = Tensor::from({z, 0.0, z, 0.0}, {1, 1, 2, 2}), y = Tensor::from({std::uint8_t{0}, std::uint8_t{1}}, {1, 1, 2});
  Scalars v;
  (void)Criterion("0.5*ce+2*dice:smooth=0", {.class_weights = {1, 3}})(*head, logits, y, &v);
  const double ce = (std::log(4.0 / 3) + 3 * std::log(4.0)) / 4, dice = 1 - (0.6 + 3 * (1.0 / 3)) / 4;
  CHECK(v.at("ce") == doctest::Approx(ce).epsilon(1e-14));
  CHECK(v.at("dice_loss") == doctest::Approx(dice).epsilon(1e-14));
  CHECK(v.at("loss") == doctest::Approx(0.5 * ce + 2 * dice).epsilon(1e-14));
}

TEST_CASE("gradients of terms in one pass and beside it; smaller logits are interpolated") {
  const auto classes = head_of(data::Task::multiclass), grades = head_of(data::Task::ordinal),
             values = head_of(data::Task::ordinal, 3, "regression");
  struct Of {
    const heads::Head& head;
    const char* loss;
  };
  for (const Of& of : {Of{*classes, "ce+dice"}, Of{*classes, "jaccard+0.5*tversky:exponent=0.75"}, Of{*grades, "ce+dice"},
                       Of{*values, "mse"}, Of{*values, "0.5*mae+mse"}})
    for (const bool smaller : {false, true}) {
      CAPTURE(of.loss);
      CAPTURE(smaller);
      const Tensor z = random_normal({2, smaller ? 3 : 6, smaller ? 4 : 7, of.head.outputs()}, 1);
      const Tensor y = some_labels({2, 6, 7}, 3);
      Tensor leaf = z.clone();
      leaf.set_requires_grad();
      const Criterion criterion(of.loss);
      const auto result = gradcheck([&](const std::vector<Tensor>& in) { return criterion(of.head, in[0], y); }, {leaf});
      CHECK_MESSAGE(result.ok, result.str());
    }
}

TEST_CASE("smaller logits: the loss of what the half-pixel rule makes of them") {
  const auto classes = head_of(data::Task::multiclass), values = head_of(data::Task::ordinal, 3, "regression");
  const Tensor y = some_labels({2, 6, 7}, 3);
  for (const auto& [head, loss] : {std::pair(classes, "ce+dice"), std::pair(values, "mse")}) {
    const Tensor z = random_normal({2, 3, 4, head->outputs()}, 1), large = resize_bilinear(z, 6, 7, ResizeGrid::half_pixel);
    CHECK(Criterion(loss)(*head, z, y).item() == doctest::Approx(Criterion(loss)(*head, large, y).item()).epsilon(1e-12));
  }
}

TEST_CASE("losses between numbers: by hand, unlabelled pixels count nowhere") {
  const auto head = head_of(data::Task::ordinal, 3, "regression");
  const Tensor v = Tensor::from({0.5, 1.0, 4.0, 7.0}, {1, 2, 2, 1});
  const Tensor y = Tensor::from({std::uint8_t{0}, std::uint8_t{1}, std::uint8_t{2}, std::uint8_t{255}}, {1, 2, 2});
  CHECK(Criterion("mae")(*head, v, y).item() == doctest::Approx(2.5 / 3).epsilon(1e-14));
  CHECK(Criterion("mse")(*head, v, y).item() == doctest::Approx(4.25 / 3).epsilon(1e-14));
  CHECK(Criterion("2*mae+mse")(*head, v, y).item() == doctest::Approx(5. / 3 + 4.25 / 3).epsilon(1e-14));
  Tensor leaf = v.clone();
  leaf.set_requires_grad();
  Criterion("mae")(*head, leaf, y).backward();
  CHECK(relative_error(leaf.grad(), Tensor::from({1. / 3, 0.0, 1. / 3, 0.0}, v.shape())) < 1e-14);
  // With weights of pixels, those are how often each counts.
  const Tensor often = Tensor::from({2.0f, 0.5f, 1.0f, 9.0f}, {1, 2, 2});
  leaf.zero_grad();
  const Tensor weighted = Criterion("mae+mse")(*head, leaf, y, nullptr, often);
  CHECK(weighted.item() == doctest::Approx((2 * 0.5 + 2) / 3.5 + (2 * 0.25 + 4) / 3.5).epsilon(1e-14));
  weighted.backward();
  CHECK(relative_error(leaf.grad(), Tensor::from({2 * (1 + 1) / 3.5, 0.0, (1 + 4) / 3.5, 0.0}, v.shape())) < 1e-14);
  check_throws<DataError>([&] { Criterion("mae")(*head, v, Tensor::full({1, 2, 2}, 3, {DType::u8, kCpu})); }, {"label 3", "0 to 2"});
}

TEST_CASE("a term of a program's own") {
  losses::register_term({.name = "flat", .scalar = "flatness", .help = "mean of the logits", .own = [](const losses::TermInput& in, auto) {
                           return mean(in.logits);
                         }});
  const auto head = head_of(data::Task::multiclass);
  const Tensor z = Tensor::full({1, 2, 2, 3}, 0.25, {DType::f64, kCpu}), y = Tensor::zeros({1, 2, 2}, {DType::u8, kCpu});
  Scalars s;
  CHECK(Criterion("ce+4*flat")(*head, z, y, &s).item() == doctest::Approx(std::log(3.0) + 1).epsilon(1e-14));
  CHECK(s.at("flatness") == doctest::Approx(0.25));
  check_throws<OptionError>([] { losses::register_term({.name = "flat", .scalar = "", .help = ""}); }, {"flat", "already"});
}

TEST_CASE("expressions that are none") {
  const auto bad = [](const char* text, std::initializer_list<const char*> words) {
    check_throws<OptionError>([&] { Criterion{text}; }, words);
  };
  bad("ce+dise", {"\"dise\"", "did you mean \"dice\""});
  bad("0.5ce+dice", {"no * between", "write 0.5*ce"});
  bad("", {"loss term"});
  bad("0*ce", {"no term with a positive factor"});
  bad("-1*ce", {"negative"});
  bad("x*ce", {"\"x\" is not a number", "0.5*ce+dice"});
  bad("ce:alpha=1", {"ce", "\"alpha\"", "smoothing"});
  bad("boundary:alpha=1", {"boundary has no arguments"});
  bad("tversky:alhpa=1", {"tversky", "\"alhpa\"", "did you mean \"alpha\""});
  bad("tversky:alpha", {"is not a number"});
  bad("tversky:alpha=-1", {"alpha=-1", "outside"});
  check_throws<OptionError>([] { Criterion("ce").require_fits(*head_of(data::Task::ordinal, 3, "regression")); },
                            {"ce", "regression", "--loss mae"});
  for (const char* between : {"mae", "ce+0.5*mse", "smooth_l1"})
    check_throws<OptionError>([&] { Criterion(between).require_fits(*head_of(data::Task::multiclass)); },
                              {"is between numbers", "multiclass", "--head regression"});
  check_throws<OptionError>(
      [] {
        Criterion("ce", {.class_weights = {1, 2}}).require_fits(*head_of(data::Task::multiclass));
      },
      {"2 numbers for 3 classes"});
  for (const char* weighted : {"mae", "ce+wasserstein", "tissue=ce,damage=mae"}) {
    CHECK(Criterion(weighted).takes_class_weights());
    Criterion(weighted).set_class_weights({1, 2});
  }
  check_throws<OptionError>([] { Criterion("mae", {.class_weights = {1}}).require_fits(*head_of(data::Task::ordinal, 3, "regression")); },
                            {"1 numbers for 3 grades"});
  for (const auto& [policy, name] : {std::pair{EmptyClass::skip, "skip"}, {EmptyClass::one, "one"}, {EmptyClass::zero, "zero"}}) {
    for (const char* none : {"ce", "focal+lovasz", "tissue=ce,damage=mae"}) {
      const std::string words = message("--absent-classes ", name, " means nothing to the loss \"", none, '"');
      check_throws<OptionError>([&] { Criterion(none, {.empty_class = policy}); },
                                {words.c_str(), "add one (+dice)", "--absent-classes penalize"});
    }
    for (const char* some : {"dice", "ce+0.5*tversky", "gdice", "tissue=ce,damage=jaccard"})
      CHECK(Criterion(some, {.empty_class = policy}).options().empty_class == policy);
  }
  Criterion("ce", {.empty_class = EmptyClass::penalize});
  CHECK(Criterion("dice").options().empty_class == EmptyClass::penalize);
}
