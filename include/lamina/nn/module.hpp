#pragma once
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lamina/core/tensor.hpp"
#include "lamina/ops/arithmetic.hpp"

namespace lamina::nn {

/// A tensor with its dotted path below a module: the checkpoint key.
struct NamedTensor {
  std::string name = {};
  Tensor tensor = {};
};

/// While it lives, modules built on this thread get their tensors on the meta device: shapes without memory, and no initialisation is run.
/// Module::fill gives them values from elsewhere, Module::initialise those that they would have had.
class MetaScope {
 public:
  MetaScope();
  ~MetaScope();
  MetaScope(const MetaScope&) = delete;
  MetaScope& operator=(const MetaScope&) = delete;
  static bool active();

 private:
  bool outer_;
};

/// How the tensors of a source met those of a module, by name.
struct StateMatch {
  std::vector<std::string> loaded;
  std::vector<std::string> missing;     ///< the module's that the source lacks
  std::vector<std::string> unexpected;  ///< the source's that the module lacks
  std::vector<std::string> unfit;  ///< of another shape, or a counter here and a number there: "head.bias is (5) here, (6) in the source"
};

class RandomStream;
using lamina::LayerScope;  // layers open one while they run

/// A node of a network: owns parameters (trained), buffers (saved, not trained) and child modules. Subclasses add them in their
/// constructor, in an order that fixes the order of named_parameters(), and define a forward of their own signature.
class Module : public ObservedLayer {
 public:
  Module() = default;
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
  /// Where the first kernel is, and its dtype, or else the first parameter; f32 on the CPU when there is none.
  TensorOptions options() const;

  /// Training or evaluation behaviour of batch_norm and dropout, for the whole subtree.
  void train(bool on = true);
  void eval() { train(false); }
  bool training() const { return training_; }

  /// Copies `source` into the tensors of state() by name. With `strict` everything must fit: DataError tells what does not, and nothing is
  /// changed. Without, what does not fit is left alone; the lists tell.
  StateMatch load_state(const std::vector<NamedTensor>& source, bool strict = true);
  /// Gives a module that was built in a MetaScope its values, strictly by name. Memory of `source` that nobody else holds is taken over,
  /// other is copied; dtypes become the module's. Throws as load_state.
  void fill(std::vector<NamedTensor> source);
  /// Gives what a MetaScope left without memory its initial values, on the CPU: those of the same module built outside of one, since every
  /// random number belongs to the place of its tensor, whichever others have values already.
  void initialise();
  /// Throws as load_state unless `source`, perhaps on the meta device, could be loaded strictly.
  void check_state(const std::vector<NamedTensor>& source) const { (void)matched(source, true); }

  /// Dotted names from the root of the tree down to this module; "" at the root.
  std::string path() const override;

  const std::vector<std::pair<std::string, std::unique_ptr<Module>>>& children() const { return children_; }

 protected:
  /// Builds a child in place and returns it: `Conv2d& conv = add<Conv2d>("conv", {.in = 3, .out = 8}, random);`
  template <class M>
  M& add(std::string name, const typename M::Options& options, RandomStream& random) {
    return add<M, const typename M::Options&, RandomStream&>(std::move(name), options, random);
  }
  template <class M>
  M& add(std::string name, const typename M::Options& options) {
    return add<M, const typename M::Options&>(std::move(name), options);
  }
  /// The op, which the name of the functions above would hide.
  static Tensor add(const Tensor& a, const Tensor& b, const Tensor& into = {}) { return lamina::add(a, b, into); }
  template <class M, class... Args>
  M& add(std::string name, Args&&... args) {
    require_new(name);
    auto child = std::make_unique<M>(std::forward<Args>(args)...);
    M& ref = *child;
    Module& base = ref;
    base.parent_ = this;
    base.name_ = name;
    children_.emplace_back(std::move(name), std::move(child));
    return ref;
  }
  /// A tensor of what `initial` returns: run at once, in a MetaScope not before initialise() or never. It outlives the constructor, and
  /// draws its random numbers there, not when it is run.
  using Initial = std::function<Tensor()>;
  Tensor add_parameter(std::string name, const Shape& shape, Initial initial) {
    return add_tensor(Kind::parameter, std::move(name), shape, DType::f32, std::move(initial));
  }
  Tensor add_buffer(std::string name, const Shape& shape, Initial initial, DType dtype = DType::f32) {
    return add_tensor(Kind::buffer, std::move(name), shape, dtype, std::move(initial));
  }
  /// The same of a value that is there already.
  Tensor add_parameter(std::string name, Tensor value);
  Tensor add_buffer(std::string name, Tensor value);
  /// Other initial values for a tensor of this module.
  void set_initial(const Tensor& own, Initial initial);

 private:
  friend class EvalScope;
  enum class Kind { parameter, buffer };
  struct Own {
    Kind kind;
    NamedTensor item;
    Initial initial;  // in a MetaScope
  };
  /// Throws OptionError unless it can be the name of a further part.
  void require_new(const std::string& name) const;
  Tensor add_tensor(Kind kind, std::string name, const Shape& shape, DType dtype, Initial initial);
  /// Pairs of this module's tensors and the source's of the same name; throws DataError as load_state says. `match` may be null.
  std::vector<std::pair<Tensor, Tensor>> matched(const std::vector<NamedTensor>& source, bool strict, StateMatch* match = nullptr) const;
  void collect(const std::string& prefix, bool parameters, bool buffers, std::vector<NamedTensor>& out) const;

  std::vector<Own> own_;
  std::vector<std::pair<std::string, std::unique_ptr<Module>>> children_;
  const Module* parent_ = nullptr;
  std::string name_;
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
