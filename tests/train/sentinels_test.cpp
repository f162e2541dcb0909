// What watches a run: each rule is provoked, and silent where all is well.
#include <cmath>

#include "lamina/models/registry.hpp"
#include "lamina/nn/nn.hpp"
#include "lamina/ops/ops.hpp"
#include "lamina/train/sentinels/rules.hpp"
#include "lamina/train/sentinels/watch.hpp"
#include "lamina/train/sinks/alarms.hpp"
#include "support/heads.hpp"
#include "support/one_weight.hpp"
#include "support/op_check.hpp"
#include "support/painted.hpp"
#include "support/records.hpp"
#include "support/training.hpp"

using namespace lamina;
using namespace lamina::test;
namespace fs = std::filesystem;
using train::Alarm;
using train::EpochRecord;

namespace {

/// A small segmenter with its signals after one look; `change` may spoil its parameters, by name.
Scalars signals_after(const std::function<void(const std::string&, const Tensor&)>& change, double lr = 1e-3) {
  const TempFolder f;
  small_phantom(f / "data");
  train::TrainConfig c = train::resolved(small(f / "data", f / "run"));
  const data::Dataset dataset = data::open_dataset(c.data);
  const auto task = train::make_task(c, dataset);
  for (const auto& [name, tensor] : task->network().named_parameters()) change(name, tensor.detach());
  task->components()[0].optimizer->set_lr(lr);
  data::Batch batch;
  task->training().start(1);
  REQUIRE(task->training().next(batch));
  task->network().train();
  train::Watch watch(*task);
  Scalars sums;
  const nn::RandomScope random(RandomKey{1, 2});
  (void)watch.step(batch, 0, sums);
  const Scalars once = sums;
  (void)watch.step(batch, 1, sums);  // is not looked into
  CHECK(sums.at("looks") == 1);
  CHECK(sums.at("movement") == once.at("movement"));
  return train::signals_of(once);
}

}  // namespace

TEST_CASE("collapse of one of several things that are graded") {
  const auto head = graded_planes_of({"crack", "rust"}, 2);
  const auto rules = train::head_sentinels(*head, 1);
  const EpochRecord rust = counted({{50, 2, 0, 0}, {9, 8, 0, 0}, {0, 0, 60, 0}, {0, 0, 9, 0}}),
                    fine = counted({{50, 2, 0, 0}, {9, 8, 0, 0}, {0, 0, 60, 0}, {0, 0, 4, 5}});
  CHECK(said(rules, times(5, rust)) == Said{"5 collapse"});
  CHECK(train::alarms(rules, times(5, rust))[0].seen.find("\"rust a\"") != std::string::npos);
  CHECK(train::alarms(rules, times(5, rust))[0].next == "--positive-weights balanced");
  CHECK(said(rules, times(8, fine)).empty());
}

TEST_CASE("collapse: five validations in a row with one answer are pointed out, once, after the rate has risen") {
  const auto head = head_of(data::Task::multiclass, 2);
  const auto rules = train::head_sentinels(*head, 1e-2);
  const EpochRecord good = counted({{90, 1}, {4, 5}}), bad = counted({{90, 0}, {10, 0}}), none{};
  CHECK(said(rules, times(4, bad) + times(1, good) + times(1, bad)).empty());
  CHECK(said(rules, {bad, none, bad, bad, bad, bad, bad, bad}) == Said{"6 collapse"});
  CHECK(said(rules, times(5, bad) + times(1, good) + times(5, bad)) == Said{"5 collapse", "11 collapse"});
  CHECK(said(rules, times(5, counted({{100, 0}, {0, 0}}))).empty());  // there is nothing but background: answering it is no collapse
  std::vector<EpochRecord> rising;
  for (int i = 1; i < 8; ++i) rising.push_back(counted({{90, 0}, {10, 0}}, i));
  CHECK(said(rules, rising).empty());
  CHECK(said(rules, rising + times(4, counted({{90, 0}, {10, 0}}, 7))) == Said{"11 collapse"});
  CHECK(train::alarms(rules, times(5, bad))[0].seen.find("\"a\"") != std::string::npos);
  CHECK(train::alarms(rules, times(5, bad))[0].next == "--class-weights median");

  // Where the loss rose the learning rate is too high, not too low; so it is where it only rose.
  const auto with_losses = [&](const std::vector<double>& losses) {
    std::vector<EpochRecord> history = times(static_cast<int>(losses.size()), bad);
    for (std::size_t i = 0; i < losses.size(); ++i) history[i].train["loss"] = losses[i];
    return history;
  };
  CHECK(train::alarms(rules, with_losses({2, 1, 1, 1, 1}))[0].cause.starts_with("a learning rate that is too low,"));
  const Alarm high = train::alarms(rules, with_losses({2, 1, 1, 1, 2.25}))[0];
  CHECK(high.cause.starts_with("a learning rate that is too high (the loss rose from 2 to 2.25),"));
  CHECK(high.next == "--lr 0.001");
  // Or where updates were larger than what they change: the first loss was high already.
  std::vector<EpochRecord> falling = with_losses({2e4, 1e4, 1e4, 1e4, 1e4});
  for (EpochRecord& r : falling) r.signals = {{"movement", 10}};
  CHECK(train::alarms(rules, falling)[0].cause.starts_with("a learning rate that is too low,"));
  for (EpochRecord& r : falling) r.lr = 0.1;
  const Alarm far = train::alarms(rules, falling)[0];
  CHECK(far.cause.starts_with("a learning rate that is too high (an update moved the weights by 1 of their size"));
  CHECK(far.next == "--lr 0.001");
  // Or where ReLUs died of them.
  std::vector<EpochRecord> dying = with_losses({2, 1, 1, 1, 1});
  dying[2].signals = {{"movement", 0.5}, {"dead/down.0", 0.75}}, dying[2].lr = 1e-2;
  CHECK(train::alarms(rules, dying)[0].cause.starts_with("a learning rate that is too high (75 % of the channels of down.0 are dead),"));
  // Nobody is told to weigh what is weighted; where that did not help, the rate may be too high as well as too low.
  const auto weighted = train::head_sentinels(*head, 1e-2, losses::Criterion("ce+dice", {.class_weights = {1, 9}}));
  const Alarm either = train::alarms(weighted, times(5, bad))[0];
  CHECK(either.cause == "a learning rate that is too high, or too low, or masks that are read wrongly (see lamina check)");
  CHECK(either.next == "--lr 0.001");
  std::vector<EpochRecord> slow = with_losses({2, 1, 1, 1, 1});
  slow[3].signals = {{"movement", 1e-3}}, slow[3].lr = 1e-2;
  CHECK(train::alarms(weighted, slow)[0].cause.starts_with("a learning rate that is too low,"));
  CHECK(train::alarms(weighted, slow)[0].next == "--lr 0.1");
}

TEST_CASE("rising loss: a fifth above the first epoch's, or ten times that in a validation") {
  const auto rules = train::loss_sentinels(1e-2);
  const auto validated = [](double loss, double val_loss) {
    EpochRecord r = lost(loss);
    r.validation = train::Validation{.scores = {{"val_loss", val_loss}}};
    return r;
  };
  CHECK(said(rules, {lost(2), lost(1), lost(2.3), lost(1)}).empty());
  CHECK(said(rules, {lost(2), lost(1), lost(2.5), lost(9)}) == Said{"3 rising loss"});
  CHECK(said(rules, {lost(-2), lost(-1.7), lost(-1.5)}) == Said{"3 rising loss"});
  CHECK(said(rules, {EpochRecord{}, lost(2), EpochRecord{}}).empty());
  CHECK(said(rules, {lost(2), validated(1, 19), validated(0.5, 21)}) == Said{"3 rising loss"});
  CHECK(train::alarms(rules, std::vector{lost(2), validated(0.5, 21)})[0].seen == "from training to validation the loss rose from 2 to 21");
  CHECK(train::alarms(rules, std::vector{lost(2), lost(2.5)})[0].next == "--lr 0.001 --clip-norm 1");
  CHECK(train::alarms(train::loss_sentinels(1e30), std::vector{lost(2), lost(2.5)})[0].next == "--lr 0.001 --clip-norm 1");
  const TempFolder f;
  small_phantom(f / "data");
  auto c = small(f / "data", f / "run");
  c.lr = 30, c.optimizer = "sgd", c.schedule = "constant", c.epochs = 4;
  CHECK(mentions(run(c).warnings, "the loss rose from"));
  CHECK(io::read_file(f / "run/report.html").find("a learning rate that is too high, 30") != std::string::npos);
}

TEST_CASE("no recall: a labelled class that ten validations do not find once is named with its pixels") {
  const auto head = head_of(data::Task::multiclass, 4);
  const auto rules = train::head_sentinels(*head, 1e-2);
  const EpochRecord bad = counted({{50, 5, 0, 0}, {9, 1, 0, 0}, {8, 0, 0, 0}, {0, 0, 0, 0}}),  // c is missed; there is no d
      good = counted({{50, 5, 0, 0}, {9, 1, 0, 0}, {7, 0, 1, 0}, {0, 0, 0, 0}});
  CHECK(said(rules, times(9, bad) + times(1, good) + times(9, bad)).empty());
  CHECK(said(rules, times(12, bad)) == Said{"10 no recall"});
  const std::string seen = train::alarms(rules, times(10, bad))[0].seen;
  CHECK(seen.find("\"c\" (8 pixels)") != std::string::npos);
  CHECK(seen.find("\"d\"") == std::string::npos);
  std::vector<EpochRecord> slow = times(12, bad);  // that is another rule's
  slow[8].signals = {{"movement", 1e-3}}, slow[8].lr = 1e-2;
  CHECK(said(rules, slow).empty());
  CHECK(said(rules, times(12, counted({{50, 0, 0, 0}, {9, 0, 0, 0}, {8, 0, 0, 0}, {0, 0, 0, 0}}))) == Said{"5 collapse"});  // says it all
}

TEST_CASE("plateau: ten epochs without one percent less loss, while the rate is as it was and no validation better") {
  const auto rules = train::loss_sentinels(1e-2);
  CHECK(said(rules, times(19, lost(1))).empty());
  CHECK(said(rules, times(21, lost(1))) == Said{"20 plateau"});
  CHECK(said(rules, times(10, lost(1)) + times(10, lost(0.995))) == Said{"20 plateau"});
  CHECK(said(rules, times(10, lost(1)) + times(10, lost(0.98))).empty());
  CHECK(said(rules, times(10, lost(-0.9)) + times(10, lost(-0.92))).empty());  // a loss that is below 0
  CHECK(said(rules, times(21, lost(-1))) == Said{"20 plateau"});
  CHECK(said(rules, times(15, lost(1, 1)) + times(10, lost(1, 0.4))) == Said{});
  CHECK(said(rules, times(19, lost(1, 1, 0.5)) + times(1, lost(1, 1, 0.6))).empty());
  CHECK(said(rules, times(1, lost(1, 1, 0.6)) + times(19, lost(1, 1, 0.5))) == Said{"20 plateau"});
  EpochRecord small = lost(1, 1e-3);
  small.signals = {{"movement", 0.05}};  // 5e-5 of the weights: the steps are what is wrong
  CHECK(said(rules, times(21, small)).empty());
  std::vector<EpochRecord> learning;
  for (int i = 1; i <= 40; ++i) learning.push_back(lost(1.0 / i));
  CHECK(said(rules, learning).empty());
}

TEST_CASE("small steps: updates of less than a ten-thousandth of the weights, with a rate that would do") {
  const auto rules = train::network_sentinels(1e-6);
  const EpochRecord bad = seen({{"movement", 20}}, 1e-6), good = seen({{"movement", 200}}, 1e-6);
  CHECK(said(rules, times(2, bad)).empty());
  CHECK(said(rules, times(4, bad)) == Said{"3 small steps"});
  CHECK(train::alarms(rules, times(3, bad))[0].next == "--lr 0.0001");  // 2e-5 a step; 1e-3 is usual
  CHECK(said(rules, times(2, bad) + times(3, good)).empty());
  CHECK(said(rules, {bad, bad, seen({{"movement", 20}}, 1e-6, 0.9)}).empty());                   // but the loss falls
  CHECK(said(rules, times(3, good) + times(9, seen({{"movement", 0}}, 0.9e-7))).empty());        // the schedule's end
  CHECK(said(rules, {bad, seen({}, 1e-6), bad, seen({}, 1e-6), bad}) == Said{"5 small steps"});  // looks are not in every epoch
}

TEST_CASE("gradients: a hundred times the usual norm, and kernels where none arrives") {
  const auto rules = train::network_sentinels(1e-3);
  const auto norm = [](double v) { return seen({{"gradient", v}}); };
  CHECK(said(rules, {norm(1), norm(3), norm(2), norm(190)}).empty());
  CHECK(said(rules, {norm(1), norm(3), norm(2), norm(210), norm(900)}) == Said{"4 exploding gradients"});
  CHECK(train::alarms(rules, std::vector{norm(1), norm(3), norm(2), norm(210)})[0].next == "--clip-norm 2");
  CHECK(said(rules, {norm(1), norm(2), norm(900)}).empty());  // what is usual is not known yet
  const EpochRecord still = seen({{"movement", 1}, {"still/down.0.conv1.weight", 1}}), once = seen({{"movement", 1}, {"still/a", 1}});
  CHECK(said(rules, times(4, still)) == Said{"3 vanishing gradients"});
  CHECK(train::alarms(rules, times(3, still))[0].seen.find("down.0.conv1.weight") != std::string::npos);
  CHECK(said(rules, {still, once, still, once, still}).empty());
}

TEST_CASE("dead channels: more than half of a layer's, three looks in a row") {
  const auto rules = train::network_sentinels(1e-3);
  const EpochRecord bad = seen({{"movement", 1}, {"dead/down.0.act", 0.75}, {"dead/up", 0.6}}),
                    good = seen({{"movement", 1}, {"dead/down.0.act", 0.5}});
  CHECK(said(rules, times(2, bad) + times(1, good) + times(2, bad)).empty());
  CHECK(said(rules, times(4, bad)) == Said{"3 dead channels"});
  CHECK(train::alarms(rules, times(3, bad))[0].seen.find("75 % of the channels of down.0.act") != std::string::npos);
  CHECK(train::alarms(rules, times(3, bad))[0].next == "--lr 0.0001");
}

TEST_CASE("a look sees what moves, what is dead and where no gradient arrives") {
  const Scalars well = signals_after([](const std::string&, const Tensor&) {});
  CHECK(well.at("movement") * 1e-3 > 1e-3);
  CHECK(well.at("movement") * 1e-3 < 0.1);
  CHECK(well.at("gradient") > 0);
  for (const auto& [name, value] : well) CHECK_MESSAGE((!name.starts_with("still/") && value != 1), name);
  // Adam's first update is its rate, whatever the gradient.
  const Scalars slow = signals_after([](const std::string&, const Tensor&) {}, 1e-7);
  CHECK(slow.at("movement") * 1e-7 == doctest::Approx(well.at("movement") * 1e-7).epsilon(0.1).scale(0));

  const Scalars dead = signals_after([](const std::string& name, const Tensor& t) {
    if (name != "down.0.norm1.bias") return;
    t.data<float>()[0] = -100;  // of two channels
  });
  CHECK(dead.at("dead/down.0.norm1") == 0.5);
  const Scalars all_dead = signals_after([](const std::string& name, const Tensor& t) {
    if (name == "down.1.norm1.bias") t.copy_from(Tensor::full(t.shape(), -100));
  });
  CHECK(all_dead.at("dead/down.1.norm1") == 1);
  CHECK(all_dead.at("still/down.1.conv1.weight") == 1);
  CHECK(!all_dead.find("still/down.0.conv1.weight"));
}

TEST_CASE("a run whose gradient explodes is warned of, with the norm to clip at; off, nobody looks") {
  for (const auto policy : {train::SentinelPolicy::warn, train::SentinelPolicy::off}) {
    const TempFolder f;
    OneWeight task([](const Tensor& w, double, int step) { return scale(sum(w), step == 6   ? 500.0
                                                                                : step == 7 ? -500.0
                                                                                            : 0.1); },
                   [](int steps) { return 1.0 / steps; });
    train::Session session(f / "run", task, false);
    train::AlarmFile file;
    std::vector<std::string> warnings;
    train::Callbacks callbacks({.step = {}, .epoch = {}, .message = {}, .warning = [&](const std::string& w) { warnings.push_back(w); }});
    train::run_loop(task, session, {.epochs = 9, .schedule = {.lr = 1e-3}, .sentinels = policy}, {&file, &callbacks});
    const auto alarms = train::read_alarms(f / "run");
    const bool on = policy == train::SentinelPolicy::warn;
    CHECK(fs::exists(f / "run/alarms.jsonl") == on);
    CHECK(session.state().history[0].signals.empty() != on);
    REQUIRE(alarms.size() == (on ? 1 : 0));
    if (!on) continue;
    CHECK(alarms[0].rule == "exploding gradients");
    CHECK(alarms[0].epoch == 7);
    CHECK(alarms[0].next == "--clip-norm 0.1");
    CHECK(warnings == std::vector{alarms[0].text()});
  }
}

TEST_CASE("a rate that moves nothing is said in log, folder and report, with a command; a resumed run says it again") {
  const TempFolder f;
  small_phantom(f / "data");
  auto c = small(f / "data", f / "run");
  c.lr = 1e-6, c.schedule = "constant", c.epochs = 15, c.val_every = 15;  // 45 updates: looks at the first, the 21st and the 41st
  const Run whole = run(c);
  const auto alarms = train::read_alarms(f / "run");
  REQUIRE(alarms.size() == 1);
  CHECK(alarms[0].rule == "small steps");
  CHECK(alarms[0].epoch == 14);
  CHECK(alarms[0].next == "lamina train " + c.data +
                              " --base 2 --depth 2 --size 32x32 --augment 'hflip,rotate=10' --lr 0.0001 --schedule constant" +
                              " --epochs 15 --batch 2 --val-every 15 --out " + c.out + "-lr-0.0001");
  CHECK(mentions(whole.warnings, alarms[0].text()));
  CHECK(io::read_file(f / "run/log.txt").find("warning: " + alarms[0].text()) != std::string::npos);
  CHECK(io::read_file(f / "run/report.html").find(alarms[0].seen) != std::string::npos);
  c.out = (f / "halves").string();
  for (const int stop : {23, 43}) (void)run(c, stop);  // in the middle of an epoch
  (void)run(c);
  check_same_run(f / "run", f / "halves");
  CHECK(train::read_alarms(f / "halves").size() == 1);
  c.out = (f / "off").string(), c.sentinels = "off";
  CHECK(run(c).warnings.empty());
  CHECK(!fs::exists(f / "off/alarms.jsonl"));
  const auto state = trainer_state(f / "off/weights/last.safetensors");
  for (const auto& epoch : state.at("history")) CHECK(!epoch.contains("signals"));
}

TEST_CASE("a photograph that is trained on and scored is an alarm after the first epoch") {
  const TempFolder f;
  const std::vector<Picture> train{{"a", "00112233", "00112233"}, {"b", "33221100", "33221100"}},
      val{{"c", "00112233", "00112233"}, {"d", "01230123", "01230123"}};
  write_pictures(f / "data", data::Task::multiclass, train, val);
  const train::TrainConfig c = train::resolved(still(f / "data", f / "run", 2));
  train::train(c, data::open_dataset(c.data, {.compare_photos = true}), true, {});
  const auto alarms = train::read_alarms(f / "run");
  REQUIRE(alarms.size() == 1);
  CHECK(alarms[0].rule == "leak");
  CHECK(alarms[0].epoch == 1);
  CHECK(alarms[0].seen.find("a.png") != std::string::npos);
  CHECK(alarms[0].next == "lamina check " + (f / "data").string());
}

TEST_CASE("a run that learns is watched in silence") {
  const TempFolder f;
  small_grades(f / "data", 10);
  io::write_file_atomically(f / "data/dataset.json", R"({"labels": {"none": 0, "mild": 1, "moderate": 2, "severe": 3}, "ignore": 255})");
  auto c = small(f / "data", f / "run");
  c.base = 8, c.epochs = 40, c.augment = "hflip";
  const Run r = run(c);
  for (const std::string& w : r.warnings) CHECK_MESSAGE(false, w);
  CHECK(r.epochs.back().train.at("loss") < 0.5 * r.epochs.front().train.at("loss"));
}
