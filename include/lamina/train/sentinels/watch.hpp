#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "lamina/autograd/observe.hpp"
#include "lamina/train/task.hpp"

namespace lamina::train {

/// Looks into every so many-th step of a task while it is taken, for what sentinels judge by.
class Watch : Observer {
 public:
  /// A look takes about an eighth of a step.
  static constexpr std::int64_t kEvery = 20;
  explicit Watch(Task& task, std::int64_t every = kEvery) : task_(task), every_(every) {}
  /// Task::step(batch), the `number`-th update of the run. Adds to `sums`: "looks", and for each look "movement" (the update's 2-norm over
  /// that of the weights, at a learning rate of 1), "dead/LAYER" (the share of a ReLU's channels that are 0 all over the batch) and
  /// "still/KERNEL" (1 where the root mean square of its gradient is below kStill), the last two where they are not 0; of all steps,
  /// "gradient" (the largest norm).
  Scalars step(const data::Batch& batch, std::int64_t number, Scalars& sums);
  static constexpr double kStill = 1e-8;  // Adam's epsilon: below it, updates shrink with the gradient

 private:
  void forward(const ForwardEvent& event) override;
  Scalars look(const data::Batch& batch, Scalars& sums);
  Task& task_;
  std::int64_t every_;
  std::map<std::string, std::vector<bool>> alive_;  // channels of the ReLUs of the step that is looked into, by layer
};

/// An epoch's signals from the sums of its steps.
Scalars signals_of(const Scalars& sums);

}  // namespace lamina::train
