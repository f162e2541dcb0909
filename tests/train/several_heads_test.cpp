// Runs that answer several things of every pixel.
#include "support/several_heads.hpp"

#include <nlohmann/json.hpp>

#include "lamina/infer/predictor.hpp"
#include "lamina/train/evaluate.hpp"
#include "support/op_check.hpp"
#include "support/training.hpp"

using namespace lamina;
using namespace lamina::test;

namespace {
train::TrainConfig of_three_heads(const TempFolder& f, const char* out) {
  auto c = small(f / "data", f / out);
  c.base = 8, c.batch = 4, c.augment = "hflip,vflip", c.lr = 2e-2;
  c.class_weights = "balanced";
  return c;
}
}  // namespace

TEST_CASE("several heads: one network learns all, each loss and score by its head's name; an interrupted run ends the same") {
  TempFolder f;
  write_three_heads(f / "data", 20);
  for (const char* name : {"whole", "run"}) {
    auto c = of_three_heads(f, name);
    c.epochs = 30;
    c.head = "damage=corn";
    if (std::string(name) == "run") CHECK(run(c, 19).outcome == train::Outcome::interrupted);
    const Run r = run(c);
    CHECK(r.outcome == train::Outcome::finished);
    const train::EpochRecord& last = r.epochs.back();
    for (const char* number : {"loss", "tissue/ce", "marks/dice_loss", "damage/loss"}) CHECK(last.train.find(number));
    CHECK(last.train.at("loss") ==
          doctest::Approx(last.train.at("tissue/loss") + last.train.at("marks/loss") + last.train.at("damage/loss")).epsilon(1e-5));
    REQUIRE(last.validation);
    CHECK(last.validation->scores.at("tissue/dice_macro_foreground") > 0.8);
    CHECK(last.validation->scores.at("marks/dice_macro_foreground") > 0.7);
    CHECK(last.validation->scores.at("damage/quadratic_kappa") > 0.5);
  }
  check_same_run(f / "whole", f / "run");
  const std::string log = io::read_file(f / "run/log.txt");
  CHECK(log.find("class weights: tissue: background ") != std::string::npos);
  CHECK(log.find("; marks: hair ") != std::string::npos);
  auto other = of_three_heads(f, "run");
  other.epochs = 30;
  CHECK_THROWS_WITH_AS(run(other), doctest::Contains("damage=corn"), OptionError);

  // What the file of weights says alone: the same decisions, and the same counts as in the report.
  const data::Dataset d = data::open_dataset(f / "data");
  const infer::Predictor predictor(f / "run");
  const train::Evaluation e = train::evaluate_at_original_size(predictor, d, data::Split::val);
  metrics::ConfusionMatrix tissue(3);
  for (const data::Item& item : d.items(data::Split::val)) {
    const auto said = predictor.predict(data::read_image(item.image));
    const auto p = said.probabilities.to_vector<float>();
    REQUIRE(said.probabilities.size(2) == 9);
    const auto truth = data::read_mask(item, d.masks).labels;
    std::vector<std::uint8_t> is, decided;
    for (std::size_t i = 0; i < p.size() / 9; ++i) {
      const float* one = p.data() + 9 * i;
      is.push_back(truth[5 * i]);
      decided.push_back(static_cast<std::uint8_t>(std::max_element(one, one + 3) - one));
      REQUIRE(said.labels.labels[5 * i] == decided.back());
      REQUIRE(said.labels.labels[5 * i + 1] == (one[3] > 0.5f));
      REQUIRE(said.labels.labels[5 * i + 4] == (one[7] > 0.5f) + (one[8] > 0.5f));
    }
    tissue.add(is, decided, data::kIgnoreLabel);
  }
  const double expected = tissue.scores(0).dice.macro_foreground;
  REQUIRE(expected > 0.01);
  CHECK(predictor.head().summary(e.confusion).at("tissue/dice_macro_foreground") == doctest::Approx(expected).scale(0).epsilon(1e-6));
}

TEST_CASE("several heads: weights are said of each by its name; of heads not named they are the default's") {
  TempFolder f;
  write_three_heads(f / "data", 8);
  int runs = 0;
  const auto config = [&](const std::string& classes, const std::string& positives, const std::string& head = "") {
    auto c = of_three_heads(f, ("run" + std::to_string(runs++)).c_str());
    c.epochs = 1, c.class_weights = classes, c.positive_weights = positives, c.head = head;
    c.loss = head.empty() ? "ce+dice" : "tissue=ce,marks=ce,damage=mae";
    return c;
  };
  const auto kept = [&](const char* what, const train::TrainConfig& c) {
    CHECK(run(c).outcome == train::Outcome::finished);
    const auto saved = io::load_checkpoint(std::filesystem::path(c.out) / "weights/last.safetensors");
    return nlohmann::json::parse(saved.metadata.at("data")).value(what, std::vector<double>{});
  };
  const char *const classes = "class_weights", *const positives = "positive_weights";
  const auto enet = kept(classes, config("auto", "none")), balanced = kept(classes, config("balanced", "none"));
  REQUIRE(enet.size() == 9);
  CHECK(kept(classes, config("tissue=1,4,2,damage=balanced", "none")) ==
        std::vector<double>{1, 4, 2, enet[3], enet[4], balanced[5], balanced[6], balanced[7], balanced[8]});
  CHECK(kept(classes, config("damage=none,marks=none", "none")) == std::vector<double>{enet[0], enet[1], enet[2], 1, 1, 1, 1, 1, 1});
  CHECK(kept(classes, config("tissue=none,marks=none,damage=none", "none")).empty());
  CHECK(kept(classes, config("tissue=balanced", "none", "damage=regression")) ==
        std::vector<double>{balanced[0], balanced[1], balanced[2], enet[3], enet[4], 1, 1});
  const auto all = kept(positives, config("none", "balanced"));
  CHECK(kept(positives, config("none", "marks=3,5,damage=balanced")) == std::vector<double>{1, 1, 1, 3, 5, all[5], all[6], all[7], all[8]});

  const auto refused = [&](const train::TrainConfig& c, std::initializer_list<const char*> words) {
    check_throws<OptionError>([&] { run(c); }, words);
  };
  refused(config("tissue=1,2", "none"), {"--class-weights tissue=1,2 has 2 numbers for 3 classes: tissue: background, skin, nail"});
  refused(config("tisue=enet", "none"), {"--class-weights", "did you mean \"tissue\""});
  refused(config("tissue=enett", "none"), {"--class-weights", "did you mean \"enet\""});
  refused(config("tissue=1,nan,2", "none"), {"\"nan\" is not a weight", "it is not a number"});
  refused(config("enet,tissue=none", "none"), {"--class-weights: \"enet\" names no head", "damage=enet"});
  refused(config("tissue=none,tissue=enet", "none"), {"names the head tissue twice"});
  refused(config("damage=enet", "none", "damage=regression"), {"damage=enet", "the values of this head", "use damage=none"});
  refused(config("none", "tissue=balanced"), {"--positive-weights tissue=balanced", "multiclass"});
  refused(config("none", "marks=1"), {"--positive-weights marks=1 has 1 numbers for 2 classes"});
  small_phantom(f / "one", 4);
  auto one = config("labels=enet", "none");
  one.data = (f / "one").string();
  refused(one, {"--class-weights labels=enet", "one head", "write --class-weights enet"});
}

TEST_CASE("several heads: a photograph without a head's mask teaches and counts for the others alone") {
  TempFolder f;
  write_three_heads(f / "data", 8);
  auto c = of_three_heads(f, "run");
  c.class_weights = "none", c.loss = "ce", c.augment = "none", c.preset = "keras";
  const auto step_without = [&](bool tissue) {
    const data::Dataset d = data::open_dataset(c.data);
    const auto task = train::make_task(train::resolved(c), d);
    data::Batch batch;
    task->training().start(1);
    REQUIRE(task->training().next(batch));
    if (!tissue) {
      auto labels = batch.at(kLabels).to_vector<std::uint8_t>();
      for (std::size_t i = 0; i < labels.size() / 2; i += 5) labels[i] = data::kIgnoreLabel;  // of the first half of the batch
      batch.set(kLabels, Tensor::from<std::uint8_t>(labels, batch.at(kLabels).shape()));
    }
    const nn::RandomScope random(RandomKey{1, 2});
    return task->step(batch);
  };
  const Scalars all = step_without(true), some = step_without(false);
  CHECK(all.at("marks/ce") == some.at("marks/ce"));
  CHECK(all.at("damage/ce") == some.at("damage/ce"));
  CHECK(all.at("tissue/ce") != some.at("tissue/ce"));
}

TEST_CASE("several heads: --accumulate weighs each head's loss by its own pixels; memory is known") {
  TempFolder f;
  write_three_heads(f / "data", 8);
  for (int k = 0; k < 8; k += 3) std::filesystem::remove(f / ("data/masks/tissue/p1" + std::to_string(k) + ".png"));
  const auto stepped = [&](int batch, int times) {
    auto c = of_three_heads(f, "run");
    c.class_weights = "none", c.loss = "tissue=ce,marks=focal,damage=smooth_l1", c.head = "damage=regression", c.augment = "none";
    c.preset = "keras", c.optimizer = "sgd", c.momentum = 0, c.schedule = "constant", c.batch = batch, c.accumulate = times;
    const data::Dataset d = data::open_dataset(c.data);
    const auto task = train::make_task(train::resolved(c), d);
    data::Batch images;
    task->network().eval();
    task->training().start(1);
    REQUIRE(task->training().next(images));
    const nn::RandomScope random(RandomKey{1, 2});
    const Scalars values = task->step(images);
    std::vector<Tensor> parameters;
    for (const Tensor& p : task->network().parameters()) parameters.push_back(p.detach().clone());
    return std::pair(parameters, values);
  };
  const auto [whole, values] = stepped(6, 1);
  const auto [parts, sums] = stepped(1, 6);
  for (std::size_t i = 0; i < whole.size(); ++i) CHECK(relative_error(parts[i], whole[i]) < 1e-5);
  for (const char* name : {"loss", "tissue/ce", "marks/loss", "damage/loss"})
    CHECK(sums.at(name) == doctest::Approx(values.at(name)).epsilon(1e-5));
}
