// Scores against scikit-learn: tests/golden/make_metrics.py.
#include <cmath>

#include "lamina/data/class_weights.hpp"
#include "lamina/metrics/confusion.hpp"
#include "support/golden.hpp"
#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::test;
using metrics::ConfusionMatrix;

namespace {

struct Case {
  const io::TensorArchive& file;
  std::string name;
  std::vector<double> doubles(const std::string& what) const { return file.at(name + "." + what).to_vector<double>(); }
  std::vector<std::uint8_t> labels(const std::string& what) const { return file.at(name + "." + what).to_vector<std::uint8_t>(); }
};

void same(double got, double expected, double tolerance = 1e-12) {
  CHECK(std::isnan(got) == std::isnan(expected));
  if (!std::isnan(expected)) CHECK(std::abs(got - expected) < tolerance);
}
void same(std::span<const double> got, const std::vector<double>& expected) {
  REQUIRE(got.size() >= expected.size());
  for (std::size_t c = 0; c < expected.size(); ++c) same(got[c], expected[c]);
}

constexpr std::pair<const char*, metrics::ClassScores metrics::Scores::*> kScores[] = {{"dice", &metrics::Scores::dice},
                                                                                       {"iou", &metrics::Scores::iou},
                                                                                       {"precision", &metrics::Scores::precision},
                                                                                       {"recall", &metrics::Scores::recall}};

}  // namespace

TEST_CASE("scores and balanced weights are scikit-learn's, of classes that are absent, too") {
  const io::TensorArchive file = golden_archive("metrics");
  for (const char* name : {"case0", "case1", "case2", "case3"}) {
    CAPTURE(name);
    const Case c{file, name};
    const auto truth = c.labels("truth"), decided = c.labels("decided");
    const int classes = static_cast<int>(c.doubles("dice").size());
    ConfusionMatrix m(classes);
    m.add(truth, decided, 255);
    const metrics::Scores s = m.scores(0), zero = m.scores(0, 0);
    for (const auto& [score, member] : kScores) {
      CAPTURE(score);
      const metrics::ClassScores& got = s.*member;
      const std::vector<double> each = c.doubles(score), micro = c.doubles(std::string(score) + "_micro");
      same(got.per_class, each);
      double sum = 0, foreground = 0;
      int defined = 0, defined_foreground = 0;
      for (int k = 0; k < classes; ++k)
        if (const double v = each[static_cast<std::size_t>(k)]; !std::isnan(v))
          sum += v, ++defined, foreground += k ? v : 0, defined_foreground += k > 0;
      same(got.macro, sum / defined);
      same(got.macro_foreground, foreground / defined_foreground);
      same(got.micro, micro[0]);
      same(got.micro_foreground, micro[1]);
      same((zero.*member).macro, c.doubles(std::string(score) + "_zero")[0]);
    }
    same(s.specificity.per_class, c.doubles("specificity"));
    same(s.accuracy, c.doubles("accuracy")[0]);
    const metrics::OrdinalScores grades = m.ordinal_scores();
    same(std::vector{grades.mean_absolute_error, grades.within_one, grades.quadratic_kappa}, c.doubles("grades"));
    data::ClassCounts counts = data::ClassCounts::zeros(static_cast<std::size_t>(classes));
    std::vector<std::int64_t> pixels(static_cast<std::size_t>(classes));
    for (int k = 0; k < classes; ++k) pixels[static_cast<std::size_t>(k)] = m.truth_count(k);
    counts.add(pixels, std::vector<std::int64_t>(pixels.size(), m.total()));
    same(data::class_weights(data::WeightRule::balanced, counts), c.doubles("balanced"));
  }
}

TEST_CASE("scores of planes are scikit-learn's of each by itself") {
  const io::TensorArchive file = golden_archive("metrics");
  const Case c{file, "planes"};
  ConfusionMatrix m(5);  // four, and none
  m.add_planes(c.labels("truth"), c.labels("decided"));
  const metrics::Scores s = m.scores(4);
  for (const auto& [score, member] : kScores) {
    CAPTURE(score);
    same((s.*member).per_class, c.doubles(score));
    same((s.*member).micro_foreground, c.doubles(std::string(score) + "_micro")[0]);
  }
  same(s.specificity.per_class, c.doubles("specificity"));
}
