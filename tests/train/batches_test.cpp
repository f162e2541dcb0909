// Sources of batches of a program's own: what the loop and the evaluation hold them to.
#include "lamina/ops/ops.hpp"
#include "lamina/train/loop.hpp"
#include "lamina/train/segmentation_task.hpp"
#include "support/op_check.hpp"
#include "support/runs.hpp"

using namespace lamina;
using namespace lamina::test;

namespace {

/// Says that an epoch has so many batches, and gives perhaps others.
class Promised : public data::Batches {
 public:
  Promised(std::int64_t says, std::int64_t gives) : says_(says), gives_(gives) {}
  std::int64_t batches() const override { return says_; }
  void start(std::int64_t, std::int64_t first_batch) override { at_ = first_batch; }
  bool next(data::Batch& batch) override {
    if (at_ >= gives_) return false;
    batch.indices = {static_cast<int>(at_)};
    batch.set(kImage, Tensor::normal({1, 4, 4, 3}, RandomKey{7}.derive(static_cast<std::uint64_t>(at_++))));
    batch.set(kLabels, Tensor::zeros({1, 4, 4}, {DType::u8, kCpu}));
    return true;
  }

 private:
  std::int64_t says_, gives_, at_ = 0;
};

class OnePixel : public models::Network {
 public:
  models::Outputs forward(const Tensor& x) override { return {{kLabels, conv_(x)}}; }
  int in_channels() const override { return 3; }
  std::vector<models::OutputSpec> outputs() const override { return {{kLabels, 2}}; }
  int minimum_size() const override { return 1; }

 private:
  nn::RandomStream random_{RandomKey{3}};
  nn::Conv2d& conv_ = add<nn::Conv2d>("conv", {.in = 3, .out = 2, .kernel = 1}, random_);
};

}  // namespace

TEST_CASE("a source that ends before its batches, or goes on behind them, is refused with the numbers") {
  TempFolder f;
  int runs = 0;
  const auto run = [&](Promised training, std::shared_ptr<data::Batches> validation, std::int64_t steps = 0) {
    data::LabelSchema schema;
    schema.names = {"no", "yes"};
    schema.values = {0, 1};
    auto net = std::make_shared<OnePixel>();
    train::SegmentationTask task({.network = net,
                                  .heads = {heads::make_head(schema)},
                                  .criterion = losses::Criterion("ce"),
                                  .optimizer = std::make_unique<optim::Sgd>(net->named_parameters(), optim::SgdOptions{.lr = 1e-2}),
                                  .training = std::make_shared<Promised>(training),
                                  .validation = std::move(validation)});
    train::Session session(f / std::to_string(++runs), task, true);
    return train::run_loop(task, session, {.epochs = 2, .steps = steps, .schedule = {.lr = 1e-2}}, {});
  };
  const auto validation = [](std::int64_t says, std::int64_t gives) { return std::make_shared<Promised>(says, gives); };
  CHECK(run({3, 3}, validation(2, 2)) == train::Outcome::finished);
  CHECK(run({3, 3}, nullptr, 5) == train::Outcome::finished);  // the steps end in the middle of an epoch
  check_throws<DataError>(
      [&] {
        run({4, 3}, nullptr);
      },
      {"the training data ended in epoch 1 after 3 of the 4 batches", "Batches::batches()"});
  check_throws<DataError>([&] { run({3, 0}, nullptr); }, {"ended in epoch 1 after 0 of the 3"});
  check_throws<DataError>([&] { run({2, 3}, nullptr); }, {"a batch more in epoch 1 than the 2"});
  check_throws<DataError>([&] { run({3, 3}, validation(4, 3)); }, {"evaluated ended", "after 3 of the 4"});
  check_throws<DataError>([&] { run({3, 3}, validation(2, 3)); }, {"evaluated gave a batch more", "than the 2"});
}
