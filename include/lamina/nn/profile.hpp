#pragma once
#include <map>
#include <string>
#include <vector>

#include "lamina/autograd/observe.hpp"
#include "lamina/nn/module.hpp"

namespace lamina::nn {

/// What one op of one layer took, over all its calls.
struct ProfileRow {
  std::string layer;  ///< dotted path; "" outside of layers
  std::string op;
  std::string algorithm;  ///< of a convolution, forward; else ""
  int calls = 0;
  double forward = 0, backward = 0;  ///< seconds
  std::int64_t bytes = 0;            ///< of inputs and outputs, forward
};

/// Measures the ops of this thread while it lives. An op's time is what passed since the event before it, on the device where the outputs
/// are: what a program does between ops counts for the next op unless it calls skip().
class Profiler : Observer {
 public:
  /// Throws DeviceError.
  explicit Profiler(Device device);
  /// The time since the last event belongs to no op.
  void skip() { watch_.start(); }
  /// One row for each op of a layer, the slowest first.
  std::vector<ProfileRow> rows() const;

 private:
  void forward(const ForwardEvent& event) override;
  void backward(const BackwardEvent& event) override;
  double lap();

  Stopwatch watch_;
  std::map<std::pair<std::string, std::string>, std::size_t> index_;  // (layer, op) -> row
  std::map<std::uint64_t, std::size_t> recorded_;                     // id -> row
  std::vector<ProfileRow> rows_;
  ObserverScope scope_{*this};
};

}  // namespace lamina::nn
