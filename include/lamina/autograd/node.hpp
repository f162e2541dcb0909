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
    Shape shape = {};  ///< of the input, and so of its gradient
    TensorOptions options = {};
  };
  /// A tensor that the backward reads, and the version it had in the forward.
  struct Read {
    std::weak_ptr<Tensor::Impl> tensor;
    std::uint64_t version;
    int input;  ///< -1: not an input
  };
  const char* name = "";
  std::uint64_t sequence = 0;
  std::vector<Edge> edges;
  std::vector<Read> reads;
  std::bitset<64> needs;
  std::unique_ptr<Rule> backward;  ///< none after a backward that did not retain the graph

  Node();
  ~Node();  // iterative: a long chain of nodes does not recurse
};

/// Is recording on for this thread?
bool grad_enabled();
/// True when `record` would keep a backward for these inputs.
bool needs_record(std::span<const Tensor> inputs);
/// `reads`: null stands for the inputs and the output.
void attach(const char* name, std::span<const Tensor> inputs, const Tensor& output, std::unique_ptr<Rule> backward,
            const std::initializer_list<Tensor>* reads);
/// Does the tape lead from y back to x?
bool leads_to(const Tensor& y, const Tensor& x);
/// Tells the observers of this thread, if any.
void observe(const OpInfo& op, std::span<const Tensor> inputs, const Tensor& output);

template <class Backward>
Tensor put_on_tape(const OpInfo& op, std::span<const Tensor> inputs, Tensor output, const std::initializer_list<Tensor>* reads,
                   Backward backward) {
  if (needs_record(inputs)) attach(op.name, inputs, output, std::unique_ptr<Rule>(new RuleOf<Backward>(std::move(backward))), reads);
  observe(op, inputs, output);
  return output;
}
inline std::span<const Tensor> as_span(std::initializer_list<Tensor> tensors) { return {tensors.begin(), tensors.size()}; }

}  // namespace autograd

/// Shows an op to observers and puts it on the tape: `output` was computed from `inputs` (undefined ones allowed), `backward(dy, need)`
/// returns one gradient an input, of its shape. The lambda is kept only when some input requires a gradient and recording is on; it must
/// not capture `output` itself (capture `output.detach()`). `reads` are those tensors it captures that others can write: when one was
/// written or moved since, the backward throws GraphError; without the list, that holds for every input and the output. Returns `output`.
template <class Backward>
Tensor record(const OpInfo& op, std::span<const Tensor> inputs, Tensor output, Backward backward) {
  return autograd::put_on_tape(op, inputs, std::move(output), nullptr, std::move(backward));
}
template <class Backward>
Tensor record(const OpInfo& op, std::initializer_list<Tensor> inputs, Tensor output, Backward backward) {
  return autograd::put_on_tape(op, autograd::as_span(inputs), std::move(output), nullptr, std::move(backward));
}
template <class Backward>
Tensor record(const OpInfo& op, std::span<const Tensor> inputs, Tensor output, std::initializer_list<Tensor> reads, Backward backward) {
  return autograd::put_on_tape(op, inputs, std::move(output), &reads, std::move(backward));
}
template <class Backward>
Tensor record(const OpInfo& op, std::initializer_list<Tensor> inputs, Tensor output, std::initializer_list<Tensor> reads,
              Backward backward) {
  return autograd::put_on_tape(op, autograd::as_span(inputs), std::move(output), &reads, std::move(backward));
}
/// An op without a gradient: only observers learn of it.
inline Tensor record(const OpInfo& op, std::initializer_list<Tensor> inputs, Tensor output) {
  autograd::observe(op, autograd::as_span(inputs), output);
  return output;
}
/// For `reads`: the tensor where the condition holds, else none.
inline Tensor read_if(bool condition, const Tensor& t) { return condition ? t : Tensor{}; }

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
