// What sentinels make of errors near the borders of labels.
#include "lamina/metrics/border.hpp"

#include <cmath>

#include "lamina/train/sentinels/rules.hpp"
#include "support/heads.hpp"
#include "support/op_check.hpp"
#include "support/painted.hpp"

using namespace lamina;
using namespace lamina::test;
using train::Alarm;

TEST_CASE("pixels near borders, by hand") {
  // A row of eight: the border is between 3 and 4; with a reach of 2 the pixels 2 to 5 are near it. The last is ignored.
  const std::vector<std::uint8_t> truth{0, 0, 0, 0, 1, 1, 1, 255}, decided{1, 0, 1, 0, 1, 0, 1, 0};
  auto n = metrics::border_counts(truth, decided, 1, 8, 1, 255);
  CHECK(n.near == 4);
  CHECK(n.near_wrong == 2);
  CHECK(n.far == 3);
  CHECK(n.far_wrong == 1);
  CHECK(n.band == 3);  // 0, 1 and 6; 7 is ignored
  CHECK(n.band_wrong == 1);
  n = metrics::border_counts(truth, decided, 8, 1, 1, 255, 1);  // as a column
  CHECK(n.near == 2);
  CHECK(n.near_wrong == 0);
  CHECK(n.far_error() == doctest::Approx(3.0 / 5));
  CHECK(n.band_error() == doctest::Approx(2.0 / 2));  // 2 and 5
  CHECK(n.deep_error() == doctest::Approx(1.0 / 3));
  // Diagonal neighbours are near; planes are apart.
  const std::vector<std::uint8_t> corner{1, 0, 0, 0, 0, 0, 0, 0, 0}, none(9);
  n = metrics::border_counts(corner, none, 3, 3, 1, {}, 1);
  CHECK(n.near == 4);
  CHECK(n.near_wrong == 1);
  std::vector<std::uint8_t> both;
  for (std::size_t i = 0; i < 9; ++i) both.insert(both.end(), {corner[i], 0});
  n = metrics::border_counts(both, std::vector<std::uint8_t>(18), 3, 3, 2, {}, 1);
  CHECK(n.near == 4);
  CHECK(n.far == 14);
  // An ignored pixel between two labels makes no border with either, and hides none.
  const std::vector<std::uint8_t> hidden{0, 0, 255, 0, 1};
  n = metrics::border_counts(hidden, hidden, 1, 5, 1, 255, 1);
  CHECK(n.near == 2);
  CHECK(n.far == 2);
  CHECK(std::isnan(metrics::BorderCounts().near_error()));
  check_throws<ShapeError>([&] { metrics::border_counts(truth, decided, 2, 3); }, {"8 labels", "2 x 3"});
}

TEST_CASE("noisy borders: a fifth wrong along them for ten validations, hardly anything elsewhere, and no fewer") {
  const auto head = head_of(data::Task::multiclass, 3);
  const auto rules = train::head_sentinels(*head, 1e-2);
  using Counts = std::vector<std::vector<std::int64_t>>;
  const Counts found{{9000, 50, 50}, {80, 400, 20}, {0, 30, 370}};
  const auto epochs = [&](const std::vector<std::pair<double, double>>& shares, const Counts& counts) {
    std::vector<train::EpochRecord> all;
    for (const auto& [near, far] : shares) {
      all.push_back({.lr = 1, .signals = {{"border_error/labels", near}, {"inner_error/labels", far}}});
      all.back().validation = train::Validation{.counts = {{kLabels, metrics::ConfusionMatrix::from_counts(counts)}}};
    }
    return all;
  };
  const auto rule = [&](const std::vector<std::pair<double, double>>& shares, std::optional<Counts> counts = {}) {
    const auto all = train::alarms(rules, epochs(shares, counts.value_or(found)));
    return all.empty() ? std::string() : all.back().rule;
  };
  using Shares = std::vector<std::pair<double, double>>;
  CHECK(rule(Shares(10, {0.25, 0.01})) == "noisy borders");
  CHECK(rule(Shares(9, {0.25, 0.01})).empty());
  CHECK(rule(Shares(10, {0.15, 0.01})).empty());  // as of exact labels
  CHECK(rule(Shares(10, {0.25, 0.05})).empty());  // it is wrong elsewhere, too
  Shares falling;
  for (int i = 0; i < 10; ++i) falling.emplace_back(0.4 - 0.015 * i, 0.01);
  CHECK(rule(falling).empty());
  // Small objects that are hardly found are wrong near their borders, and nowhere else.
  CHECK(rule(Shares(10, {0.3, 0.01}), Counts{{9000, 10, 10}, {40, 1, 0}, {30, 0, 1}}).empty());
  CHECK(rule(Shares(10, {0.3, 0.01}), Counts{{9000, 10, 10}, {60, 39, 1}, {30, 0, 40}}).empty());  // one of the two: 61 of 111 wrong
  CHECK(rule(Shares(10, {0.3, 0.01}), Counts{{9000, 20, 20}, {60, 39, 1}, {30, 0, 40}}) == "noisy borders");  // 61 of 131: others', too
  CHECK(rule(Shares(10, {0.3, 0.01}), Counts{{9000, 10, 10}, {50, 50, 0}, {30, 0, 40}}) == "noisy borders");  // half is found
  const Alarm a = train::alarms(rules, epochs(Shares(10, {0.25, 0.01}), found))[0];
  CHECK(a.seen.find("25 %") != std::string::npos);
  CHECK(a.next.starts_with("--loss ce:smoothing"));
  // Labels that are off by three pixels are wrong elsewhere, too, but most next to their borders.
  const auto off_by_three = [&](double band, double deep) {
    auto all = epochs(Shares(10, {0.37, 0.06}), found);
    for (train::EpochRecord& r : all) r.signals.append({{"band_error/labels", band}, {"deep_error/labels", deep}});
    const auto said = train::alarms(rules, all);
    return said.empty() ? std::string() : said.back().seen;
  };
  CHECK(off_by_three(0.138, 0.04).find("of those 3 or 4 away 14 %, deeper 4 %") != std::string::npos);
  CHECK(off_by_three(0.092, 0.02).empty());
  CHECK(off_by_three(0.138, 0.05).empty());
}

TEST_CASE("validations of a run that is watched say how much is wrong near borders and elsewhere") {
  // 8 pixels in two rows of 4; with a reach of 2 all of b are near its border, a and c have none.
  const TempFolder f;
  const std::vector<Picture> train{{"t0", "00112233", "00112233"}};
  write_pictures(f / "data", data::Task::multiclass, train,
                 {{"a", "22222222", "22222221"}, {"b", "22222233", "22322233"}, {"c", "xxxx0000", "11110000"}});
  for (const char* policy : {"warn", "off"}) {
    auto c = still(f / "data", f / policy);
    c.sentinels = policy;
    painted_run(c, data::Task::multiclass);
    const auto signals = trainer_state(f / policy / "weights/last.safetensors").at("history").at(1);
    if (std::string(policy) == "off") {
      CHECK(!signals.contains("signals"));
      CHECK(train::make_task(train::resolved(c), data::open_dataset(c.data))->validate().signals.size() == 0);  // not even looked for
      continue;
    }
    CHECK(signals.at("signals").at("border_error/labels").get<double>() == doctest::Approx(1.0 / 8));
    CHECK(signals.at("signals").at("inner_error/labels").get<double>() == doctest::Approx(1.0 / 12));
  }
}
