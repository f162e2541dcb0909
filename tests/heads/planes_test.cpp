// Several things graded at once: outputs, targets, decisions and scores of each plane by itself.
#include <cmath>

#include "support/op_check.hpp"

#include "lamina/heads/head.hpp"

using namespace lamina;
using namespace lamina::test;

namespace {

using Labels = std::vector<std::uint8_t>;

std::shared_ptr<const heads::Head> two_planes(const std::string& kind) {
  data::LabelSchema s;
  s.task = data::Task::ordinal;
  s.names = {"none", "mild", "severe"};
  s.values = {0, 1, 2};
  s.planes = {"crack", "rust"};
  s.set_default_colors();
  return heads::make_head(s, kind);
}

/// Two pixels: crack none, rust severe; crack unknown, rust mild.
Tensor labels() { return Tensor::from({std::uint8_t{0}, std::uint8_t{2}, std::uint8_t{255}, std::uint8_t{1}}, {1, 1, 2, 2}); }

}  // namespace

TEST_CASE("graded planes: outputs one after the other, targets of each") {
  const auto ordinal = two_planes("ordinal"), corn = two_planes("corn"), regression = two_planes("regression");
  CHECK(ordinal->planes() == 2);
  CHECK(ordinal->outputs() == 4);
  CHECK(corn->outputs() == 4);
  CHECK(regression->outputs() == 2);
  CHECK(two_planes("coral")->outputs() == 4);
  CHECK(two_planes("coral")->tied() == std::vector<int>{2, 2});  // each plane has weights of its own
  CHECK(ordinal->outcomes() ==
        std::vector<std::string>{"crack none", "crack mild", "crack severe", "rust none", "rust mild", "rust severe"});
  CHECK(ordinal->neutral_outcome() == -1);
  CHECK(ordinal->targets(labels()).shape() == Shape{1, 1, 2, 4});
  CHECK(ordinal->targets(labels()).to_vector<std::uint8_t>() == Labels{0, 0, 1, 1, 255, 255, 1, 0});
  CHECK(corn->targets(labels()).to_vector<std::uint8_t>() == Labels{0, 255, 1, 1, 255, 255, 1, 0});
  CHECK(regression->targets(labels()).shape() == Shape{1, 1, 2, 2});
  check_throws<DataError>([&] { ordinal->targets(Tensor::full({1, 1, 1, 2}, 3, {DType::u8, kCpu})); }, {"label 3", "0 to 2"});
  // Pixels above each grade, plane after plane: what class weights are made from.
  CHECK(ordinal->output_pixels({5, 3, 2, 7, 0, 1}) == std::vector<std::int64_t>{5, 2, 1, 1});
}

TEST_CASE("graded planes: decisions of each, on every device") {
  const Tensor z = Tensor::from({-1.f, -2.f, 3.f, 1.f, 2.f, -1.f, 0.4f, 0.3f}, {1, 1, 2, 4});
  const Tensor values = Tensor::from({-3.f, 1.6f, 0.7f, 5.f}, {1, 2, 2});  // below the lowest and above the highest grade, too
  std::vector<Device> devices{kCpu};
  for (const Device device : cuda_devices()) devices.push_back(device);
  for (const Device device : devices) {
    CAPTURE(device.str());
    const Tensor decided = two_planes("ordinal")->decide(z.to(device), heads::Scale::logits);
    CHECK(decided.shape() == Shape{1, 1, 2, 2});
    CHECK(decided.to_vector<std::uint8_t>() == Labels{0, 2, 1, 2});
    CHECK(two_planes("ordinal")->decide(z.to(device), heads::Scale::probabilities).to_vector<std::uint8_t>() == Labels{0, 2, 1, 0});
    CHECK(two_planes("regression")->decide(values.to(device)).to_vector<std::uint8_t>() == Labels{0, 2, 1, 2});
  }
  // P(grade > k) starts anew with each plane.
  CHECK(two_planes("corn")->probabilities(Tensor::zeros({1, 1, 1, 4})).to_vector<float>() == std::vector<float>{0.5f, 0.25f, 0.5f, 0.25f});
  CHECK(two_planes("corn")->decide(Tensor::full({1, 1, 1, 4}, 3)).to_vector<std::uint8_t>() == Labels{2, 2});
}

TEST_CASE("graded planes: counts and scores of each, and their mean") {
  const auto head = two_planes("ordinal");
  metrics::ConfusionMatrix m = head->confusion();
  head->count(m, Labels{0, 2, 255, 1}, Labels{1, 2, 0, 0});
  CHECK(m.at(0, 1) == 1);
  CHECK(m.at(5, 5) == 1);
  CHECK(m.at(4, 3) == 1);
  CHECK(m.total() == 3);
  check_throws<DataError>([&] { head->count(m, Labels{0, 3}, Labels{0, 0}); }, {"label 3"});

  const auto crack = metrics::ConfusionMatrix::from_counts({{6, 1, 1}, {0, 2, 0}, {0, 0, 0}}),
             rust = metrics::ConfusionMatrix::from_counts({{2, 0, 0}, {1, 4, 0}, {0, 1, 2}});
  metrics::ConfusionMatrix both = head->confusion();
  for (int t = 0; t < 3; ++t)
    for (int p = 0; p < 3; ++p) both.add({t, p, crack.at(t, p)}), both.add({3 + t, 3 + p, rust.at(t, p)});
  const Scalars s = head->summary(both);
  CHECK(s.at("mean_absolute_error_crack") == doctest::Approx(0.3));
  CHECK(s.at("mean_absolute_error_rust") == doctest::Approx(0.2));
  CHECK(s.at("mean_absolute_error") == doctest::Approx(0.25));
  CHECK(s.at("within_one") == doctest::Approx(0.95));
  // By hand: labels 2, 5, 3; predictions 3, 5, 2; expected sum of squares ((2*5 + 5*3 + 5*2 + 3*5) + 4*(2*2 + 3*3)) / 10 = 10.2
  CHECK(s.at("within_one") == doctest::Approx((s.at("within_one_crack") + s.at("within_one_rust")) / 2));
  CHECK(s.at("within_one_crack") != s.at("within_one_rust"));
  CHECK(s.at("quadratic_kappa_rust") == doctest::Approx(1 - 2 / 10.2));
  CHECK(s.at("quadratic_kappa") == doctest::Approx((s.at("quadratic_kappa_crack") + s.at("quadratic_kappa_rust")) / 2));
  CHECK(head->selection(both).value == s.at("quadratic_kappa"));
  CHECK(s.at("dice_rust severe") == doctest::Approx(2 * 2. / (2 + 3)));
  CHECK(s.at("specificity_crack mild") == 7. / 8);  // of eight that are not, one was called so
  CHECK(s.at("specificity_rust none") == 7. / 8);
  CHECK(s.at("specificity_micro") == doctest::Approx(0.9));
  CHECK(head->quality(head->image_summary(both)) == doctest::Approx(-0.25));
  // Always the most frequent grade: of crack none, of rust mild.
  const metrics::ConfusionMatrix base = head->baseline(both);
  CHECK(base.at(1, 0) == 2);
  CHECK(base.at(3, 4) == 2);
  CHECK(base.at(4, 4) == 5);
  CHECK(base.at(5, 4) == 3);
  CHECK(head->note(both).find("within one grade 0.9500 (") != std::string::npos);
  // A plane that nothing is known of has no value and does not count.
  metrics::ConfusionMatrix one = head->confusion();
  for (const metrics::Cell& cell : rust.cells()) one.add({3 + cell.truth, 3 + cell.prediction, cell.count});
  CHECK(head->summary(one).at("mean_absolute_error") == doctest::Approx(0.2));
  CHECK(std::isnan(head->summary(one).at("mean_absolute_error_crack")));
}

TEST_CASE("one scale and one plane have the same scores, whose foreground is above the lowest grade") {
  const auto counts = metrics::ConfusionMatrix::from_counts({{6, 1, 1}, {0, 2, 0}, {1, 0, 3}});
  data::LabelSchema s = two_planes("")->schema();
  s.planes = {"crack"};
  const auto plane = heads::make_head(s);
  s.planes.clear();
  const auto scale = heads::make_head(s);
  const double mild = 4. / 5, severe = 6. / 8;
  for (const auto& head : {plane, scale}) {
    const Scalars all = head->summary(counts);
    CHECK(all.at("dice_macro_foreground") == doctest::Approx((mild + severe) / 2));
    CHECK(all.at("dice_micro_foreground") == doctest::Approx(10. / 13));
    CHECK(all.at("additive_dice") == doctest::Approx(mild + severe));
    CHECK(head->image_summary(counts).at("dice") == doctest::Approx((mild + severe) / 2));
    CHECK(head->text(counts) == plane->text(counts));
    CHECK(head->text(counts).find("Dice foreground 0.7750 macro 0.7833") != std::string::npos);
    CHECK(head->baseline_text(counts) == plane->baseline_text(counts));
    CHECK(head->is_neutral(0));
    CHECK(!head->is_neutral(1));
  }
  s.background = 1;  // where the data says so
  CHECK(heads::make_head(s)->summary(counts).at("additive_dice") == doctest::Approx(12. / 15 + severe));
}
