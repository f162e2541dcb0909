#pragma once
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lamina/core/tensor.hpp"

namespace lamina::nn {

/// A tensor with its dotted path below a module: the checkpoint key.
struct NamedTensor {
  std::string name;
  Tensor tensor;
};

/// A node of a network: owns parameters (trained), buffers (saved, not trained) and child modules. Subclasses add them in their
/// constructor, in an order that fixes the order of named_parameters(), and define a forward of their own signature.
class Module {
 public:
  Module() = default;
  virtual ~Module() = default;
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  /// Parameters of this module and everything below it: "down.0.conv1.weight". The handles share the memory.
  std::vector<NamedTensor> named_parameters() const;
  std::vector<NamedTensor> named_buffers() const;
  /// Parameters and buffers in declaration order: what a checkpoint holds (PyTorch's state_dict).
  std::vector<NamedTensor> state() const;
  /// The tensors of named_parameters().
  std::vector<Tensor> parameters() const;
  std::int64_t parameter_count() const;

  /// Moves every parameter and floating-point buffer; handles that others hold move with them. Counters stay on the host.
  void to(Device device);
  /// Stores the kernels (parameters of rank >= 2) as `dtype`, what must stay precise (biases, norms, statistics) as precise(dtype). An
  /// optimiser made afterwards updates bf16 kernels in f32.
  void to(DType dtype);
  /// Where the first parameter is, and its dtype; f32 on the CPU when there is none. Segmenters begin with a kernel.
  TensorOptions options() const;

  /// Training or evaluation behaviour of batch_norm and dropout, for the whole subtree.
  void train(bool on = true);
  void eval() { train(false); }
  bool training() const { return training_; }

  /// Copies `source` into the tensors of state() by name. With `strict` every name must match both ways. Throws DataError with the
  /// missing, unexpected and wrongly shaped names; nothing is changed then.
  void load_state(const std::vector<NamedTensor>& source, bool strict = true);

  const std::vector<std::pair<std::string, std::unique_ptr<Module>>>& children() const { return children_; }

 protected:
  /// Builds a child in place and returns it: `Conv2d& conv = add<Conv2d>("conv", options);`
  template <class M, class... Args>
  M& add(std::string name, Args&&... args) {
    auto child = std::make_unique<M>(std::forward<Args>(args)...);
    M& ref = *child;
    children_.emplace_back(std::move(name), std::move(child));
    return ref;
  }
  Tensor add_parameter(std::string name, Tensor value);
  Tensor add_buffer(std::string name, Tensor value);

 private:
  friend class EvalScope;
  enum class Kind { parameter, buffer };
  void collect(const std::string& prefix, bool parameters, bool buffers, std::vector<NamedTensor>& out) const;

  std::vector<std::pair<Kind, NamedTensor>> own_;
  std::vector<std::pair<std::string, std::unique_ptr<Module>>> children_;
  bool training_ = true;
};

/// Evaluation mode of a subtree while it lives; then every module has its own mode again.
class EvalScope {
 public:
  explicit EvalScope(Module& module);
  ~EvalScope();
  EvalScope(const EvalScope&) = delete;
  EvalScope& operator=(const EvalScope&) = delete;

 private:
  void remember(Module& module);
  std::vector<std::pair<Module*, bool>> modes_;
};

/// Supplies random numbers to initialisers and dropout: each draw takes the next sub-stream of one key.
class RandomStream {
 public:
  explicit RandomStream(RandomKey key) : key_(key) {}
  RandomKey next() { return key_.derive(draws_++); }

 private:
  RandomKey key_;
  std::uint64_t draws_ = 0;
};

/// The stream that dropout layers of this thread draw from. The trainer opens one a step, keyed by (seed, step), so that a resumed run
/// draws what the uninterrupted one would have; without a scope there is one default stream a thread.
class RandomScope {
 public:
  explicit RandomScope(RandomKey key);
  ~RandomScope();
  RandomScope(const RandomScope&) = delete;
  RandomScope& operator=(const RandomScope&) = delete;
  static RandomKey next();

 private:
  RandomStream stream_;
  RandomScope* outer_;
};

}  // namespace lamina::nn
