#include "lamina/data/mask.hpp"
#include "lamina/heads/head.hpp"

#include <cmath>

#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::test;

namespace {
data::LabelSchema schema_of(data::Task task, std::vector<std::string> names, int background) {
  data::LabelSchema s;
  s.task = task;
  s.background = background;
  for (std::size_t i = 0; i < names.size(); ++i) s.values.push_back(static_cast<unsigned>(i));
  s.names = std::move(names);
  s.colors.resize(s.names.size());
  return s;
}
using Labels = std::vector<std::uint8_t>;
Labels decided(const heads::Head& head, const Tensor& scores, heads::Scale scale = heads::Scale::logits) {
  return head.decide(scores, scale).to_vector<std::uint8_t>();
}
const auto kClasses = [] { return schema_of(data::Task::multiclass, {"ground", "cut", "burn"}, 0); };
const auto kPlanes = [] { return schema_of(data::Task::multilabel, {"red", "bright"}, -1); };
const auto kGrades = [] { return schema_of(data::Task::ordinal, {"none", "mild", "severe"}, 0); };
}  // namespace

TEST_CASE("multiclass: the likeliest class") {
  const auto head = heads::make_head(kClasses());
  CHECK(std::string(head->kind()) == "multiclass");
  CHECK(head->outputs() == 3);
  CHECK(head->planes() == 0);
  CHECK(head->activation() == LossActivation::softmax);
  CHECK(head->outcomes() == std::vector<std::string>{"ground", "cut", "burn"});
  CHECK(head->neutral_outcome() == 0);
  const Tensor z = Tensor::from({0.f, 1.f, -1.f, 2.f, 1.f, 3.f}, {1, 1, 2, 3});
  CHECK(decided(*head, z) == Labels{1, 2});
  const auto p = head->probabilities(z).to_vector<double>();
  CHECK(p[0] == doctest::Approx(1 / (1 + std::exp(1) + std::exp(-1))));
  metrics::ConfusionMatrix m = head->confusion();
  head->count(m, Labels{1, 0, 2, 255}, Labels{1, 1, 0, 0});
  CHECK(m.at(1, 1) == 1);
  CHECK(m.at(0, 1) == 1);
  CHECK(m.at(2, 0) == 1);
  CHECK(m.total() == 3);
}

TEST_CASE("multiclass: names and order of the scores, the selection score with and without a background") {
  const auto m = metrics::ConfusionMatrix::from_counts({{50, 10, 0}, {5, 20, 0}, {0, 5, 10}});
  const double cut = 40. / 60, burn = 20. / 25, ground = 100. / 115;
  const auto head = heads::make_head(kClasses());
  const Scalars s = head->summary(m);
  std::vector<std::string> names;
  for (const auto& [name, value] : s) names.push_back(name);
  std::vector<std::string> expected{"accuracy"};
  for (const std::string kind : {"dice", "iou", "precision", "recall", "specificity"})
    for (const char* of : {"_macro", "_macro_foreground", "_micro", "_micro_foreground", "_ground", "_cut", "_burn"})
      expected.push_back(kind + of);
  expected.emplace_back("additive_dice");
  CHECK(names == expected);
  CHECK(s.at("specificity_cut") == doctest::Approx(60. / 75));
  CHECK(s.at("dice_micro_foreground") == doctest::Approx(60. / 85));
  CHECK(s.at("additive_dice") == doctest::Approx(cut + burn));
  CHECK(s.at("accuracy") == doctest::Approx(0.8));
  CHECK(s.at("dice_cut") == doctest::Approx(cut));
  CHECK(s.at("iou_cut") == doctest::Approx(20. / 40));
  CHECK(s.at("precision_cut") == doctest::Approx(20. / 35));
  CHECK(s.at("recall_cut") == doctest::Approx(20. / 25));
  CHECK(s.at("dice_macro") == doctest::Approx((ground + cut + burn) / 3));
  CHECK(head->selection(m).value == doctest::Approx((cut + burn) / 2));
  CHECK(std::string(head->selection(m).name) == "foreground Dice");
  const auto without = heads::make_head(schema_of(data::Task::multiclass, {"ground", "cut", "burn"}, -1));
  CHECK(without->selection(m).value == doctest::Approx((ground + cut + burn) / 3));
  CHECK(std::string(without->selection(m).name) == "macro Dice");
  CHECK(head->image_summary(m) == Scalars{{"dice", s.at("dice_macro_foreground")}, {"accuracy", s.at("accuracy")}});
  CHECK(head->quality(head->image_summary(m)) == s.at("dice_macro_foreground"));
  CHECK(head->note(m).empty());
}

TEST_CASE("what is undefined is said to be n/a, and never a number") {
  const auto head = heads::make_head(kClasses());
  const auto ground = metrics::ConfusionMatrix::from_counts({{5, 0, 0}, {0, 0, 0}, {0, 0, 0}});
  CHECK(head->text(ground) == "Dice foreground n/a macro 1.0000  acc 1.0000");
  CHECK(head->baseline_text(ground) == "always the most frequent class: Dice n/a, accuracy 1.0000");
  CHECK(head->quality_text(head->image_summary(ground)) == "Dice n/a");
  CHECK(std::isnan(head->selection(ground).value));
  const auto grades = heads::make_head(kGrades());
  CHECK(grades->text(ground).starts_with("kappa n/a  off by 0.0000 grades  "));
  CHECK(grades->note(ground).find("within one grade 1.0000 (1.0000), quadratic kappa n/a (n/a)") != std::string::npos);
  // Labels of nothing that is to be found choose no epoch, whatever is answered.
  const auto mistaken = metrics::ConfusionMatrix::from_counts({{5, 2, 0}, {0, 0, 0}, {0, 0, 0}});
  CHECK(std::isnan(head->selection(mistaken).value));
  CHECK(head->selection(mistaken, 1).value == 0.5);  // of the policy that was asked for
  CHECK(std::isnan(grades->selection(mistaken).value));
  CHECK_FALSE(head->is_tested_by(mistaken));
  CHECK(head->is_tested_by(metrics::ConfusionMatrix::from_counts({{5, 2, 0}, {1, 0, 0}, {0, 0, 0}})));
  CHECK_FALSE(heads::make_head(kPlanes())->is_tested_by(metrics::ConfusionMatrix::from_counts({{0, 0, 0}, {0, 0, 0}, {3, 0, 5}})));
  const auto nothing = grades->confusion();
  CHECK(grades->quality_text(grades->image_summary(nothing)) == "off by n/a grades on average");
}

TEST_CASE("multilabel: a decision a plane") {
  const auto head = heads::make_head(kPlanes());
  CHECK(head->outputs() == 2);
  CHECK(head->planes() == 2);
  CHECK(head->activation() == LossActivation::sigmoid);
  CHECK(head->outcomes() == std::vector<std::string>{"red", "bright", "(none)"});
  CHECK(head->neutral_outcome() == 2);
  const Tensor z = Tensor::from({0.4f, -1.f, 0.6f, 0.6f}, {1, 1, 2, 2});
  CHECK(decided(*head, z) == Labels{1, 0, 1, 1});
  CHECK(decided(*head, z, heads::Scale::probabilities) == Labels{0, 0, 1, 1});
  metrics::ConfusionMatrix m = head->confusion();
  head->count(m, Labels{1, 0, 255, 1}, Labels{1, 1, 1, 0});
  CHECK(m.at(0, 0) == 1);
  CHECK(m.at(2, 1) == 1);
  CHECK(m.at(1, 2) == 1);
  CHECK(m.total() == 3);
}

TEST_CASE("ordinal: cumulative targets and decisions, scores of how far off") {
  const auto head = heads::make_head(kGrades());
  CHECK(head->outputs() == 2);
  const Tensor labels = Tensor::from({std::uint8_t{0}, std::uint8_t{1}, std::uint8_t{2}, std::uint8_t{255}}, {1, 2, 2});
  CHECK(head->targets(labels).shape() == Shape{1, 2, 2, 2});
  CHECK(head->targets(labels).to_vector<std::uint8_t>() == Labels{0, 0, 1, 0, 1, 1, 255, 255});
  check_throws<DataError>([&] { head->targets(Tensor::from({std::uint8_t{3}}, {1, 1, 1})); }, {"label 3", "0 to 2"});
  const Tensor z = Tensor::from({-1.f, 1.f, 0.4f, 0.4f, 2.f, 3.f}, {1, 1, 3, 2});
  CHECK(decided(*head, z) == Labels{1, 2, 2});  // however many say yes, wherever they are
  CHECK(decided(*head, z, heads::Scale::probabilities) == Labels{1, 0, 2});
  const auto m = metrics::ConfusionMatrix::from_counts({{6, 1, 1}, {0, 2, 0}, {0, 0, 0}});
  CHECK(head->summary(m).at("mean_absolute_error") == doctest::Approx(0.3));
  CHECK(head->summary(m).at("within_one") == doctest::Approx(0.9));
  CHECK(head->selection(m).value == m.ordinal_scores().quadratic_kappa);
  const Scalars image = head->image_summary(m);
  CHECK(image.at("absolute_error") == doctest::Approx(0.3));
  CHECK(head->quality(image) == doctest::Approx(-0.3));  // the farther off, the worse
  CHECK(head->quality_text(image) == "off by 0.300 grades on average");
  CHECK(head->note(m).find("within one grade 0.9000 (") != std::string::npos);
}

TEST_CASE("corn: conditional targets; P(grade > k) is a product and never rises with k") {
  const auto head = heads::make_head(kGrades(), "corn");
  CHECK(head->outputs() == 2);
  CHECK(head->activation() == LossActivation::sigmoid);
  const Tensor labels = Tensor::from({std::uint8_t{0}, std::uint8_t{1}, std::uint8_t{2}, std::uint8_t{255}}, {1, 2, 2});
  CHECK(head->targets(labels).to_vector<std::uint8_t>() == Labels{0, 255, 1, 0, 1, 1, 255, 255});
  const float half = std::log(3.f);  // probability 3/4
  const Tensor z = Tensor::from({half, half, half, 3 * half, -half, 5.f}, {1, 1, 3, 2});
  const auto p = head->probabilities(z).to_vector<float>();
  CHECK(p[0] == doctest::Approx(0.75));
  CHECK(p[1] == doctest::Approx(0.5625));
  CHECK(p[3] == doctest::Approx(0.75 * 27 / 28));
  CHECK(p[5] < p[4]);
  CHECK(decided(*head, z) == Labels{2, 2, 0});  // however sure the second answer is, it counts only after the first
  CHECK(decided(*head, head->probabilities(z), heads::Scale::probabilities) == Labels{2, 2, 0});
}

TEST_CASE("coral: the scores of a plane are tied; targets and decisions are those of cumulative scores") {
  const auto head = heads::make_head(kGrades(), "coral"), ordinal = heads::make_head(kGrades(), "ordinal");
  CHECK(std::string(head->kind()) == "coral");
  CHECK(head->outputs() == 2);
  CHECK(head->tied() == std::vector<int>{2});
  for (const char* other : {"ordinal", "corn", "regression"}) CHECK(heads::make_head(kGrades(), other)->tied().empty());
  CHECK(head->activation() == LossActivation::sigmoid);
  const Tensor labels = Tensor::from({std::uint8_t{0}, std::uint8_t{1}, std::uint8_t{2}, std::uint8_t{255}}, {1, 2, 2});
  CHECK(head->targets(labels).to_vector<std::uint8_t>() == Labels{0, 0, 1, 0, 1, 1, 255, 255});
  const Tensor z = Tensor::from({-1.f, -2.f, 0.4f, -0.6f, 2.f, 1.f}, {1, 1, 3, 2});
  CHECK(decided(*head, z) == Labels{0, 1, 2});
  CHECK(decided(*head, head->probabilities(z), heads::Scale::probabilities) == Labels{0, 1, 2});
}

TEST_CASE("regression: the nearest grade of a number") {
  const auto head = heads::make_head(kGrades(), "regression");
  CHECK(head->outputs() == 1);
  CHECK_FALSE(head->activation());
  const Tensor v = Tensor::from({-3.f, 0.49f, 0.51f, 1.49f, 1.51f, 9.f}, {1, 2, 3, 1});
  CHECK(head->decide(v).shape() == Shape{1, 2, 3});
  CHECK(decided(*head, v) == Labels{0, 0, 1, 1, 2, 2});
}

TEST_CASE("heads are made for the labels they can learn") {
  check_throws<OptionError>([] { heads::make_head(kClasses(), "ordinal"); }, {"head ordinal", "multiclass", "\"task\""});
  check_throws<OptionError>([] { heads::make_head(kClasses(), "multclass"); }, {"head", "did you mean \"multiclass\""});
  CHECK(heads::make_head(kClasses(), "", "damage")->name() == "damage");
}

TEST_CASE("decisions are made where the scores are") {
  for (Device device : cuda_devices())
    for (const auto& [schema, kind] : {std::pair(kClasses(), ""), std::pair(kPlanes(), ""), std::pair(kGrades(), ""),
                                       std::pair(kGrades(), "corn"), std::pair(kGrades(), "coral")}) {
      const auto head = heads::make_head(schema, kind);
      const Tensor z = random_normal({2, 5, 7, head->outputs()}, 3, DType::f32);
      const Tensor there = head->decide(z.to(device));
      CHECK(there.device() == device);
      CHECK(there.to(kCpu).to_vector<std::uint8_t>() == decided(*head, z));
    }
}

TEST_CASE("label schemas that are not whole are refused where they are used") {
  data::LabelSchema s;
  check_throws<DataError>([&] { (void)heads::make_head(s); }, {"names no label"});
  s.names = {"ground", "disc"}, s.values = {0, 1};
  check_throws<DataError>([&] { (void)data::encode_mask(data::LabelImage(2, 2), s); },
                          {"2 names, 2 values, 0 colors", "set_default_colors"});
  s.set_default_colors();
  CHECK(!data::encode_mask(data::LabelImage(2, 2), s).empty());
  s.values = {0};
  check_throws<DataError>([&] { (void)data::to_json(s); }, {"2 names, 1 value,"});
}
