#pragma once
#include <string>
#include <vector>

#include "lamina/data/batch.hpp"
#include "lamina/io/safetensors.hpp"
#include "lamina/nn/module.hpp"
#include "lamina/optim/optimizer.hpp"
#include "lamina/train/sentinels/sentinel.hpp"

namespace lamina::train {

/// A network in training and what moves it. In checkpoints its names begin with `prefix` and a dot; the only component has none.
struct Component {
  std::string prefix = {};
  nn::Module* module = nullptr;
  optim::Optimizer* optimizer = nullptr;
};

/// Texts by name that a checkpoint carries.
using Metadata = io::Metadata;

/// What is learned: what one step does, how it is judged, which networks it moves. It knows neither run folders nor terminals.
class Task {
 public:
  virtual ~Task() = default;

  /// What is trained on.
  virtual data::Batches& training() = 0;
  /// One update of every component; random numbers and learning rates are set. Returns means over the batch's items, the loss first. Where
  /// one is not finite, components should be left as they were, so that the step can be looked into.
  virtual Scalars step(const data::Batch& batch) = 0;
  /// Is there anything to validate with? If not, the newest epoch is the best.
  virtual bool validates() const = 0;
  virtual Validation validate() = 0;
  /// The names of Validation::scores, also before the first validation.
  virtual std::vector<std::string> score_names() const = 0;
  /// Always the same ones.
  virtual std::vector<Component> components() = 0;

  /// What rebuilds the networks and tells one run's data and settings from another's.
  virtual Metadata metadata() const { return {}; }
  /// Compares metadata() with what a checkpoint of `run` holds, and takes over what must not be made anew. Throws OptionError, DataError
  /// when another run wrote it.
  virtual void restore(const Metadata&, const std::string& /*run*/) {}
  /// What an epoch's line says of the means over its steps.
  virtual std::string text(const Scalars& means) const;
  /// Lines for the log: settings, warnings about the data.
  virtual std::vector<std::string> notes() const { return {}; }
  /// Rules about its own numbers, beside those about any network. `lr`: the run's highest learning rate.
  virtual std::vector<Sentinel> sentinels(double /*lr*/) const { return {}; }
  /// The command that trains again with other options, such as "--lr 1e-3"; here the options. Empty where the settings do not go with them.
  virtual std::string command(const std::string& options) const { return options; }
  /// The command that an alarm advises, the first that goes with the settings.
  std::string command_for(const Alarm& alarm) const;
};

}  // namespace lamina::train
