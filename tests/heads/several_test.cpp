// Several heads in one: each learns, decides and is scored as it would be alone.
#include "lamina/heads/several.hpp"

#include <cmath>

#include "lamina/losses/criterion.hpp"
#include "lamina/ops/slice_channels.hpp"
#include "support/op_check.hpp"
#include "support/several_heads.hpp"

using namespace lamina;
using namespace lamina::test;

namespace {
std::shared_ptr<const heads::Head> three(const std::string& kinds = "") {
  return heads::make_head(data::parse_label_schema(kThreeHeads, "it"), kinds);
}
/// Pixels of tissue, hair, ruler, damage A, damage B.
const std::vector<std::uint8_t> kTruth{0, 1, 0, 2, 0, 1, 0, 0, 1, 0, 2, 1, 1, 0, 1, 255, 0, 0, 0, 255};
const std::vector<std::uint8_t> kSaid{0, 1, 0, 1, 0, 2, 0, 1, 1, 0, 2, 0, 1, 0, 0, 1, 0, 0, 0, 2};
}  // namespace

TEST_CASE("several heads: outputs one after the other, decided by each") {
  const auto head = three();
  CHECK(head->outputs() == 3 + 2 + 2 * 2);
  CHECK(head->planes() == 5);
  CHECK(head->parts().size() == 3);
  CHECK(head->parts()[2].output == 5);
  CHECK(head->parts()[2].plane == 3);
  CHECK(std::string(head->kind()) == "tissue=multiclass,marks=multilabel,damage=ordinal");
  CHECK(three(head->kind())->kind() == std::string(head->kind()));
  CHECK(three("damage=regression")->outputs() == 3 + 2 + 2);
  CHECK(three("damage=ordinal")->tied().empty());
  CHECK(three("damage=coral")->tied() == std::vector<int>{1, 1, 1, 1, 1, 2, 2});  // of the last layer's rows those of its planes
  check_throws<OptionError>([] { three("tissue=ordinal"); }, {"learns ordinal labels"});
  check_throws<OptionError>([] { three("damages=corn"); }, {"damages", "damage"});
  check_throws<OptionError>([] { three("corn"); }, {"NAME=KIND"});
  CHECK(three("damage=regression")->events_are() == "tissue: each class against all others; marks: each plane by itself");
  CHECK(head->events_are().ends_with("; damage: the probability of each grade or a higher one"));
  std::vector<bool> neutral, background;
  for (const data::LabelSchema::Label& label : head->schema().counted_labels()) background.push_back(label.background);
  for (int k = 0; k < static_cast<int>(head->outcomes().size()); ++k) neutral.push_back(head->is_neutral(k));
  CHECK(neutral == background);
  CHECK(neutral[0]);  // the tissue's
  CHECK(!neutral[1]);
  CHECK(head->decided() == "tissue: the likeliest class; marks: what is likelier than 0.5; damage: what is likelier than 0.5");
  const Tensor z = Tensor::from({0.f, 3.f, 1.f, -1.f, 2.f, 1.f, -1.f, 2.f, 1.f}, {1, 1, 1, 9});
  CHECK(head->decide(z, heads::Scale::logits).shape() == Shape{1, 1, 1, 5});
  CHECK(head->decide(z, heads::Scale::logits).to_vector<std::uint8_t>() == std::vector<std::uint8_t>{1, 0, 1, 1, 2});
  for (const Device device : cuda_devices()) {
    const Tensor there = head->decide(z.to(device), heads::Scale::logits);
    CHECK(there.device() == device);
    CHECK(there.to_vector<std::uint8_t>() == std::vector<std::uint8_t>{1, 0, 1, 1, 2});
  }
  const Tensor p = head->probabilities(z);
  CHECK(head->decide(p, heads::Scale::probabilities).to_vector<std::uint8_t>() == std::vector<std::uint8_t>{1, 0, 1, 1, 2});
  CHECK(p.to_vector<float>()[4] == doctest::Approx(1 / (1 + std::exp(-2.0))));
}

TEST_CASE("several heads: every score is the head's own; means are means over heads") {
  const auto head = three();
  metrics::ConfusionMatrix m = head->confusion();
  head->count(m, kTruth, kSaid);
  const auto summary = head->summary(m);
  // tissue: background right, skin said to be nail, nail right; the last pixel is ignored.
  CHECK(summary.at("tissue/dice_macro") == doctest::Approx((1 + 0 + 2.0 / 3) / 3));
  CHECK(summary.at("tissue/dice_macro_foreground") == doctest::Approx((0 + 2.0 / 3) / 2));
  CHECK(summary.at("tissue/accuracy") == doctest::Approx(2.0 / 3));
  // hair: once, found; and once missed. ruler: once, found; and once too much.
  CHECK(summary.at("marks/dice_macro_foreground") == doctest::Approx((2.0 / 3 + 2.0 / 3) / 2));
  CHECK(summary.at("dice_marks hair") == doctest::Approx(2.0 / 3));
  CHECK(summary.at("dice_marks no hair") == doctest::Approx(4.0 / 5));
  CHECK(summary.at("specificity_marks ruler") == doctest::Approx(2.0 / 3));
  CHECK(summary.at("specificity_tissue background") == 1);  // 2 of 2, whatever other heads say
  // damage A: 2 said 1, 1 right, 0 right, 0 right; B: 0, 0, 1 said 0, one ignored.
  CHECK(summary.at("damage/mean_absolute_error_A") == doctest::Approx(0.25));
  CHECK(summary.at("damage/mean_absolute_error") == doctest::Approx((0.25 + 1.0 / 3) / 2));
  CHECK(summary.at("accuracy") == doctest::Approx((2 + 3 + 3 + 3 + 2) / 18.0));
  const double of_damage = summary.at("damage/quadratic_kappa");
  CHECK(head->selection(m).value == doctest::Approx((1.0 / 3 + 2.0 / 3 + of_damage) / 3));
  CHECK(summary.at("dice_macro_foreground") == doctest::Approx((1.0 / 3 + 2.0 / 3 + summary.at("damage/dice_macro_foreground")) / 3));
  CHECK(head->is_tested_by(m));
  metrics::ConfusionMatrix plain = head->confusion();  // background, no mark, no damage: whatever is answered
  head->count(plain, std::vector<std::uint8_t>{0, 0, 0, 0, 0}, std::vector<std::uint8_t>{1, 1, 0, 2, 0});
  CHECK_FALSE(head->is_tested_by(plain));
  CHECK(std::isnan(head->selection(plain).value));
  const metrics::ConfusionMatrix marks = head->of_part(m, 1);
  CHECK(marks.plane_negatives() == std::vector<std::int64_t>{2, 2});
  CHECK(marks.at(0, 2) == 1);
  CHECK(marks.at(2, 1) == 1);
  CHECK(head->text(m) == "tissue 0.3333  marks 0.6667  damage " + std::to_string(of_damage).substr(0, 6));
  // Always the most frequent label of every plane.
  const metrics::ConfusionMatrix base = head->baseline(m);
  CHECK(base.at(4, 3) == 2);  // hair
  CHECK(base.at(4, 4) == 0);
  CHECK(head->decisions(m).size() == 5);
  CHECK(head->regions().size() == 13);
  CHECK((head->regions()[6].plane == 2 && head->regions()[6].value == 1));
}

TEST_CASE("several heads: what was likely is counted by each, and told apart by its events") {
  const auto head = three();
  CHECK(head->events() == std::vector<std::string>{"tissue background", "tissue skin", "tissue nail", "marks hair", "marks ruler",
                                                   "damage A mild or above", "damage A severe", "damage B mild or above",
                                                   "damage B severe"});
  CHECK(head->outcomes()[static_cast<std::size_t>(head->outcome_of(4))] == "marks ruler");
  CHECK(head->outcomes()[static_cast<std::size_t>(head->outcome_of(8))] == "damage B severe");
  // Two pixels: skin, hair, A severe, B unknown; tissue unknown, ruler, A none, B mild.
  const std::vector<std::uint8_t> truth{1, 1, 0, 2, 255, 255, 0, 1, 0, 1};
  const std::vector<float> p{0.2f, 0.7f, 0.1f, 0.9f, 0.4f, 0.8f, 0.6f, 0.3f, 0.1f, 0.2f, 0.3f, 0.5f, 0.3f, 0.6f, 0.4f, 0.1f, 0.9f, 0.4f};
  metrics::ProbabilityCounts counts = head->probability_counts();
  head->count(counts, truth, p);
  const std::vector<std::int64_t> pixels{1, 1, 1, 2, 2, 2, 2, 1, 1, 1 + 4 + 4 + 2};
  for (int event = 0; event <= 9; ++event) CHECK(counts.pixels(event) == pixels[static_cast<std::size_t>(event)]);
  CHECK(counts.average_precision(1) == 1);
  CHECK(counts.average_precision(4) == 1);  // ruler: 0.6 where it is, 0.4 where it is not
  CHECK(std::isnan(counts.average_precision(2)));
  std::vector<float> labels;
  CHECK(head->expected_grade(std::span(p).first(9), 3) == doctest::Approx(1.4));
  CHECK(head->expected_grade(std::span(p).first(9), 4) == doctest::Approx(0.4));
  head->distribution(std::span(p).first(9), 2, labels);
  CHECK(labels == std::vector<float>{1 - 0.4f, 0.4f});
  head->distribution(std::span(p).first(9), 4, labels);
  CHECK(labels.size() == 3);
  CHECK(labels[2] == doctest::Approx(0.1));
  metrics::ProbabilityCounts values = three("damage=regression")->probability_counts();
  CHECK(values.events() == 5);
}

TEST_CASE("several heads: class weights are each head's own, of values there are none") {
  const std::vector<heads::MaskPixels> masks{{{50, 30, 20, 90, 10, 60, 40, 70, 20, 10, 100, 0, 0}, std::vector<std::int64_t>(13, 100)}};
  const auto balanced = data::WeightRule::balanced;
  const auto w = heads::class_weights(*three(), balanced, masks);
  REQUIRE(w.size() == 9);
  CHECK(w[0] == doctest::Approx(100 / (3 * 50.0)));
  CHECK(w[2] == doctest::Approx(100 / (3 * 20.0)));
  CHECK(w[3] == doctest::Approx(100 / (2 * 10.0)));  // shares are of the plane's own pixels
  CHECK(w[4] == doctest::Approx(100 / (2 * 40.0)));
  CHECK(w[5] == doctest::Approx(100 / (2 * 30.0)));  // above none 30, above mild 10
  CHECK(w[7] == 0);
  const auto enet = heads::class_weights(*three(), data::WeightRule::enet, masks);
  CHECK(enet[0] == doctest::Approx(1 / std::log(1.02 + 0.5)));
  CHECK(enet[3] == doctest::Approx(1 / std::log(1.02 + 0.1)));
  CHECK(enet[5] == doctest::Approx(1 / std::log(1.02 + 0.3)));
  CHECK(enet[6] == doctest::Approx(1 / std::log(1.02 + 0.1)));
  const auto values = heads::class_weights(*three("damage=regression"), balanced, masks);
  CHECK(values == std::vector<double>{w[0], w[1], w[2], w[3], w[4], 1, 1});
}

TEST_CASE("several heads: positive weights are of planes and grades, from each one's own pixels, and reach its loss") {
  const auto head = three();
  const std::vector<std::int64_t> pixels{50, 30, 20, 90, 10, 60, 40, 70, 20, 10, 100, 0, 0},
      labelled{100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100};
  const auto w = heads::balanced_positives(*head, {{.name = "a", .image = "a", .mask = "a", .pixels = pixels, .labelled = labelled}});
  REQUIRE(w.size() == 9);
  for (int c = 0; c < 3; ++c) CHECK(w[static_cast<std::size_t>(c)] == 1);
  CHECK(w[3] == 9);
  CHECK(w[4] == 1.5);
  CHECK(w[5] == doctest::Approx(70 / 30.0));
  CHECK(w[6] == 9);
  CHECK(w[7] == 1);
  const Tensor z = random_normal({1, 2, 2, 9}, 3), y = Tensor::from<std::uint8_t>(kTruth, {1, 2, 2, 5});
  const losses::Criterion criterion("tissue=dice,marks=ce,damage=ce", {.positive_weights = w});
  criterion.require_fits(*head);
  Scalars values;
  (void)criterion(*head, z, y, &values);
  const heads::Part marks = head->parts()[1];
  CHECK(values.at("marks/loss") ==
        doctest::Approx(losses::Criterion("ce", {.positive_weights = {9, 1.5}})(*marks.head, marks.logits(z), marks.labels(y)).item())
            .epsilon(1e-12));
  CHECK(std::abs(values.at("marks/loss") - losses::Criterion("ce")(*marks.head, marks.logits(z), marks.labels(y)).item()) > 1e-3);
}

TEST_CASE("several heads: the loss is the sum of each one's, of terms of its own where it has some") {
  const auto head = three();
  const Tensor z = random_normal({2, 3, 2, 9}, 3);
  std::vector<std::uint8_t> labels = kTruth;
  for (std::size_t i = 0; i < 40; ++i) labels.push_back(kTruth[(7 * i - i % 5 * 6) % 20 / 5 * 5 + i % 5]);
  const Tensor y = Tensor::from<std::uint8_t>(labels, {2, 3, 2, 5});
  const std::vector<double> weights{1, 2, 0.5, 1, 3, 1, 2, 0.5, 4};
  const auto alone = [&](const std::string& loss, std::size_t part, bool weighted = true) {
    const heads::Part p = head->parts()[part];
    losses::CriterionOptions o;
    if (weighted) o.class_weights.assign(weights.begin() + p.output, weights.begin() + p.output + p.head->outputs());
    return losses::Criterion(loss, o)(*p.head, slice_channels(z, p.output, p.head->outputs()), p.labels(y)).item();
  };
  const auto all = [&](const std::string& loss, const std::vector<double>& shares = {}) {
    Scalars values;
    const losses::Criterion criterion(loss, {.class_weights = weights});
    criterion.require_fits(*head);
    const double loss_of_all = criterion(*head, z, y, &values, {}, ResizeGrid::half_pixel, shares).item();
    CHECK(loss_of_all == doctest::Approx(values.at("loss")).epsilon(1e-12));
    return values;
  };
  const Scalars same = all("ce+dice");
  CHECK(same.at("loss") == doctest::Approx(alone("ce+dice", 0) + alone("ce+dice", 1) + alone("ce+dice", 2)).epsilon(1e-12));
  CHECK(same.at("marks/ce") == doctest::Approx(alone("ce", 1)).epsilon(1e-12));
  CHECK(same.at("damage/loss") == doctest::Approx(alone("ce+dice", 2)).epsilon(1e-12));
  const Scalars own = all("tissue=0.5*ce+tversky:alpha=0.3,damage=ce,marks=focal");
  CHECK(own.at("loss") == doctest::Approx(alone("0.5*ce+tversky:alpha=0.3", 0) + alone("focal", 1) + alone("ce", 2)).epsilon(1e-12));
  const Scalars shared = all("ce", {0.5, 0, 2});
  CHECK(shared.at("loss") == doctest::Approx(0.5 * alone("ce", 0) + 2 * alone("ce", 2)).epsilon(1e-12));
  const losses::Criterion ce("ce");
  const auto divisors = ce.divisors(*head, y);
  CHECK(divisors.size() == 3);
  CHECK(divisors[1] == 2 * 12);
  const auto fails = [&](const std::string& loss, const char* word) {
    check_throws<OptionError>([&] { losses::Criterion(loss).require_fits(*head); }, {word});
  };
  fails("tissue=ce,damage=ce", "no term for the head marks");
  fails("tissue=ce,damage=ce,mark=ce", "mark");
  fails("tissue=ce,ce", "\"ce\" names no head");
  fails("bce", "not for the multiclass head");
  Tensor leaf = z.clone();
  leaf.set_requires_grad();
  const auto result = gradcheck([&](const std::vector<Tensor>& in) { return losses::Criterion("ce+dice")(*head, in[0], y); }, {leaf});
  CHECK_MESSAGE(result.ok, result.str());
}
