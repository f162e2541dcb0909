#pragma once
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "lamina/core/tensor.hpp"

namespace lamina {

/// A setting of an op, or a tensor that it reads without differentiating it (never null; perhaps undefined). Flags are integers. Lists and
/// tensors belong to the op: copy what is to outlive the event.
struct Attribute {
  using Value = std::variant<std::int64_t, double, const char*, std::span<const std::int64_t>, std::span<const double>, const Tensor*>;
  const char* name;
  Value value;
};

/// What an op says of itself: enough, with its inputs, to compute its output again. Made on the stack by every call, so attributes cost
/// next to nothing when nobody looks: `record({"scale", {{"factor", factor}}}, ...)`.
struct OpInfo {
  const char* name;
  std::initializer_list<Attribute> attributes;
  OpInfo(const char* name, std::initializer_list<Attribute> attributes = {}) : name(name), attributes(attributes) {}

  /// Null when there is none of that name.
  const Attribute::Value* find(std::string_view attribute) const;
  /// The value of an attribute: `op.get<std::int64_t>("stride")`. Throws OptionError naming op and attribute.
  template <class T>
  const T& get(std::string_view attribute) const {
    const Attribute::Value* value = find(attribute);
    const T* typed = value ? std::get_if<T>(value) : nullptr;
    require<OptionError>(typed, name, ": no attribute ", std::string(attribute), " of that type");
    return *typed;
  }
};

/// An op has run. `id` names it in the backward; 0 when it is not on the tape. Copies between tensors are the op "copy": their output is
/// memory that was there before, and undifferentiated. Views are no ops; they share their tensor's storage.
struct ForwardEvent {
  const OpInfo& op;
  std::span<const Tensor> inputs;
  const Tensor& output;
  std::uint64_t id;
};

/// The gradient rule of an op has run. `gradients` are those of its inputs, undefined where there is none; they are yet to be added up.
struct BackwardEvent {
  const char* op;
  std::uint64_t id;
  std::span<const Tensor> gradients;
};

/// Sees what the ops of a thread do. It is called without a tape, and ops that it runs itself are not observed. It may throw: the op, or
/// the backward, then does.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void forward(const ForwardEvent&) {}
  virtual void backward(const BackwardEvent&) {}
  /// The gradient of this leaf is complete: this backward will not change it any more. Once for each leaf that the backward can reach, also
  /// when no gradient came; in an order that depends on the graph alone.
  virtual void leaf_ready(const Tensor& /*leaf*/) {}
};

/// While it lives, `observer` sees the ops of this thread: those called forward, not those inside gradient rules. Scopes nest; the
/// innermost observer is told first.
class ObserverScope {
 public:
  explicit ObserverScope(Observer& observer);
  ~ObserverScope();
  ObserverScope(const ObserverScope&) = delete;
  ObserverScope& operator=(const ObserverScope&) = delete;
  /// Does anybody observe this thread now?
  static bool active();

 private:
  friend struct Observers;
  Observer& observer_;
  ObserverScope* outer_;
};

/// What observers call a part of a network by.
class ObservedLayer {
 public:
  virtual ~ObservedLayer() = default;
  /// Dotted names from the root of the network down to it; "" at the root.
  virtual std::string path() const = 0;
};

/// Opened by a layer while it runs, so that observers can name it.
class LayerScope {
 public:
  explicit LayerScope(const ObservedLayer& layer);
  ~LayerScope();
  LayerScope(const LayerScope&) = delete;
  LayerScope& operator=(const LayerScope&) = delete;
  /// path() of the layer that runs on this thread; "" outside of layers.
  static std::string current();

 private:
  const ObservedLayer* outer_;
};

/// While it lives, every op on this thread checks its output, and every backward its gradients: the first that is not finite
/// throws NumericError with the op's name and its layer's path. Slow; for debugging.
class AnomalyMode : Observer {
 public:
  AnomalyMode();
  ~AnomalyMode() override;

 private:
  struct Layers;
  void forward(const ForwardEvent& event) override;
  void backward(const BackwardEvent& event) override;
  std::unique_ptr<Layers> layers_;  // of the ops on the tape
  ObserverScope scope_{*this};
};

}  // namespace lamina
