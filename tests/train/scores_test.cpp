// Intervals of scores, the split that is the headline, the report of a run that goes on.
#include "lamina/train/scores.hpp"

#include <cmath>

#include "lamina/metrics/bootstrap.hpp"
#include "lamina/train/compare.hpp"
#include "lamina/train/run_report.hpp"
#include "support/heads.hpp"
#include "support/op_check.hpp"
#include "support/painted.hpp"

using namespace lamina;
using namespace lamina::test;
namespace fs = std::filesystem;
using data::Task;

namespace {

const std::vector<Picture> kTrain{{"t0", "00112233", "01232323"}};
const std::vector<Picture> kVal{{"a", "00002222", "00002222"}, {"b", "00112233", "00112223"}, {"c", "22222220", "22222221"}};
const std::vector<Picture> kTest{{"d", "00001111", "00111100"}, {"e", "33331122", "33331222"}};

double mean_of(std::span<const double> values, std::span<const int> times) {
  double sum = 0;
  for (std::size_t i = 0; i < values.size(); ++i) sum += times[i] * values[i];
  return sum / static_cast<double>(values.size());
}

}  // namespace

TEST_CASE("bootstrap intervals: of two values by hand, of many as the normal distribution has them") {
  const std::vector<double> two{0, 1};
  const auto mean = [&](std::span<const int> times) { return std::vector{mean_of(two, times)}; };
  // The mean of two draws is 0, 0.5 or 1, a quarter, a half and a quarter of the times.
  const auto wide = metrics::bootstrap(2, mean, {.level = 0.9})[0], narrow = metrics::bootstrap(2, mean, {.level = 0.3})[0];
  CHECK(wide.low == 0);
  CHECK(wide.high == 1);
  CHECK(narrow.low == 0.5);
  CHECK(narrow.high == 0.5);

  std::vector<double> many(200);
  for (std::size_t i = 0; i < many.size(); ++i) many[i] = std::sin(static_cast<double>(i * i));
  double center = 0, square = 0;
  for (const double v : many) center += v / 200, square += v * v / 200;
  const double half = 1.96 * std::sqrt((square - center * center) / 200);
  const auto of_many = [&](std::span<const int> times) {
    int drawn = 0;
    for (const int t : times) drawn += t;
    CHECK(drawn == 200);
    return std::vector{mean_of(many, times), std::nan("")};
  };
  const auto some = metrics::bootstrap(200, of_many, {.resamples = 2000});
  CHECK(std::abs(some[0].low - (center - half)) < 0.1 * half);
  CHECK(std::abs(some[0].high - (center + half)) < 0.1 * half);
  CHECK(std::isnan(some[1].low));
  const auto again = metrics::bootstrap(200, of_many, {.resamples = 2000}),
             other = metrics::bootstrap(200, of_many, {.resamples = 2000, .seed = 1});
  CHECK(again[0].low == some[0].low);
  CHECK(other[0].low != some[0].low);

  // A resample without the first of two things, one in four, has no number; nor has one with the first of four twice or more (0.26).
  const auto kept = metrics::bootstrap(2, [](std::span<const int> t) { return std::vector{t[0] ? 1.0 : std::nan("")}; });
  CHECK(kept[0].low == 1);
  const auto dropped = metrics::bootstrap(4, [](std::span<const int> t) { return std::vector{t[0] > 1 ? 1.0 : std::nan("")}; });
  CHECK(std::isnan(dropped[0].low));
  CHECK(std::isnan(metrics::bootstrap(1, [](std::span<const int>) { return std::vector{1.0}; })[0].high));
  check_throws<OptionError>([&] { metrics::bootstrap(2, mean, {.level = 1}); }, {"level"});
}

TEST_CASE("intervals of scores: an image counts as often as it is drawn") {
  // 100 images of a pixel each, every second one right: the accuracy of a resample has the standard deviation 0.05.
  const auto head = head_of(Task::multiclass, 2);
  std::vector<train::ImageScore> images;
  for (int i = 0; i < 100; ++i) images.push_back({.item = i, .scores = {}, .counts = {{i % 2, 0, 1}}});
  for (const auto& [name, interval] : train::score_intervals(*head, images).each)
    if (name == "accuracy") CHECK(interval.high - interval.low == doctest::Approx(2 * 1.96 * 0.05).epsilon(0.1).scale(0));
}

TEST_CASE("intervals of scores of a class are of five labels that show it, or more") {
  const auto head = head_of(Task::multiclass, 3);
  std::vector<train::ImageScore> images;  // the first class in nine labels, the second in five, the third in four
  for (int i = 0; i < 9; ++i) images.push_back({.item = i, .scores = {}, .counts = {{0, i % 2, 3}, {i < 5 ? 1 : 2, 2, 4}}});
  const train::ScoreIntervals intervals = train::score_intervals(*head, images);
  const std::vector<std::string> names = head->outcomes();
  for (const auto& [name, interval] : intervals.each) {
    CAPTURE(name);
    const bool of_third = name.ends_with('_' + names[2]);
    CHECK(intervals.few.contains(name) == of_third);
    if (name == "dice_" + names[1] || name == "dice_" + names[2]) CHECK(std::isnan(interval.low) == of_third);
  }
  CHECK(train::score_text(intervals, "recall_" + names[2], 1) == "1.0000 (n/a: 4 images)");
}

TEST_CASE("a run that was stopped before its first validation is reported on with its last weights") {
  TempFolder f;
  write_pictures(f / "data", Task::multiclass, kTrain, kVal, kTest);
  for (const int epochs : {0, 1}) {
    CAPTURE(epochs);
    auto config = train::resolved(still(f / "data", f / ("run" + std::to_string(epochs)), 5));
    config.val_every = 4, config.batch = epochs ? 2 : 1, config.width = config.height = 16;
    const data::Dataset dataset = data::open_dataset(config.data);
    std::atomic<bool> stop{false};
    train::TrainEvents events;
    events.step = [&](const train::StepEvent&) { stop = true; };
    CHECK(train::train(config, dataset, true, events, &stop) == train::Outcome::interrupted);
    const std::string headline = train::write_run_report({config.out}, dataset);
    CHECK(headline.starts_with("val: foreground Dice "));
    CHECK(headline.find("; of the last weights, for no validation chose any") != std::string::npos);
    const std::string html = io::read_file(fs::path(config.out) / "report.html");
    CHECK(html.find("No validation yet, the last weights, of step 1") != std::string::npos);
    CHECK(html.find("optimistic") == std::string::npos);
    CHECK(io::find_best_or_last(config.out).filename() == "last.safetensors");
    auto next = train::resolved(still(f / "data", f / ("next" + std::to_string(epochs))));
    next.from = config.out, next.width = next.height = 16;
    train_to(next);
    CHECK(
        io::read_file(fs::path(next.out) / "log.txt").find("weights of " + (fs::path(config.out) / "weights/last.safetensors").string()) !=
        std::string::npos);
  }
  fs::remove_all(f / "run1/weights");
  check_throws<DataError>([&] { io::find_best_or_last(f / "run1"); }, {"run1", "it ended before it wrote any; train it again"});
}

TEST_CASE("the test split, where there is one, is the headline, and its images are not looked at before the run is over") {
  const auto read = [](const fs::path& file) { return io::read_file(file); };
  const auto has = [&](const fs::path& file, const std::string& text) { return read(file).find(text) != std::string::npos; };
  for (const bool with_test : {false, true}) {
    CAPTURE(with_test);
    TempFolder f;
    write_pictures(f / "data", Task::multiclass, kTrain, kVal, with_test ? kTest : std::vector<Picture>{});
    auto config = still(f / "data", f / "run", 2);
    train_to(config, 1);
    CHECK_FALSE(fs::exists(f / "run/scores.json"));
    CHECK(has(f / "run/report.html", "The run is not finished: 1 of 2 epochs"));
    CHECK(has(f / "run/report.html", "Scores on the validation split"));
    CHECK(has(f / "run/plots/loss.svg", "<svg"));
    // A report that is asked for now has pictures, of val.
    CHECK(train::write_run_report({f / "run"}, data::open_dataset(f / "data")).starts_with("val: "));
    CHECK(train::read_scores(f / "run/scores.json").split == "val");
    painted_run(config, Task::multiclass);

    const std::vector<Picture>& scored = with_test ? kTest : kVal;
    const Counts hand(Task::multiclass, scored);
    const train::RunScores s = train::read_scores(f / "run/scores.json");
    CHECK(s.split == (with_test ? "test" : "val"));
    CHECK(s.score_name == "foreground Dice");
    CHECK(s.score == doctest::Approx(hand.mean("dice", 2)));
    CHECK(s.scores.at("accuracy") == doctest::Approx(hand.accuracy()));
    CHECK(s.intervals.images == scored.size());
    CHECK(s.intervals.options.resamples == 1000);
    CHECK(s.intervals.options.level == 0.95);
    REQUIRE(s.images.size() == scored.size());
    // Scores of any one image lie at the ends: of so few images a resample is often of one alone.
    double least = 1, most = 0;
    for (const Picture& p : scored) {
      const double accuracy = Counts(Task::multiclass, {p}).accuracy();
      least = std::min(least, accuracy), most = std::max(most, accuracy);
    }
    for (const auto& [name, interval] : s.intervals.each)
      if (name == "accuracy") {
        CHECK(interval.low == doctest::Approx(least));
        CHECK(interval.high == doctest::Approx(most));
      }
    char line[200];
    std::snprintf(line, sizeof line, "%s: foreground Dice %.4f, 95 %% interval %.3f to %.3f, 1000 bootstrap resamples of %zu images",
                  s.split.c_str(), s.score, s.intervals.selection.low, s.intervals.selection.high, scored.size());
    CHECK(has(f / "run/log.txt", line));
    CHECK(has(f / "run/report.html", with_test ? "Scores on the test split" : "Scores on the validation split"));
    CHECK(has(f / "run/report.html", with_test ? "on 2 test images" : "on 3 validation images"));
    CHECK(has(f / "run/report.html", "optimistic") == !with_test);
    CHECK(has(f / "run/report.html", "1000 bootstrap resamples"));
    CHECK(has(f / "run/report.html", "<th>accuracy</th><td>"));
    CHECK(has(f / "run/next_steps.txt", with_test ? "--split test" : "--split val"));
    CHECK(lines(f / "run/per_image.csv").size() == 1 + scored.size());
  }
}

TEST_CASE("the report is written at every validation, and when a run is interrupted") {
  TempFolder f;
  write_pictures(f / "data", Task::multiclass, kTrain, kVal);
  auto config = train::resolved(still(f / "data", f / "run", 5));
  config.val_every = 2;
  const data::Dataset dataset = data::open_dataset(config.data);
  std::atomic<bool> stop{false};
  std::vector<std::string> found;  // when the epoch after it begins
  train::TrainEvents events;
  events.step = [&](const train::StepEvent& e) {
    const fs::path report = f / "run/report.html";
    const std::string html = fs::exists(report) ? io::read_file(report) : "";
    const std::size_t at = html.find("not finished: ");
    found.push_back(at == std::string::npos ? "none" : html.substr(at + 14, 6));
    stop = e.epoch == 3;
  };
  CHECK(train::train(config, dataset, true, events, &stop) == train::Outcome::interrupted);
  CHECK(found == std::vector<std::string>{"none", "none", "2 of 5"});
  CHECK(io::read_file(f / "run/report.html").find("not finished: 3 of 5") != std::string::npos);
  stop = false;
  found.clear();
  CHECK(train::train(config, dataset, true, events) == train::Outcome::finished);
  CHECK(found == std::vector<std::string>{"3 of 5", "4 of 5"});
  CHECK(io::read_file(f / "run/report.html").find("not finished") == std::string::npos);
}

TEST_CASE("scores.json is read as it was written, undefined numbers too; what is none is told") {
  train::RunScores s{.split = "test", .epoch = 3, .score_name = "foreground Dice", .score = 0.5, .scores = {{"a", 1}, {"b", std::nan("")}}};
  s.intervals.images = 2;
  s.intervals.selection = {0.25, 0.75};
  s.intervals.each = {{"a", {0, 1}}, {"b", {}}};
  s.images = {{"x \"1\"", 0.5, 7}, {"y", std::nan(""), 0}};
  TempFolder f;
  io::write_file_atomically(f / "s.json", train::scores_json(s));
  const train::RunScores r = train::read_scores(f / "s.json");
  CHECK(train::scores_json(r) == train::scores_json(s));
  CHECK(r.images[0].name == s.images[0].name);
  CHECK(r.images[0].labels == 7);
  CHECK(std::isnan(r.images[1].quality));
  CHECK(r.intervals.selection.high == 0.75);
  io::write_file_atomically(f / "s.json", "{\"split\": 1}");
  check_throws<DataError>([&] { train::read_scores(f / "s.json"); }, {"s.json", "no scores"});
}

TEST_CASE("runs side by side: scores, differences image by image, settings that differ") {
  TempFolder f;
  write_pictures(f / "data", Task::multiclass, kTrain, kVal);
  auto a = still(f / "data", f / "a"), b = still(f / "data", f / "b");
  b.loss = "dice";
  painted_run(a, Task::multiclass);
  painted_run(b, Task::multiclass);
  paint_network(f / "b/weights/best.safetensors", Task::multiclass, "1111");
  train_to([&] { return b.epochs = 2, b; }());
  const train::Comparison c = train::compare_runs({f / "a", f / "b/"});
  REQUIRE(c.differences.size() == 1);
  double least = 1, most = -1, mean = 0;
  for (const Picture& p : kVal) {
    const double gain =
        Counts(Task::multiclass, {{p.name, p.label, "11111111"}}).mean("dice", 2) - Counts(Task::multiclass, {p}).mean("dice", 2);
    mean += gain / 3, least = std::min(least, gain), most = std::max(most, gain);
  }
  CHECK(c.differences[0].images == 3);
  CHECK(c.differences[0].mean == doctest::Approx(mean));
  CHECK(c.differences[0].interval.low == doctest::Approx(least));
  CHECK(c.differences[0].interval.high == doctest::Approx(most));
  REQUIRE(c.tables.size() == 3);
  CHECK(c.tables[0].rows.size() == 3);
  CHECK(c.tables[0].rows[1][0] == "a");
  CHECK(c.tables[0].rows[2][0] == "b");
  const std::vector<std::vector<std::string>> differing{{"setting", "a", "b"}, {"loss", "ce+dice", "dice"}};
  CHECK(c.tables[2].rows == differing);
  const std::string text = train::comparison_text(c), html = train::comparison_html(c);
  for (const std::string& whole : {text, html})
    for (const char* word : {"Differences from a", "Settings that differ", "foreground Dice", "ce+dice"})
      CHECK_MESSAGE(whole.find(word) != std::string::npos, word);
  CHECK(html.find(">b</text>") != std::string::npos);  // a legend of curves
  // Images of the same name that hold something else are others; scores of before say nothing of that.
  train::RunScores changed = train::read_scores(f / "b/scores.json");
  REQUIRE(changed.images.size() == 3);
  CHECK(changed.images[0].labels != 0);
  ++changed.images[0].labels, changed.images[1].labels = 0;
  io::write_file_atomically(f / "b/scores.json", train::scores_json(changed));
  const train::Comparison some = train::compare_runs({f / "a", f / "b"});
  CHECK(some.differences[0].images == 2);
  CHECK(some.differences[0].others == 1);
  CHECK(train::comparison_text(some).find("without 1 image with other labels") != std::string::npos);
  // Without scores, or of another split, there is nothing to pair.
  train::RunScores other = train::read_scores(f / "b/scores.json");
  other.split = "test";
  io::write_file_atomically(f / "b/scores.json", train::scores_json(other));
  CHECK(train::compare_runs({f / "a", f / "b"}).differences[0].images == 0);
  fs::remove(f / "b/scores.json");
  CHECK(train::compare_runs({f / "a", f / "b"}).differences[0].images == 0);
  CHECK(train::comparison_text(train::compare_runs({f / "a", f / "b"})).find("no scored image in common") != std::string::npos);
  check_throws<OptionError>([&] { train::compare_runs({f / "a"}); }, {"two runs"});
  CHECK_THROWS_AS(train::compare_runs({f / "a", f / "data"}), Error);
}
