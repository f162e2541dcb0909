// Thresholds between grades: those that a regression head decides by, and how they are fitted.
#include "lamina/metrics/thresholds.hpp"
#include "lamina/heads/regression.hpp"
#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::test;

namespace {
using Grades = std::vector<std::uint8_t>;

data::LabelSchema four_grades(std::vector<std::string> planes = {}) {
  data::LabelSchema s;
  s.task = data::Task::ordinal;
  s.names = {"none", "mild", "moderate", "severe"};
  s.values = {0, 1, 2, 3};
  s.planes = std::move(planes);
  s.set_default_colors();
  return s;
}
}  // namespace

TEST_CASE("expected grades: sums of what is likely, numbers within the grades, of each plane; of classes there are none") {
  const std::vector<float> answers{0.9f, 0.4f, 0.1f, 0.5f, 0.25f, 0}, values{1.4f, 4.5f};
  for (const char* kind : {"ordinal", "corn", "coral"}) {
    CHECK(heads::make_head(four_grades({"A", "B"}), kind)->expected_grade(answers, 0) == doctest::Approx(1.4));
    CHECK(heads::make_head(four_grades({"A", "B"}), kind)->expected_grade(answers, 1) == 0.75f);
  }
  const auto numbers = heads::make_head(four_grades({"A", "B"}), "regression");
  CHECK(numbers->expected_grade(values, 0) == 1.4f);
  CHECK(numbers->expected_grade(values, 1) == 3);
  CHECK(numbers->expected_grade(std::vector<float>{-1, 2}, 0) == 0);
  data::LabelSchema classes;
  classes.names = {"a", "b"}, classes.values = {0, 1}, classes.colors.resize(2);
  check_throws<OptionError>([&] { (void)heads::make_head(classes)->expected_grade(values, 0); }, {"multiclass", "no grades"});
}

TEST_CASE("regression: the source's thresholds, others, those of each plane; beyond the grades there is none") {
  const Tensor values = Tensor::from({0.1f, 1.6f, 0.7f, 5.f, -2.f, 2.5f}, {1, 2, 3, 1});
  const auto decided = [&](const std::string& kind) {
    return heads::make_head(four_grades(), kind)->decide(values).to_vector<std::uint8_t>();
  };
  CHECK(decided("regression") == Grades{0, 2, 1, 3, 0, 2});
  CHECK(decided("regression:0.5/1.5/2.5") == Grades{0, 2, 1, 3, 0, 2});
  CHECK(decided("regression:0.75/1.75/2.25") == Grades{0, 1, 0, 3, 0, 3});
  CHECK(std::string(heads::make_head(four_grades(), "regression:0.75/1.75/2.25")->kind()) == "regression:0.75/1.75/2.25");
  const auto two = heads::make_head(four_grades({"A", "B"}), "regression:0.5/1.5/2.5:0.75/1.75/2.25");
  std::vector<Device> devices{kCpu};
  for (const Device device : cuda_devices()) devices.push_back(device);
  for (const Device device : devices) {
    const Tensor there = two->decide(Tensor::from({0.6f, 0.6f, 1.7f, 1.7f, 2.4f, 2.4f}, {1, 1, 3, 2}).to(device));
    CHECK(there.device() == device);
    CHECK(there.shape() == Shape{1, 1, 3, 2});
    CHECK(there.to_vector<std::uint8_t>() == Grades{1, 0, 2, 1, 2, 3});
  }
  CHECK(heads::make_head(two->schema(), two->kind())->kind() == std::string(two->kind()));
  check_throws<OptionError>([] { heads::make_head(four_grades(), "regression:0.5/1.5"); }, {"4 grades", "3 thresholds"});
  CHECK(std::string(heads::make_head(four_grades(), "regression")->with_thresholds({{0.25f, 1, 2}})->kind()) == "regression:0.25/1/2");
  CHECK(heads::make_head(four_grades(), "corn")->thresholds().empty());
  check_throws<OptionError>([] { (void)heads::make_head(four_grades(), "corn")->with_thresholds({{0.5f}}); }, {"corn", "no numbers"});
  check_throws<OptionError>([] { heads::make_head(four_grades(), "regression:0.5/1.5/1.5"); }, {"ascending"});
  check_throws<OptionError>([] { heads::make_head(four_grades(), "regression:0.5/x/1.5"); }, {"\"x\"", "no threshold"});
  check_throws<OptionError>([] { heads::make_head(four_grades({"A", "B", "C"}), "regression:1/2/3:1/2/3"); }, {"2 planes for 3"});
  check_throws<OptionError>([] { heads::make_head(four_grades(), "corn:0.5/1.5/2.5"); }, {"regression head"});
  CHECK(heads::without_thresholds("a=regression:0.5/1.5:0.5/1.4,b=corn") == "a=regression,b=corn");
}

TEST_CASE("fitted thresholds: no threshold can be moved to a higher quadratic kappa; values and grades as scikit-learn counts them") {
  // Numbers that were pulled to the middle, as a squared error pulls them.
  const std::vector<std::pair<int, float>> said{{0, 0.5625f}, {0, 0.75f},   {0, 0.8125f}, {1, 1.0625f}, {1, 1.1875f}, {1, 0.90625f},
                                                {2, 1.4375f}, {2, 1.5625f}, {2, 1.3125f}, {3, 1.9375f}, {3, 2.125f},  {3, 1.6875f}};
  metrics::ValueCounts counts(4);
  for (const auto& [grade, value] : said) counts.add(grade, value);
  const std::vector<float> usual{0.5f, 1.5f, 2.5f};
  // cohen_kappa_score(weights="quadratic"): decisions 1 1 1 1 1 1 1 2 1 2 2 2.
  CHECK(counts.decided(usual).ordinal_scores().quadratic_kappa == doctest::Approx(5. / 9).scale(0).epsilon(1e-9));
  const std::vector<float> fitted = counts.fitted(usual);
  CHECK(counts.decided(fitted).ordinal_scores().quadratic_kappa == 1);
  // In the middle between the numbers of neighbouring grades, in steps of 1/64.
  CHECK(fitted[0] == doctest::Approx((0.8125 + 0.90625) / 2).epsilon(0.02));
  CHECK(fitted[1] == doctest::Approx((1.1875 + 1.3125) / 2).epsilon(0.02));
  CHECK(fitted[2] == doctest::Approx((1.5625 + 1.6875) / 2).epsilon(0.02));
  // One grade alone: nothing to fit.
  metrics::ValueCounts alone(4);
  for (int i = 0; i < 5; ++i) alone.add(2, 1.f);
  CHECK(alone.fitted({0.9f, 1.5f, 2.5f}) == std::vector<float>{0.9f, 1.5f, 2.5f});
  check_throws<DataError>([&] { counts.add(4, 1.f); }, {"label 4", "0 to 3"});
  // At random: as good as every single move; what is beyond the grades counts with the lowest and the highest.
  Random random(RandomKey{3});
  metrics::ValueCounts many(4);
  std::vector<std::pair<int, float>> all;
  for (int i = 0; i < 400; ++i) {
    const int grade = static_cast<int>(random.below(4));
    all.emplace_back(grade, static_cast<float>(std::lround(64 * (1.2 + 0.5 * (grade - 1.5) + 1.5 * (random.uniform() - 0.5)))) / 64);
    if (i % 50 == 0) all.back().second = grade > 1 ? 9.f : -9.f;
    many.add(all.back().first, all.back().second);
  }
  const std::vector<float> best = many.fitted(usual);
  const auto kappa = [&](const std::vector<float>& thresholds) {
    metrics::ConfusionMatrix m(4);
    for (const auto& [grade, value] : all)
      m.add({grade, static_cast<int>(std::count_if(thresholds.begin(), thresholds.end(), [&, v = value](float t) { return v > t; })), 1});
    return m.ordinal_scores().quadratic_kappa;
  };
  CHECK(kappa(best) == doctest::Approx(many.decided(best).ordinal_scores().quadratic_kappa).epsilon(1e-12));
  CHECK(kappa(best) > kappa(usual) + 0.02);
  for (std::size_t k = 0; k < 3; ++k)
    for (float t = -0.9f; t < 3.9f; t += 1.f / 32) {
      std::vector<float> moved = best;
      moved[k] = std::round(64 * t) / 64;
      if (std::adjacent_find(moved.begin(), moved.end(), std::greater_equal<>()) == moved.end()) CHECK(kappa(moved) <= kappa(best) + 1e-9);
    }
}
