// Runs that go on longer than they were made for, or end before.
#include <cmath>

#include "lamina/io/model_file.hpp"
#include "support/one_weight.hpp"
#include "support/op_check.hpp"
#include "support/training.hpp"

using namespace lamina;
using namespace lamina::test;
namespace fs = std::filesystem;

namespace {

std::string weights(const fs::path& run, const char* which = "last") {
  return io::read_file(run / "weights" / (std::string(which) + ".safetensors"));
}

/// A run whose score stops rising at once: nothing is learned.
train::TrainConfig never_better(const fs::path& data, const fs::path& out) {
  train::TrainConfig c = small(data, out);
  c.optimizer = "sgd";
  c.schedule = "constant";
  c.lr = 1e-30;
  c.preset = "keras";  // without norms, whose statistics would move
  c.epochs = 8;
  c.patience = 2;
  return c;
}

}  // namespace

TEST_CASE("--epochs of a run can be raised, finished or not: without a schedule that depends on them it ends as one that had them") {
  TempFolder f;
  small_phantom(f / "data");
  for (const char* schedule : {"constant", "plateau"}) {
    CAPTURE(schedule);
    auto whole = small(f / "data", f / (std::string(schedule) + "whole"));
    whole.schedule = schedule;
    run(whole);
    for (const std::optional<std::int64_t> stop : {std::optional<std::int64_t>(), {4}}) {
      auto c = whole;
      c.out = (f / (schedule + std::to_string(stop.value_or(0)))).string();
      c.epochs = 2;
      run(c, stop);
      c.epochs = 3;
      const Run rest = run(c);
      CHECK(rest.outcome == train::Outcome::finished);
      CHECK(mentions(rest.messages, "--epochs raised from 2 to 3: the schedule " + std::string(schedule) + " does not depend on them"));
      CHECK(weights(c.out) == weights(whole.out));
      CHECK(metrics_without_times(c.out) == metrics_without_times(whole.out));
      CHECK(io::read_file(fs::path(c.out) / "config.json") == io::read_file(fs::path(whole.out) / "config.json"));
    }
  }
}

TEST_CASE("a schedule that depends on raised epochs is said to, and followed; lowering and other changes are errors") {
  TempFolder f;
  small_phantom(f / "data");
  auto c = small(f / "data", f / "run");
  c.schedule = "poly";
  run(c);
  c.epochs = 4;
  const Run rest = run(c);
  // 0.01 * (1 - 9/12)^0.9 and 0.01 * (1 - 9/9)^0.9
  CHECK(mentions(rest.messages, "the schedule poly is that of 4 epochs from update 10 on: the learning rate there is 0.00287, not the 0 "));
  CHECK(io::read_file(f / "run/log.txt").find("--epochs raised from 3 to 4") != std::string::npos);
  REQUIRE(rest.epochs.size() == 1);
  CHECK(rest.epochs[0].epoch == 4);
  CHECK(rest.epochs[0].lr == doctest::Approx(0.01 * std::pow(1.0 / 12, 0.9)));
  const std::string report = io::read_file(f / "run/report.html");  // the settings of now, whichever epoch is the best
  CHECK(report.find("<th>epochs</th><td>4</td>") != std::string::npos);
  const std::string last = weights(c.out);
  c.epochs = 3;
  check_throws<OptionError>([&] { run(c); }, {"--epochs 4", "can be raised, not lowered to 3"});
  c.epochs = 5;
  c.lr = 0.02;
  check_throws<OptionError>([&] { run(c); }, {"lr: 0.02 here, 0.01 there"});
  CHECK(weights(c.out) == last);
  // A run that is stopped and started again with more epochs ends as one that was not stopped after that.
  for (const char* name : {"a", "b"}) {
    auto more = small(f / "data", f / name);
    run(more);
    more.epochs = 5;
    if (*name == 'b') {
      CHECK_THROWS_AS(run(more, {}, 10), Crash);
      CHECK(run(more, 13).outcome == train::Outcome::interrupted);
    }
    run(more);
  }
  check_same_run(f / "a", f / "b");
}

TEST_CASE("--patience ends a run after so many validations without a better score, and says so") {
  TempFolder f;
  small_phantom(f / "data");
  const auto c = never_better(f / "data", f / "run");
  const Run all = run(c);
  CHECK(all.outcome == train::Outcome::finished);
  CHECK(all.epochs.size() == 3);  // the first is the best, two are not better
  const std::string note = "stopped early after epoch 3 of 8: 2 validations without a better score than epoch 1's";
  CHECK(all.epochs[2].note == note);
  CHECK(mentions(all.messages, note));
  for (const char* file : {"log.txt", "metrics.jsonl", "report.html"}) {
    const std::string text = io::read_file(f / "run" / file);
    CHECK_MESSAGE((text.find(note) != std::string::npos || text.find("stopped early after epoch 3 of 8") != std::string::npos), file);
  }
  CHECK(train::run_info(io::ModelFile(f / "run/weights/last.safetensors")).state.history.back().note == note);
  const Run again = run(c);
  CHECK(again.epochs.empty());
  CHECK(mentions(again.messages, "the run is finished: 2 validations without a better score than epoch 1's; "));
  // Used up at the last epoch, more epochs are not what goes on.
  auto used = never_better(f / "data", f / "used");
  used.epochs = 3;
  CHECK(run(used).epochs.size() == 3);
  used.epochs = 8;
  CHECK(mentions(run(used).messages, "the run is finished: 2 validations without a better score than epoch 1's; "));
  // Stopped and killed anywhere, it ends the same.
  for (std::int64_t step = 1; step <= 9; ++step) {
    CAPTURE(step);
    const auto s = never_better(f / "data", f / ("s" + std::to_string(step)));
    run(s, step);
    run(s);
    check_same_run(c.out, s.out);
    const auto k = never_better(f / "data", f / ("k" + std::to_string(step)));
    CHECK_THROWS_AS(run(k, {}, step), Crash);
    run(k);
    check_same_run(c.out, k.out);
  }
  // Every second epoch is validated: epochs 2, 4 and 6. More patience goes on.
  auto seldom = never_better(f / "data", f / "seldom");
  seldom.val_every = 2;
  CHECK(run(seldom).epochs.size() == 6);
  seldom.patience = 3;
  CHECK(run(seldom).epochs.size() == 2);
  seldom.patience = 2;
  check_throws<OptionError>([&] { run(seldom); }, {"patience: 2 here, 3 there"});
  seldom.patience = 0;
  CHECK(run(seldom).epochs.empty());
  // Without validations there is nothing to wait for.
  auto blind = never_better(f / "data", f / "blind");
  io::write_file_atomically(f / "data/val.txt", "");
  check_throws<OptionError>([&] { run(blind); }, {"--patience 2", "no val split"});
}

TEST_CASE("--save-every keeps the weights of epochs, and may change") {
  TempFolder f;
  small_phantom(f / "data");
  auto c = small(f / "data", f / "run");
  auto plain = c;
  plain.out = (f / "plain").string();
  run(plain);
  c.save_every = 2;
  run(c, 7);
  run(c);
  CHECK_FALSE(fs::exists(f / "run/weights/epoch_1.safetensors"));
  CHECK_FALSE(fs::exists(f / "run/weights/epoch_3.safetensors"));
  CHECK(train::run_info(io::ModelFile(f / "run/weights/epoch_2.safetensors")).state.epoch == 2);
  CHECK(weights(c.out, "epoch_2") == weights(c.out, "prev"));
  CHECK(weights(c.out) == weights(plain.out));
  c.save_every = 1;
  c.epochs = 4;
  run(c);
  CHECK(weights(c.out, "epoch_4") == weights(c.out));
}

TEST_CASE("the best of scores that are below 0, or undefined for a while; a run that goes on remembers them") {
  struct Scored : OneWeight {
    using OneWeight::OneWeight;
    bool validates() const override { return true; }
    train::Validation validate() override { return {.scores = {{"val_loss", 1}}, .score = scores.at(epoch++)}; }
    std::vector<std::string> score_names() const override { return {"val_loss"}; }
    std::vector<double> scores;
    std::size_t epoch = 0;
  };
  const auto best_of = [](const fs::path& run, std::vector<double> scores) {
    Scored task([](const Tensor& w, double, int) { return sum(w); });
    task.scores = std::move(scores);
    train::Session session(run, task, false);
    CHECK(train::run_loop(task, session, {.epochs = static_cast<int>(task.scores.size()), .schedule = {.lr = 0.1}}, {}) ==
          train::Outcome::finished);
    const auto text = io::ModelFile(run / "weights/last.safetensors").metadata().at("trainer");
    const train::RunState state = train::run_state_from_json(text);
    CHECK(train::to_json(state) == text);
    for (std::size_t i = 0; i < task.scores.size(); ++i)
      CHECK((state.history[i].validation->score == task.scores[i] || std::isnan(task.scores[i])));
    return std::pair(state.best_epoch, state.best_score);
  };
  const TempFolder f;
  CHECK(best_of(f / "negative", {-0.5, -0.25, -0.75}) == std::pair(2, -0.25));
  CHECK(best_of(f / "late", {NAN, NAN, -0.5, NAN, -0.75}) == std::pair(3, -0.5));
  const auto [epoch, score] = best_of(f / "none", {NAN, NAN});
  CHECK(epoch == 2);  // the newest, as without validation
  CHECK(std::isnan(score));
}
