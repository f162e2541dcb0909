// What sentinels advise: what a network can bear, and its loss takes.
#include "lamina/train/sentinels/rules.hpp"
#include "support/heads.hpp"
#include "support/op_check.hpp"
#include "support/records.hpp"
#include "support/several_heads.hpp"

using namespace lamina;
using namespace lamina::test;

TEST_CASE("a rate that is high is not to be raised, nor one whose steps are small since channels died") {
  const auto head = head_of(data::Task::multiclass, 2);
  const losses::Criterion weighed("ce", {.class_weights = {1, 9}});
  for (const auto& [lr, next] : {std::pair{3.0, "--lr 0.001"}, {0.2, "--lr 0.02"}, {0.01, "--lr 0.1"}}) {
    std::vector<EpochRecord> still = times(5, counted({{90, 0}, {10, 0}}, lr));
    still[4].signals = {{"movement", 1e-6}};
    CHECK(train::alarms(train::head_sentinels(*head, lr, weighed), still)[0].next == next);
  }
  std::vector<EpochRecord> dead = times(5, counted({{90, 0}, {10, 0}}, 0.01));
  dead[4].signals = {{"movement", 1e-6}, {"dead/down.0", 0.75}};
  const Alarm broken = train::alarms(train::head_sentinels(*head, 0.01), dead)[0];
  CHECK(broken.cause.starts_with("a learning rate that is too high (75 % of the channels of down.0 are dead),"));
  CHECK(broken.next == "--lr 0.001");

  const auto small = [](double lr, double movement) { return times(4, seen({{"movement", movement}}, lr)); };
  CHECK(said(train::network_sentinels(1e-3), times(4, seen({{"movement", 1e-3}, {"dead/down.0", 0.75}}))) == Said{"3 dead channels"});
  for (const auto& [lr, movement] : {std::pair{3.0, 1e-6}, {1e-2, 1e-4}}) {  // with ten thousand times the rate they would move
    const Alarm a = train::alarms(train::network_sentinels(lr), small(lr, movement), false).at(0);
    CHECK(a.next == "--optimizer adam --lr 0.001");
    CHECK(a.cause.starts_with("gradients that are next to nothing"));
  }
}

TEST_CASE("what is advised fits the loss of the head that it is about") {
  const auto advised = [](const heads::Head& head, const char* loss, const std::string& missed) {
    const std::vector<std::string> outcomes = head.outcomes();
    EpochRecord r{.lr = 1e-3};
    if (missed.empty()) r.signals = {{"border_error/labels", 0.3}, {"inner_error/labels", 0.01}};
    metrics::ConfusionMatrix counts = head.confusion();
    for (int first = 0; const metrics::ConfusionMatrix& own : head.decisions(counts)) {
      for (int c = 0; c < own.classes(); ++c) {
        counts.add({first + c, outcomes[static_cast<std::size_t>(first + c)] == missed ? first : first + c, 20});
        counts.add({first + c, first + (c + 1) % own.classes(), 2});
      }
      first += own.classes();
    }
    r.validation = train::Validation{.counts = {{kLabels, counts}}};
    const auto all = train::alarms(train::head_sentinels(head, 1e-3, losses::Criterion(loss)), times(10, r), false);
    REQUIRE(all.size() == 1);
    CHECK(all[0].rule == (missed.empty() ? "noisy borders" : "no recall"));
    return all[0].next;
  };
  const auto grades = head_of(data::Task::ordinal, 3, "corn"), classes = head_of(data::Task::multiclass, 3),
             values = head_of(data::Task::ordinal, 3, "regression");
  CHECK(advised(*grades, "ce", "b") == "--positive-weights balanced");
  CHECK(advised(*grades, "dice", "b") == "--class-weights median");
  CHECK(advised(*grades, "wasserstein", "b") == "--class-weights median");
  CHECK(advised(*values, "mae", "b") == "--class-weights median");
  CHECK(advised(*classes, "dice", "b") == "--class-weights median");
  CHECK(advised(*classes, "dice", "") == "--loss ce:smoothing=0.1+dice");
  CHECK(advised(*values, "mae", "") == "--patience 10");
  const auto several = heads::make_head(data::parse_label_schema(kThreeHeads, "it"), "damage=regression");
  const char* own = "tissue=dice,marks=dice,damage=mae";
  CHECK(advised(*several, own, "tissue nail") == "--class-weights median");
  CHECK(advised(*several, own, "marks ruler") == "--class-weights median");
  CHECK(advised(*several, "tissue=dice,marks=ce,damage=mae", "marks ruler") == "--positive-weights balanced");
  CHECK(advised(*several, "tissue=dice,marks=ce,damage=mae", "tissue nail") == "--class-weights median");
  CHECK(advised(*several, own, "damage B severe") == "--resize crop --crop-foreground 0.5");
  CHECK(advised(*several, own, "") == "--patience 10");
}
