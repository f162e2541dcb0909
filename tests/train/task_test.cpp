// Training with a program's own network, loss and data: the loop and the session know none of them.
#include <cmath>

#include "lamina/ops/ops.hpp"
#include "lamina/train/loop.hpp"
#include "lamina/train/segmentation_task.hpp"
#include "lamina/train/sinks/callbacks.hpp"
#include "lamina/train/sinks/metrics_files.hpp"
#include "support/op_check.hpp"
#include "support/runs.hpp"

using namespace lamina;
using namespace lamina::test;
namespace fs = std::filesystem;

namespace {

/// Four batches of random numbers an epoch, drawn anew for each.
class Noise : public data::Batches {
 public:
  explicit Noise(std::vector<std::string> label_names = {}) : label_names_(std::move(label_names)) {}
  std::int64_t batches() const override { return 4; }
  void start(std::int64_t epoch, std::int64_t first_batch) override { epoch_ = epoch, batch_ = first_batch; }
  bool next(data::Batch& batch) override {
    if (batch_ >= batches()) return false;
    const RandomKey key = RandomKey{7}.derive(static_cast<std::uint64_t>(epoch_)).derive(static_cast<std::uint64_t>(batch_));
    batch.set(kImage, Tensor::normal({2, 6, 5, 3}, key));
    for (const std::string& name : label_names_) {
      Random random(key.derive(1));
      std::vector<std::uint8_t> v;
      for (int i = 0; i < 2 * 6 * 5; ++i) v.push_back(static_cast<std::uint8_t>(random.below(2)));
      batch.set(name, Tensor::from(std::span<const std::uint8_t>(v), {2, 6, 5}));
    }
    batch.indices = {static_cast<int>(2 * batch_), static_cast<int>(2 * batch_) + 1};
    ++batch_;
    return true;
  }
  std::string name(int index) const override { return "noise" + std::to_string(index); }

 private:
  std::vector<std::string> label_names_;
  std::int64_t epoch_ = 0, batch_ = 0;
};

class OneConv : public nn::Module {
 public:
  OneConv(int in, int out, std::uint64_t seed) {
    nn::RandomStream random(RandomKey{seed});
    conv_ = &add<nn::Conv2d>("conv", nn::Conv2dOptions{.in = in, .out = out, .kernel = 1}, random);
  }
  Tensor operator()(const Tensor& x) const { return (*conv_)(x); }

 private:
  nn::Conv2d* conv_;
};

/// Two networks that pull against each other, each with its optimiser, as in adversarial training.
class Pair : public train::Task {
 public:
  data::Batches& training() override { return noise_; }
  Scalars step(const data::Batch& batch) override {
    const Tensor& x = batch.at(kImage);
    const Tensor made = left_(x);
    const Tensor loss_right = mse_loss(right_(made.detach()), Tensor::zeros({2, 6, 5, 1}));
    right_adam_.zero_grad();
    loss_right.backward();
    right_adam_.step();
    const Tensor loss_left = mse_loss(right_(made), Tensor::full({2, 6, 5, 1}, 1));
    left_sgd_.zero_grad();
    loss_left.backward();
    left_sgd_.step();
    ++steps;
    return {{"left", poison == steps ? NAN : loss_left.item()}, {"right", loss_right.item()}};
  }
  bool validates() const override { return false; }
  train::Validation validate() override { return {}; }
  std::vector<std::string> score_names() const override { return {}; }
  std::vector<train::Component> components() override { return {{"left", &left_, &left_sgd_}, {"right", &right_, &right_adam_}}; }

  int steps = 0, poison = -1;

 private:
  Noise noise_;
  OneConv left_{3, 3, 1}, right_{3, 1, 2};
  optim::Sgd left_sgd_{left_.named_parameters(), {.lr = 1e-2, .momentum = 0.9}};
  optim::Adam right_adam_{right_.named_parameters(), {}};
};

train::Outcome train_pair(const fs::path& folder, std::int64_t stop_at = -1, int poison = -1) {
  Pair task;
  task.poison = poison;
  train::Session session(folder, task, true);
  std::atomic<bool> stop{false};
  std::int64_t step = session.state().step;
  train::Callbacks callbacks(
      {.step = [&](const train::StepEvent&) { stop = ++step == stop_at; }, .epoch = {}, .message = {}, .warning = {}});
  train::MetricsFiles metrics;
  return train::run_loop(task, session, {.epochs = 3, .schedule = {.lr = 1e-2}, .seed = 1}, {&callbacks, &metrics}, &stop);
}

std::shared_ptr<const heads::Head> binary(const std::string& name) {
  data::LabelSchema s;
  s.names = {"no", "yes"};
  s.values = {0, 1};
  s.colors.resize(2);
  return heads::make_head(s, "", name);
}

/// Two outputs at half the images' size.
class TwoOutputs : public models::Network {
 public:
  models::Outputs forward(const Tensor& x) override {
    const Tensor small = avg_pool2d(x, {.kernel = 2, .stride = 2});
    return {{"cut", cut_(small)}, {"burn", burn_(small)}};
  }
  int in_channels() const override { return 3; }
  std::vector<models::OutputSpec> outputs() const override { return {{"cut", 2}, {"burn", 2}}; }
  int minimum_size() const override { return 2; }

 private:
  static nn::Conv2dOptions one() { return {.in = 3, .out = 2, .kernel = 1}; }
  nn::RandomStream random_{RandomKey{3}};
  nn::Conv2d &cut_ = add<nn::Conv2d>("cut", one(), random_), &burn_ = add<nn::Conv2d>("burn", one(), random_);
};

}  // namespace

TEST_CASE("a task of two networks: both are trained and saved, and a stopped run ends as one never stopped") {
  TempFolder f;
  CHECK(train_pair(f / "whole") == train::Outcome::finished);
  for (const std::int64_t stop : {1, 4, 6, 11}) {
    CAPTURE(stop);
    const fs::path run = f / std::to_string(stop);
    CHECK(train_pair(run, stop) == train::Outcome::interrupted);
    CHECK(train_pair(run) == train::Outcome::finished);
    check_same_run(f / "whole", run);
  }
  const auto c = io::load_checkpoint(f / "whole/weights/last.safetensors");
  std::vector<std::string> names;
  for (const auto& t : c.model) names.push_back(t.name);
  CHECK(names == std::vector<std::string>{"left.conv.bias", "left.conv.weight", "right.conv.bias", "right.conv.weight"});
  const auto has = [&](const std::string& name) {
    return std::any_of(c.optimizer.begin(), c.optimizer.end(), [&](const auto& t) { return t.name == name; });
  };
  CHECK(has("right.v.conv.weight"));
  CHECK_FALSE(has("left.v.conv.weight"));
  const auto rows = csv_records(io::read_file(f / "whole/metrics.csv"));
  CHECK(rows[0] == std::vector<std::string>{"epoch", "step", "lr", "left", "right", "seconds", "images_per_second"});
  CHECK(rows.size() == 4);
  const train::RunState state = train::run_state(c.metadata, "last");
  CHECK(state.best_epoch == 3);  // without a validation the newest
  REQUIRE(state.history.size() == 3);
  CHECK(state.history[2].train.at("left") == doctest::Approx(std::stod(rows[3][3])).epsilon(1e-8));
}

TEST_CASE("a number that is not finite is named, with the step and the items") {
  TempFolder f;
  check_throws<NumericError>([&] { train_pair(f / "run", -1, 6); },
                             {"left is nan", "epoch 2", "step 5", "noise2 noise3", "last.safetensors"});
  const auto c = io::load_checkpoint(f / "run/weights/last.safetensors");
  CHECK(train::run_state(c.metadata, "last").step == 4);
}

TEST_CASE("a network with two heads learns both, and says what each does") {
  TempFolder f;
  auto net = std::make_shared<TwoOutputs>();
  const auto parts = [&](train::Heads heads, std::vector<std::string> labels) {
    return train::SegmentationTask::Parts{.network = net,
                                          .heads = std::move(heads),
                                          .criterion = losses::Criterion("ce+dice"),
                                          .optimizer = std::make_unique<optim::Sgd>(net->named_parameters(), optim::SgdOptions{.lr = 1e-2}),
                                          .training = std::make_shared<Noise>(labels),
                                          .validation = std::make_shared<Noise>(labels)};
  };
  const auto before = net->named_parameters();
  std::vector<std::vector<double>> old;
  for (const auto& p : before) old.push_back(p.tensor.to_vector<double>());
  train::SegmentationTask task(parts({binary("cut"), binary("burn")}, {"burn", "cut"}));
  train::Session session(f / "run", task, true);
  train::MetricsFiles metrics;
  std::vector<train::EpochRecord> records;
  train::Callbacks callbacks({.step = {}, .epoch = [&](const auto& r) { records.push_back(r); }, .message = {}, .warning = {}});
  train::run_loop(task, session, {.epochs = 1, .schedule = {.lr = 1e-2}}, {&metrics, &callbacks});
  REQUIRE(records.size() == 1);
  const Scalars& s = records[0].train;
  CHECK(s.at("loss") == doctest::Approx(s.at("cut/loss") + s.at("burn/loss")).epsilon(1e-6));
  CHECK(s.at("cut/loss") == doctest::Approx(s.at("cut/ce") + s.at("cut/dice_loss")).epsilon(1e-6));
  REQUIRE(records[0].validation);
  const auto& v = *records[0].validation;
  CHECK(v.counts.size() == 2);
  CHECK(v.counts[1].head == "burn");
  CHECK(v.counts[1].confusion.total() == 4 * 2 * 6 * 5);  // at the labels' size
  CHECK(v.score == doctest::Approx((v.scores.at("cut/dice_macro_foreground") + v.scores.at("burn/dice_macro_foreground")) / 2));
  for (std::size_t i = 0; i < before.size(); ++i) CHECK_MESSAGE(before[i].tensor.to_vector<double>() != old[i], before[i].name);

  check_throws<ShapeError>([&] { train::SegmentationTask t(parts({binary("cut"), binary("scald")}, {"cut"})); }, {"scald", "2 channels"});
  train::SegmentationTask lacking(parts({binary("cut"), binary("burn")}, {"cut"}));
  data::Batch batch;
  lacking.training().start(0);
  lacking.training().next(batch);
  check_throws<DataError>([&] { lacking.step(batch); }, {"\"burn\"", "image, cut"});
}

TEST_CASE("an auxiliary output learns the first head's labels: its loss counts by its weight, and scores leave it out") {
  TempFolder f;
  auto net = std::make_shared<TwoOutputs>();
  train::SegmentationTask task({.network = net,
                                .heads = {binary("cut")},
                                .auxiliary = {{"burn", 0.25}},
                                .criterion = losses::Criterion("ce+dice"),
                                .optimizer = std::make_unique<optim::Sgd>(net->named_parameters(), optim::SgdOptions{.lr = 0}),
                                .training = std::make_shared<Noise>(std::vector<std::string>{"cut"}),
                                .validation = std::make_shared<Noise>(std::vector<std::string>{"cut"})});
  data::Batch batch;
  task.training().start(1);
  task.training().next(batch);
  const Scalars s = task.step(batch);
  std::vector<double> norms;
  for (const auto& p : net->named_parameters()) norms.push_back(sum(mul(p.tensor.grad(), p.tensor.grad())).item());

  const models::Outputs outputs = net->run(batch.at(kImage));
  const losses::Criterion criterion("ce+dice");
  std::vector<double> losses;
  for (const auto& p : net->named_parameters()) p.tensor.zero_grad();
  for (const char* name : {"cut", "burn"}) {
    const Tensor loss = criterion(*binary("cut"), models::named(outputs, name), batch.at("cut"));
    losses.push_back(loss.item());
    loss.backward();
  }
  CHECK(s.at("loss") == doctest::Approx(losses[0] + 0.25 * losses[1]).epsilon(1e-6));
  CHECK(s.at("burn_loss") == doctest::Approx(losses[1]).epsilon(1e-6));
  CHECK(s.at("ce") + s.at("dice_loss") == doctest::Approx(losses[0]).epsilon(1e-6));
  const auto parameters = net->named_parameters();
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Tensor& g = parameters[i].tensor.grad();
    const double factor = parameters[i].name.starts_with("burn") ? 0.25 * 0.25 : 1;
    CHECK_MESSAGE(norms[i] == doctest::Approx(factor * sum(mul(g, g)).item()).epsilon(1e-5), parameters[i].name);
    CHECK(norms[i] > 0);
  }
  const train::Validation v = task.validate();
  CHECK(v.counts.size() == 1);
  CHECK(v.scores.at("val_loss") < 0.9 * (losses[0] + losses[1]));
}

TEST_CASE("a batch that is passed in parts has the gradient of the whole: each head's, and auxiliary outputs'") {
  const std::int64_t images = 7;
  data::Batch batch;
  batch.set(kImage, Tensor::uniform({images, 8, 6, 3}, {4, 1}, -1, 1));
  Random random(RandomKey{9});
  for (const char* name : {"cut", "burn"}) {
    std::vector<std::uint8_t> labels(static_cast<std::size_t>(images) * 48);
    for (std::size_t i = 0; i < labels.size(); ++i)  // what counts differs from image to image and from head to head
      labels[i] = random.uniform() < (*name == 'c' ? i / 48 / 7.0 : 0.3) ? data::kIgnoreLabel : static_cast<std::uint8_t>(random.below(2));
    batch.set(name, Tensor::from<std::uint8_t>(labels, {images, 8, 6}));
  }
  const Tensor often = Tensor::uniform({images, 8, 6}, {4, 2}, 0, 3);
  for (int i = 0; i < images; ++i) batch.indices.push_back(i);
  for (const bool auxiliary : {false, true})
    for (const bool weighted : {false, true}) {
      if (weighted) batch.set("pixel_weights", often);
      const auto step = [&](std::int64_t part) {
        auto net = std::make_shared<TwoOutputs>();
        train::SegmentationTask task({.network = net,
                                      .heads = auxiliary ? train::Heads{binary("cut")} : train::Heads{binary("cut"), binary("burn")},
                                      .auxiliary = auxiliary ? std::vector{train::SegmentationTask::Auxiliary{"burn", 0.25}}
                                                             : std::vector<train::SegmentationTask::Auxiliary>{},
                                      .criterion = losses::Criterion("ce", {.class_weights = {1, 5}}),
                                      .optimizer = std::make_unique<optim::Sgd>(net->named_parameters(), optim::SgdOptions{.lr = 0}),
                                      .part = part,
                                      .training = std::make_shared<Noise>(std::vector<std::string>{"cut", "burn"}),
                                      .validation = nullptr});
        const Scalars values = task.step(batch);
        std::vector<std::vector<double>> gradients;
        for (const auto& p : net->named_parameters()) gradients.push_back(p.tensor.grad().to_vector<double>());
        return std::pair{values, gradients};
      };
      const auto [values, whole] = step(0);
      for (const std::int64_t part : {1, 2, 4, 7, 9}) {
        CAPTURE(part);
        const auto [sums, parts] = step(part);
        REQUIRE(sums.size() == values.size());
        for (const auto& [name, value] : values) CHECK_MESSAGE(sums.at(name) == doctest::Approx(value).epsilon(1e-5), name);
        for (std::size_t i = 0; i < whole.size(); ++i)
          for (std::size_t k = 0; k < whole[i].size(); ++k) CHECK(parts[i][k] == doctest::Approx(whole[i][k]).epsilon(1e-4));
      }
    }
}

TEST_CASE("what a checkpoint of version 1 says is read") {
  const train::RunState s = train::run_state_from_json(
      R"({"version":1,"epoch":1,"batch":2,"step":6,"sums":[3.0,2.0,1.0],"images":4,"best_score":0.5,"best_epoch":1,)"
      R"("schedule":{"best":0.5,"reduction":1.0,"bad":0},"class_weights":[1.0,2.0],"items":77,"history":[{"epoch":1,"step":4,"lr":0.1,)"
      R"("loss":1.5,"ce":1.0,"dice_loss":0.5,"val_loss":1.25,"confusion":[[5,1],[2,3]]}]})");
  CHECK(s.sums == Scalars{{"loss", 3}, {"ce", 2}, {"dice_loss", 1}});
  CHECK(s.step == 6);
  REQUIRE(s.history.size() == 1);
  CHECK(s.history[0].train == Scalars{{"loss", 1.5}, {"ce", 1}, {"dice_loss", 0.5}});
  CHECK(s.history[0].validation->scores.at("val_loss") == 1.25);
  CHECK(s.history[0].validation->counts.at(0).confusion.at(1, 0) == 2);
  const train::RunState again = train::run_state_from_json(train::to_json(s));
  CHECK(train::to_json(again) == train::to_json(s));
  check_throws<DataError>([] { train::run_state_from_json(R"({"version":3})"); }, {"version 3", "1 and 2"});
}

TEST_CASE("a task of segmentation needs all its parts, and names the one that was not given") {
  const auto missing = [](const char* part) {
    const auto network = std::make_shared<TwoOutputs>();
    train::SegmentationTask::Parts parts{.network = network, .heads = {binary("cut")}, .criterion = losses::Criterion("ce")};
    parts.optimizer = std::make_unique<optim::Sgd>(network->named_parameters(), optim::SgdOptions{});
    if (part == std::string("network")) parts.network = nullptr;
    if (part == std::string("optimizer")) parts.optimizer = nullptr;
    if (part == std::string("heads")) parts.heads = {nullptr};
    check_throws<OptionError>([&] { train::SegmentationTask{std::move(parts)}; }, {"Parts::", part, "was not given"});
  };
  for (const char* part : {"network", "optimizer", "heads"}) missing(part);
}
