// What the trainer computes, against the same steps by hand.
#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>

#include "lamina/data/loader.hpp"
#include "support/by_hand.hpp"
#include "support/op_check.hpp"
#include "support/painted.hpp"

using namespace lamina;
using namespace lamina::test;
namespace fs = std::filesystem;
using data::Task;

namespace {

/// Train and validation differ in how often each class is there; neither is a multiple of the batch.
const std::vector<Picture> kValuesTrain{{"t0", "00000113", "01230123"},
                                        {"t1", "00011222", "33210012"},
                                        {"t2", "0000x023", "21012300"},
                                        {"t3", "00001100", "11230230"},
                                        {"t4", "22000000", "30201112"}};
const std::vector<Picture> kValuesVal{{"v0", "33332222", "12300123"}, {"v1", "1x123333", "20031122"}, {"v2", "33311230", "32100321"}};

train::TrainConfig seeded(const TempFolder& f, const std::string& out = "run") {
  auto c = still(f / "data", f / out, 2);
  c.seed = 7, c.class_weights = "none";
  return c;
}

/// Trains `epochs` of the run, its all or fewer, and compares metrics.csv.
Values check_metrics(const train::TrainConfig& config, const Recipe& recipe, int epochs) {
  train_to(config, epochs);
  const Values hand = by_hand(config, recipe, epochs);
  for (const auto& [name, expected] :
       {std::pair{"lr", &hand.lr}, {"loss", &hand.loss}, {"ce", &hand.ce}, {"dice_loss", &hand.dice_loss}, {"val_loss", &hand.val_loss}}) {
    CAPTURE(name);
    if ((std::string(name) == "ce" && recipe.ce == 0) || (std::string(name) == "dice_loss" && recipe.dice == 0)) continue;  // no such term
    const auto got = column(config.out, name);
    REQUIRE(got.size() == static_cast<std::size_t>(epochs));
    for (std::size_t e = 0; e < got.size(); ++e) CHECK(std::abs(got[e] - (*expected)[e]) <= 1e-5 * std::abs((*expected)[e]));
  }
  return hand;
}

std::vector<double> stored_weights(const fs::path& run) {
  return stored_class_weights(run / "weights/last.safetensors").get<std::vector<double>>();
}

}  // namespace

TEST_CASE("class weights reach both terms of the loss, in training and in validation: none, a list, a rule") {
  TempFolder f;
  write_pictures(f / "data", Task::multiclass, kValuesTrain, kValuesVal);
  const std::vector<double> listed{0.5, 2, 0, 3.25};
  double pixels[4] = {}, all = 0;
  for (const Picture& p : kValuesTrain)
    for (const char c : p.label)
      if (c != 'x') ++pixels[c - '0'], ++all;
  REQUIRE(pixels[0] == 25);
  REQUIRE(all == 39);
  std::vector<double> balanced;
  for (const double n : pixels) balanced.push_back(all / (4 * n));  // scikit-learn's "balanced"
  std::vector<double> losses;
  for (const auto& [rule, weights] : {std::pair{"none", std::vector<double>{}}, {"0.5,2,0,3.25", listed}, {"balanced", balanced}}) {
    CAPTURE(rule);
    auto c = seeded(f, rule);
    c.class_weights = rule;
    const Values hand = check_metrics(c, {.weights = weights}, 1);
    losses.insert(losses.end(), {hand.ce[0], hand.dice_loss[0], hand.val_loss[0]});
    const auto stored = stored_weights(c.out);
    REQUIRE(stored.size() == weights.size());
    for (std::size_t k = 0; k < weights.size(); ++k) CHECK(stored[k] == doctest::Approx(weights[k]));
    const std::string log = io::read_file(fs::path(c.out) / "log.txt");
    CHECK((log.find("class weights:") != std::string::npos) == !weights.empty());
    if (weights == listed) CHECK(log.find("class weights: sky 0.5, red 2, green 0, blue 3.25\n") != std::string::npos);
  }
  for (std::size_t i = 3; i < 9; ++i) CHECK(std::abs(losses[i] - losses[i % 3]) > 1e-3);
}

TEST_CASE("classes that a batch lacks are in its Dice as --absent-classes says") {
  TempFolder f;
  write_pictures(f / "data", Task::multiclass, kValuesTrain, kValuesVal);
  std::vector<double> losses;
  for (const auto& [name, policy] :
       {std::pair{"penalize", EmptyClass::penalize}, {"skip", EmptyClass::skip}, {"one", EmptyClass::one}, {"zero", EmptyClass::zero}}) {
    CAPTURE(name);
    auto c = seeded(f, name);
    c.absent_classes = name;
    losses.push_back(check_metrics(c, {.absent = policy}, 1).dice_loss[0]);
  }
  std::sort(losses.begin(), losses.end());
  for (std::size_t i = 1; i < 4; ++i) CHECK(losses[i] - losses[i - 1] > 1e-3);
  CHECK_THROWS_WITH_AS(losses::empty_class_named("skp"), doctest::Contains("skip"), OptionError);
}

TEST_CASE("absent classes are skipped by themselves where classes exclude each other; a run that goes on keeps its own") {
  REQUIRE(train::TrainConfig{}.absent_classes == "auto");
  CHECK(train::config_from_json(R"({"format": 3, "data": "d"})").absent_classes == "penalize");  // of before there was a choice
  for (const Task task : {Task::multiclass, Task::multilabel}) {
    TempFolder f;
    write_pictures(f / "data", task, kValuesTrain, kValuesVal);
    const auto loss = [&](const char* name, const char* policy, const char* terms = "ce+dice") {
      auto c = seeded(f, name);
      c.absent_classes = policy, c.loss = terms, c.epochs = 1, c.batch = 1;
      train_to(c);
      return column(c.out, "loss");
    };
    const auto automatic = loss("auto", "auto"), skip = loss("skip", "skip"), penalize = loss("penalize", "penalize");
    CHECK(skip != penalize);
    CHECK(automatic == (task == Task::multiclass ? skip : penalize));
    CHECK(loss("ce", "auto", "ce").size() == 1);  // means nothing to it, and is no error
    auto straight = seeded(f, "straight");
    straight.absent_classes = "penalize", straight.epochs = 2, straight.schedule = "constant";
    auto first = seeded(f, "goes on");
    first.absent_classes = "penalize", first.epochs = 1, first.schedule = "constant";
    train_to(first), train_to(straight);
    first.absent_classes = "auto", first.epochs = 2;
    train_to(first);
    CHECK(column(first.out, "loss") == column(straight.out, "loss"));
  }
}

TEST_CASE("class weights are enet's by themselves, none where the loss takes none; a run that goes on keeps its own") {
  REQUIRE(train::TrainConfig{}.class_weights == "auto");
  for (const auto& [task, head, loss] : {std::tuple{Task::multiclass, "", "ce+dice"},
                                         {Task::multilabel, "", "ce+dice"},
                                         {Task::ordinal, "", "ce"},
                                         {Task::ordinal, "", "ce+wasserstein"},
                                         {Task::ordinal, "regression", "mae"}}) {
    CAPTURE(loss);
    TempFolder f;
    write_pictures(f / "data", task, kValuesTrain, kValuesVal);
    auto none = seeded(f, "none"), rule = seeded(f, "rule"), automatic = seeded(f, "automatic");
    for (auto* c : {&none, &rule, &automatic}) c->head = head, c->loss = loss, c->epochs = 1;
    rule.class_weights = "enet", automatic.class_weights = "auto";
    train_to(automatic);
    const bool values = loss == std::string("mae");
    train_to(rule);
    CHECK((stored_weights(automatic.out) == stored_weights(rule.out)) == !values);
    CHECK((column(automatic.out, "loss") == column(rule.out, "loss")) == !values);
    if (values) CHECK(stored_weights(automatic.out).empty());
    if (values) CHECK(stored_weights(rule.out).size() == 4);  // one a grade
    train_to(none);
    none.class_weights = "auto", none.epochs = 2;
    train_to(none);
    CHECK(stored_weights(none.out).empty());
  }
}

TEST_CASE("class weights: a class without training pixels weighs nothing by a rule, and that is said") {
  TempFolder f;
  write_pictures(f / "data", Task::multiclass, {{"t0", "00011222", "33210012"}, {"t1", "22000000", "30201112"}}, kValuesVal);
  for (const auto& [rule, said, listed] : {std::tuple{"balanced", true, false}, {"1,2,3,4", false, true}, {"none", false, false}}) {
    CAPTURE(rule);
    auto c = seeded(f, rule);
    c.class_weights = rule;
    train_to(c, 1);
    const std::string log = io::read_file(fs::path(c.out) / "log.txt");
    CHECK((log.find("class weights: no training pixel is 'blue': the weight is 0") != std::string::npos) == said);
    CHECK((log.find("class weights: no training pixel is 'blue': what they weigh means nothing") != std::string::npos) == listed);
    if (said) CHECK(stored_weights(c.out)[3] == 0);
  }
}

TEST_CASE("nothing to learn: no pixel that has a label, none that weighs anything, none to validate with") {
  TempFolder f;
  const std::vector<Picture> ignored{{"t0", "xxxxxxxx", "00011222"}, {"t1", "xxxxxxxx", "22000000"}};
  write_pictures(f / "none", Task::multiclass, ignored, kValuesVal);
  write_pictures(f / "unseen", Task::multiclass, {{"t0", "00011222", "00110012"}, {"t1", "22000000", "00201112"}},
                 {{"v", "xxxxxxxx", "00011222"}});
  auto c = seeded(f, "run");
  for (const char* loss : {"ce", "dice", "lovasz"}) {
    c.data = (f / "none").string(), c.loss = loss;
    check_throws<DataError>([&] { train_to(c, 1); }, {"no training pixel has a label"});
    c.data = (f / "unseen").string(), c.class_weights = "0,0,0,5";
    check_throws<OptionError>([&] { train_to(c, 1); }, {"--class-weights 0,0,0,5", "weighs anything"});
    c.class_weights = "none";
  }
  c.loss = "ce";
  train_to(c, 1);
  CHECK(io::read_file(fs::path(c.out) / "log.txt").find("warning: no pixel of the val split has a label") != std::string::npos);
}

TEST_CASE("class weights of planes and of grades: one an output, from the training split, in the loss") {
  for (const Task task : {Task::multilabel, Task::ordinal}) {
    CAPTURE(name_of(task));
    TempFolder f;
    write_pictures(f / "data", task, kValuesTrain, kValuesVal);
    const auto outputs = task == Task::ordinal ? 3u : 2u;
    std::vector<double> yes(outputs), balanced;
    double known = 0;  // pixels of a plane with a label: the others' do not count
    for (const Picture& p : kValuesTrain)
      for (const char c : p.label)
        for (unsigned k = 0; c != 'x' && k < outputs; ++k) {
          const bool on = task == Task::ordinal ? c - '0' > static_cast<int>(k) : (c - '0') >> k & 1;
          yes[k] += on, known += k == 0;
        }
    for (const double n : yes) balanced.push_back(known / (outputs * n));
    auto c = seeded(f);
    c.class_weights = "balanced";
    check_metrics(c, {.weights = balanced}, 1);
    const auto stored = stored_weights(c.out);
    REQUIRE(stored.size() == outputs);
    for (std::size_t k = 0; k < outputs; ++k) CHECK(stored[k] == doctest::Approx(balanced[k]));
    const std::string log = io::read_file(fs::path(c.out) / "log.txt"), names = task == Task::ordinal ? "mild or above " : "left ";
    CHECK(log.find("class weights: " + names) != std::string::npos);
  }
}

TEST_CASE("the loss is its terms times their factors, in training and in validation") {
  TempFolder f;
  write_pictures(f / "data", Task::multiclass, kValuesTrain, kValuesVal);
  struct Case {
    const char* loss;
    double ce, dice;
  };
  for (const Case& l : {Case{"dice", 0, 1}, {"ce", 1, 0}, {"0.5*ce+2*dice", 0.5, 2}, {"dice+3*ce", 3, 1}}) {
    CAPTURE(l.loss);
    auto c = seeded(f, l.loss);
    c.loss = l.loss;
    check_metrics(c, {.ce = l.ce, .dice = l.dice}, 1);
    const auto part = [&](double factor, const char* name) { return factor > 0 ? factor * column(c.out, name)[0] : 0; };
    CHECK(column(c.out, "loss")[0] == doctest::Approx(part(l.ce, "ce") + part(l.dice, "dice_loss")));
  }
}

TEST_CASE("updates follow every setting of the optimiser and the schedule, step by step") {
  TempFolder f;
  write_pictures(f / "data", Task::multiclass, kValuesTrain, kValuesVal);
  auto sgd = seeded(f, "sgd"), adam = seeded(f, "adam"), adamw = seeded(f, "adamw");
  for (auto* c : {&sgd, &adam, &adamw}) c->weight_decay = 0.3, c->lr = 0.05;
  sgd.optimizer = "sgd";
  sgd.momentum = 0.7;
  sgd.clip_norm = 0.4;
  sgd.clip_value = 0.05;
  sgd.schedule = "poly";  // 2 epochs of 3 batches
  adam.optimizer = "adam";
  adam.schedule = "cosine";
  adam.steps = 4;  // ends within the second epoch
  adam.epochs = 9;
  adamw.optimizer = "adamw";
  adamw.schedule = "onecycle";
  const auto half_cosine = [](double a, double b, double t) { return b + (a - b) * (1 + std::cos(std::numbers::pi * t)) / 2; };
  const auto poly = [](std::int64_t t) { return 0.05 * std::pow(1 - static_cast<double>(t) / 6, 0.9); };
  const auto cosine = [&](std::int64_t t) { return half_cosine(0.05, 0, static_cast<double>(t) / 4); };
  // PyTorch's: up from a 25th during the first 0.3 * 6 - 1 = 0.8 steps, then down to a 10000th of that at the last.
  const auto onecycle = [&](std::int64_t t) {
    return t == 0 ? 0.05 / 25 : half_cosine(0.05, 0.05 / 25 / 1e4, (static_cast<double>(t) - 0.8) / 4.2);
  };
  for (const auto& [config, lr] :
       {std::pair<train::TrainConfig*, std::function<double(std::int64_t)>>{&sgd, poly}, {&adam, cosine}, {&adamw, onecycle}}) {
    CAPTURE(config->optimizer);
    std::vector<double> lrs, losses, ces;
    train::TrainEvents events;
    events.step = [&](const train::StepEvent& e) {
      lrs.push_back(e.lr);
      losses.push_back(e.train.at("loss"));
      ces.push_back(e.train.at("ce"));
      CHECK((e.epoch - 1) * 3 + e.batch == std::ssize(lrs));
      CHECK(e.epochs == 2);
      CHECK(e.batches == 3);
    };
    train::train(train::resolved(*config), data::open_dataset(config->data), true, events);
    const Values hand = check_metrics(*config, {.lr = lr}, 2);
    REQUIRE(lrs.size() == hand.step_lr.size());
    for (std::size_t i = 0; i < lrs.size(); ++i) {
      CAPTURE(i);
      CHECK(lrs[i] == doctest::Approx(hand.step_lr[i]).epsilon(1e-12));
      CHECK(losses[i] == doctest::Approx(hand.step_loss[i]).epsilon(1e-5));
      CHECK(ces[i] == doctest::Approx(hand.step_ce[i]).epsilon(1e-5));
    }
    const auto saved = io::load_checkpoint(fs::path(config->out) / "weights/last.safetensors").model;
    for (std::size_t k = 0; k < hand.weights.size(); ++k) {
      const auto& [name, expected] = hand.weights[k];
      CAPTURE(name);
      const auto it = std::find_if(saved.begin(), saved.end(), [&name = name](const auto& t) { return t.name == name; });
      REQUIRE(it != saved.end());
      const auto got = it->tensor.to_vector<double>(), want = expected.to_vector<double>(),
                 start = hand.start[k].tensor.to_vector<double>();
      double moved = 0, error = 0;
      for (std::size_t i = 0; i < got.size(); ++i)
        moved = std::max(moved, std::abs(want[i] - start[i])), error = std::max(error, std::abs(got[i] - want[i]));
      CHECK(moved > 1e-4);
      CHECK(error <= 1e-3 * moved);
    }
    // Five images an epoch, of the last of `adam` two.
    CHECK(column(config->out, "epoch") == std::vector<double>{1, 2});
    CHECK(column(config->out, "step") == std::vector<double>{3, config->steps ? 4.0 : 6.0});
    const auto seconds = column(config->out, "seconds"), rates = column(config->out, "images_per_second");
    CHECK(rates[0] * seconds[0] == doctest::Approx(5).epsilon(1e-6));
    CHECK(rates[1] * seconds[1] == doctest::Approx(config->steps ? 2 : 5).epsilon(1e-6));
  }
}

TEST_CASE("training and validation see the images as the settings say: order, size, crops, augmentation of training alone") {
  TempFolder f;
  write_pictures(f / "data", Task::multiclass, kValuesTrain, kValuesVal);
  struct Case {
    const char *resize, *augment;
    int width, height;
    int crops = 0;
    const char* center = "inside";
  };
  for (const Case& s : {Case{"pad", "none", 3, 5},
                        {"crop", "none", 2, 2, 1},
                        {"crop", "none", 3, 2, 0, "anywhere"},  // of 8 pixels 6, once
                        {"stretch", "hflip=1,jitter=0.4", 6, 3}}) {
    CAPTURE(s.resize);
    auto c = seeded(f, s.resize + std::string(s.center));
    c.resize = s.resize;
    c.crop_center = s.center;
    c.augment = s.augment;
    c.width = s.width;
    c.height = s.height;
    c.crops = s.crops;
    c.batch = 3;
    c.lr = 0.01;
    c.epochs = 3;
    check_metrics(c, {}, 2);
  }
}

TEST_CASE("the val-every setting, and what plateau is told") {
  TempFolder f;
  write_pictures(f / "data", Task::multiclass, kValuesTrain, kValuesVal);
  auto c = still(f / "data", f / "run", 5);
  c.preset = "keras";  // without norms every epoch is the same
  c.schedule = "plateau";
  c.val_every = 2;
  train_to(c);
  const auto val = column(c.out, "val_loss"), dice = column(c.out, "dice_macro_foreground");
  for (std::size_t e = 0; e < 5; ++e) CHECK(std::isnan(val[e]) == (e == 0 || e == 2));
  const auto state = trainer_state(f / "run/weights/last.safetensors");
  CHECK(state.at("best_epoch") == 2);
  CHECK(state.at("best_score").get<double>() == doctest::Approx(dice[1]));
  CHECK(state.at("schedule").at("best").get<double>() == doctest::Approx(dice[1]));
  CHECK(state.at("schedule").at("bad") == 2);
}
