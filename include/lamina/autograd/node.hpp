#pragma once
#include <bitset>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "lamina/autograd/observe.hpp"
#include "lamina/core/tensor.hpp"

namespace lamina {

/// Gradients of an op's inputs, in input order; leave those undefined that have none.
using Grads = std::vector<Tensor>;

/// Which inputs need a gradient: `if (need[0]) ...`.
class NeedsGrad {
 public:
  explicit NeedsGrad(std::bitset<64> bits) : bits_(bits) {}
  bool operator[](std::size_t input) const { return bits_[input]; }

 private:
  std::bitset<64> bits_;
};

namespace autograd {

/// The gradient rule of a recorded op. (std::function would do, but costs every user of the ops a tenth of their compile time.)
struct Rule {
  virtual ~Rule() = default;
  virtual Grads operator()(const Tensor& dy, NeedsGrad need) = 0;
};

template <class F>
struct RuleOf final : Rule {
  explicit RuleOf(F f) : f(std::move(f)) {}
  Grads operator()(const Tensor& dy, NeedsGrad need) override { return f(dy, need); }
  F f;
};

/// One recorded op. Edges lead to the nodes (or leaves) that produced its inputs.
struct Node {
  struct Edge {
    std::shared_ptr<Node> node;
    std::shared_ptr<Tensor::Impl> leaf;
  };
  const char* name = "";
  std::uint64_t sequence = 0;
  std::vector<Edge> edges;
  std::bitset<64> needs;
  std::unique_ptr<Rule> backward;  ///< none after a backward that did not retain the graph

  Node();
  ~Node();  // iterative: a long chain of nodes does not recurse
};

/// Is recording on for this thread?
bool grad_enabled();
/// True when `record` would keep a backward for these inputs.
bool needs_record(std::span<const Tensor> inputs);
void attach(const char* name, std::span<const Tensor> inputs, const Tensor& output, std::unique_ptr<Rule> backward);
/// Tells the observers of this thread, if any.
void observe(const OpInfo& op, std::span<const Tensor> inputs, const Tensor& output);

}  // namespace autograd

/// Shows an op to observers and puts it on the tape: `output` was computed from `inputs` (undefined ones allowed), `backward(dy, need)`
/// returns one gradient an input. The lambda is kept only when some input requires a gradient and recording is on; it must not capture
/// `output` itself (capture `output.detach()`). Returns `output`.
template <class Backward>
Tensor record(const OpInfo& op, std::span<const Tensor> inputs, Tensor output, Backward backward) {
  if (autograd::needs_record(inputs))
    autograd::attach(op.name, inputs, output, std::unique_ptr<autograd::Rule>(new autograd::RuleOf<Backward>(std::move(backward))));
  autograd::observe(op, inputs, output);
  return output;
}
template <class Backward>
Tensor record(const OpInfo& op, std::initializer_list<Tensor> inputs, Tensor output, Backward backward) {
  return record(op, std::span<const Tensor>(inputs.begin(), inputs.size()), std::move(output), std::move(backward));
}
/// An op without a gradient: only observers learn of it.
inline Tensor record(const OpInfo& op, std::initializer_list<Tensor> inputs, Tensor output) {
  autograd::observe(op, std::span<const Tensor>(inputs.begin(), inputs.size()), output);
  return output;
}

/// While it lives, ops on this thread are not recorded.
class NoGrad {
 public:
  NoGrad();
  ~NoGrad();
  NoGrad(const NoGrad&) = delete;
  NoGrad& operator=(const NoGrad&) = delete;

 private:
  bool previous_;
};

}  // namespace lamina
