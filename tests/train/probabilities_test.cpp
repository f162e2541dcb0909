// Precision, recall and calibration from one pass over probabilities, and what a report says of them.
#include "lamina/metrics/probabilities.hpp"

#include <cmath>

#include "lamina/data/loader.hpp"
#include "lamina/train/run_report.hpp"
#include "support/charts.hpp"
#include "support/golden.hpp"
#include "support/painted_report.hpp"

using namespace lamina;
using namespace lamina::test;
using metrics::ProbabilityCounts;

namespace {

/// Both are NaN, or they are alike.
void check_alike(double a, double b) {
  if (std::isnan(b))
    CHECK(std::isnan(a));
  else
    CHECK(a == doctest::Approx(b).epsilon(1e-7));
}

std::vector<double> golden_values(const io::TensorArchive& file, const std::string& name) { return file.at(name).to_vector<double>(); }

}  // namespace

TEST_CASE("curves and calibration from counts in bins are scikit-learn's") {
  const auto file = golden_archive("probabilities");
  for (const std::string name : {"classes", "planes"}) {
    CAPTURE(name);
    const Tensor probabilities = file.at(name + ".probabilities"), labels = file.at(name + ".labels");
    const auto p = probabilities.to_vector<float>();
    const auto truth = labels.to_vector<std::uint8_t>();
    const int events = static_cast<int>(probabilities.size(1));
    ProbabilityCounts counts(events), rest(events);  // in two parts, as an evaluation's batches
    const std::size_t pixels = static_cast<std::size_t>(probabilities.size(0)), first = pixels / 3, values = truth.size() / pixels;
    const auto add = [&](ProbabilityCounts& to, std::size_t from, std::size_t n) {
      const auto of_p = std::span(p).subspan(from * static_cast<std::size_t>(events), n * static_cast<std::size_t>(events));
      const auto of_labels = std::span(truth).subspan(from * values, n * values);
      name == "classes" ? to.add(of_p, of_labels, 255) : to.add_planes(of_p, of_labels, 255);
    };
    add(counts, 0, first);
    add(rest, first, pixels - first);
    counts.add(rest);
    CHECK(counts.events() == events);
    for (int event = 0; event <= events; ++event) {
      CAPTURE(event);
      const std::string key = name + "." + std::to_string(event) + ".";
      const auto precision = golden_values(file, key + "precision"), recall = golden_values(file, key + "recall"),
                 dice = golden_values(file, key + "dice");
      const auto curve = counts.curve(event);
      REQUIRE(curve.size() == precision.size());
      for (std::size_t k = 0; k < curve.size(); ++k) {
        CHECK(curve[k].threshold == doctest::Approx(static_cast<double>(k) / 300));
        check_alike(curve[k].precision, precision[k]);
        check_alike(curve[k].recall, recall[k]);
        check_alike(curve[k].dice, dice[k]);
      }
      check_alike(counts.average_precision(event), golden_values(file, key + "average_precision")[0]);
      check_alike(counts.calibration_error(event), golden_values(file, key + "error")[0]);
      CHECK(counts.best(event).dice == doctest::Approx(*std::max_element(dice.begin(), dice.end())));
      const auto frequency = golden_values(file, key + "frequency"), probability = golden_values(file, key + "probability");
      std::size_t part = 0;
      for (const metrics::Reliability& r : counts.reliability(event)) {
        if (r.pixels == 0) continue;
        REQUIRE(part < frequency.size());
        check_alike(r.frequency, frequency[part]);
        check_alike(r.probability, probability[part++]);
      }
      CHECK(part == frequency.size());
    }
  }
}

TEST_CASE("probabilities that are ignored, NaN or 1, and events that never are") {
  ProbabilityCounts counts(2);
  const float nan = std::nanf("");
  counts.add(std::vector<float>{1, 0, 0.75f, 0.25f, 0.5f, 0.5f, nan, nan}, std::vector<std::uint8_t>{0, 0, 255, 0}, 255);
  CHECK(counts.pixels(0) == 2);
  CHECK(counts.curve(0)[299].recall == 0.5);  // the pixel of 1 is in the last bin
  CHECK(counts.curve(0)[224].recall == 1);
  CHECK(counts.calibration_error(2) == doctest::Approx(0.125));
  for (const double none : {counts.average_precision(1), counts.best(1).dice, counts.curve(1)[0].recall}) CHECK(std::isnan(none));
  CHECK(std::isnan(ProbabilityCounts(1).calibration_error(0)));
  CHECK_THROWS_AS(counts.add(std::vector<float>(3), std::vector<std::uint8_t>(2)), ShapeError);
  CHECK_THROWS_AS(counts.add(std::vector<float>(4), std::vector<std::uint8_t>{0, 2}), DataError);
  CHECK_THROWS_AS(counts.add_planes(std::vector<float>(4), std::vector<std::uint8_t>{0, 1, 2, 0}), DataError);
  CHECK_THROWS_AS(counts.add(ProbabilityCounts(9)), ShapeError);
  CHECK_THROWS_AS((void)counts.reliability(0, 7), OptionError);
}

TEST_CASE("what the probabilities of each kind of head are of, against labels by hand") {
  data::LabelSchema grades;
  grades.task = data::Task::ordinal;
  grades.names = {"none", "mild", "severe"};
  grades.values = {0, 1, 2};
  data::LabelSchema graded_planes = grades;
  graded_planes.planes = {"A", "B"};
  struct Case {
    data::LabelSchema schema;
    const char* kind;
    std::vector<std::string> events;
    std::vector<int> outcomes;
    std::vector<std::uint8_t> truth;  // of two pixels
    std::vector<std::int64_t> so;     // how often each event is
  };
  const Case cases[] = {
      {grades, "ordinal", {"mild or above", "severe"}, {1, 2}, {2, 1}, {2, 1}},
      {grades, "corn", {"mild or above", "severe"}, {1, 2}, {0, 255}, {0, 0}},
      {graded_planes, "coral", {"A mild or above", "A severe", "B mild or above", "B severe"}, {1, 2, 4, 5}, {0, 2, 1, 255}, {1, 0, 1, 1}},
      {grades, "regression", {}, {}, {2, 1}, {}},
  };
  for (const Case& c : cases) {
    CAPTURE(c.kind);
    const auto head = heads::make_head(c.schema, c.kind);
    CHECK(head->events() == c.events);
    auto counts = head->probability_counts();
    head->count(counts, c.truth, std::vector<float>(2 * c.events.size(), 1));
    for (int event = 0; event < static_cast<int>(c.events.size()); ++event) {
      CHECK(head->outcome_of(event) == c.outcomes[static_cast<std::size_t>(event)]);
      const auto last = counts.reliability(event).back();
      CHECK(static_cast<double>(last.pixels) * last.frequency ==
            doctest::Approx(static_cast<double>(c.so[static_cast<std::size_t>(event)])));
    }
  }
}

TEST_CASE("a report's thresholds, precision, recall and calibration are those of the network's probabilities") {
  TempFolder f;
  write_pictures(f / "data", data::Task::multiclass, {{"t", "00112233", "00112233"}, {"u", "00112233", "00112233"}},
                 {{"a", "00112233", "01112233"}, {"b", "2222xx11", "22221111"}});
  painted_run(still(f / "data", f / "run"), data::Task::multiclass);
  const std::string html = io::read_file(f / "run/report.html");
  // Scores of 4 where a color is, and sky's 1 everywhere.
  const double pure = std::exp(4) / (std::exp(4) + std::exp(1) + 2);
  const auto row = all(html,
                       "<tr><th><i style=\"background:#00783c\"></i>red</th><td class=num>([0-9.]+)</td><td "
                       "class=num>([0-9.]+)</td><td class=num>([0-9.]+)</td><td class=num>([0-9.]+)</td><td class=num>([0-9.]+)</td><td "
                       "class=num>([0-9.]+)</td><td class=num>([0-9.]+)</td>");
  REQUIRE(row.size() == 1);
  // Called red: three of a, of which two are, and two of b, which are; the other nine pixels are not. All four reds are called so.
  CHECK(row[0][0] == "0.800");  // average precision
  CHECK(std::stod(row[0][2]) == doctest::Approx(2 * 4.0 / (4 + 5)).epsilon(1e-3).scale(0));
  const double best = std::stod(row[0][3]);
  CHECK((best > 0.1 && best < pure));
  CHECK(row[0][5] == "0.800");
  CHECK(row[0][6] == "1.000");
  const auto counts = [&] {
    const auto dataset = data::open_dataset(f / "data");
    infer::Predictor predictor(f / "run");
    return train::evaluate_at_original_size(predictor, dataset, data::Split::val, {.probabilities = true}).probabilities;
  }();
  CHECK(counts.pixels(1) == 14);
  CHECK(std::abs(std::stod(row[0][1]) - counts.calibration_error(1)) < 5.01e-5);
  CHECK(html.find("the likeliest class it is " + [&] {
    char text[16];
    std::snprintf(text, sizeof text, "%.4f", counts.calibration_error(4));
    return std::string(text);
  }()) != std::string::npos);
  const auto calibration = chart(io::read_file(f / "run/plots/calibration.svg"));
  CHECK(io::read_file(f / "run/plots/calibration.svg").find(">as it should be</text>") != std::string::npos);
  CHECK(section(io::read_file(f / "run/report.html"), "Thresholds").find(">as it should be</text>") == std::string::npos);
  const auto& red = calibration.at("red");
  REQUIRE(red.size() == 3);  // where the photograph has another color, is black, is red
  CHECK(std::abs(red[2].first - pure) < 0.005);
  CHECK(std::abs(red[2].second - 0.8) < 0.005);
  CHECK(red[0].second < 0.005);
  const auto pr = chart(io::read_file(f / "run/plots/precision_recall.svg"));
  bool found = false;
  for (const auto& [recall, precision] : pr.at("red")) found = found || (std::abs(recall - 1) < 0.005 && std::abs(precision - 0.8) < 0.005);
  CHECK(found);
  const auto thresholds = chart(io::read_file(f / "run/plots/thresholds.svg"));
  for (const auto& [threshold, dice] : thresholds.at("red"))
    if (threshold > pure + 0.01)
      CHECK(dice < 0.005);
    else if (threshold > 0.3 && threshold < pure - 0.01)
      CHECK(std::abs(dice - 8.0 / 9) < 0.005);
}
