// The smallest task that the loop can train.
#pragma once
#include <functional>
#include <limits>
#include <utility>

#include "lamina/ops/ops.hpp"
#include "lamina/optim/optimizer.hpp"
#include "lamina/train/task.hpp"

namespace lamina::test {

/// A task of one number and one step an epoch: a step makes a loss of it, by the learning rate and how many steps were taken before.
/// `shown`, of how many were taken, is what it says the loss is.
class OneWeight : public train::Task, public data::Batches {
 public:
  using Loss = std::function<Tensor(const Tensor& w, double lr, int steps)>;
  explicit OneWeight(Loss loss, std::function<double(int steps)> shown = {}) : loss_(std::move(loss)), shown_(std::move(shown)) {}
  data::Batches& training() override { return *this; }
  std::int64_t batches() const override { return 1; }
  void start(std::int64_t, std::int64_t first) override { done_ = first > 0; }
  bool next(data::Batch& batch) override {
    batch = {};
    batch.indices = {0};
    batch.set("image", Tensor::full({1, 1}, 3));
    return !std::exchange(done_, true);
  }
  std::string name(int) const override { return "item"; }
  Scalars step(const data::Batch&) override {
    const Tensor loss = loss_(weight_.w, sgd_.lr(), steps_++);
    sgd_.zero_grad();
    loss.backward();
    sgd_.step();
    return {{"loss", shown_ ? shown_(steps_) : loss.item()}};
  }
  bool validates() const override { return false; }
  train::Validation validate() override { return {}; }
  std::vector<std::string> score_names() const override { return {}; }
  std::vector<train::Component> components() override { return {{"", &weight_, &sgd_}}; }

  double weight() const { return weight_.w.item(); }

 private:
  struct Weight : nn::Module {
    Weight() { add_parameter("w", w); }
    Tensor w = Tensor::full({1, 1}, 1);
  } weight_;
  optim::Sgd sgd_{weight_.named_parameters(), {.lr = 1, .gradient = {.clip_norm = std::numeric_limits<double>::infinity()}}};
  Loss loss_;
  std::function<double(int)> shown_;
  int steps_ = 0;
  bool done_ = false;
};

}  // namespace lamina::test
