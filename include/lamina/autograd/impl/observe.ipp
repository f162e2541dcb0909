#include "lamina/autograd/observe.hpp"

#include <map>

#include "lamina/autograd/impl/observers.hpp"
#include "lamina/autograd/node.hpp"
#include "lamina/core/dispatch.hpp"
#include "lamina/kernels/finite.hpp"

namespace lamina {
namespace {

thread_local ObserverScope* innermost = nullptr;
thread_local bool paused = false;
thread_local const ObservedLayer* running = nullptr;

void copied(const Tensor& from, const Tensor& to) {
  // Wrapped memory may be gone by the time that somebody looks at it again: what was copied from there is a value of its own.
  if (from.storage().owned() && to.storage().owned()) autograd::observe("copy", {&from, 1}, to);
}

/// Only floating-point types that the device computes in; copies compute nothing.
void require_finite(const Tensor& t, const std::string& what) {
  const DType dtype = t.dtype();
  if (dtype != DType::f32 && dtype != DType::f64 && (dtype != DType::bf16 || t.device().is_cpu())) return;
  bool ok = true;
  dispatch(t, [&]<class T>(auto& device) { kernels::all_finite<T>(device, t.view2<const T>(), &ok); });
  require<NumericError>(ok, "anomaly: the ", what, " with shape ", t.shape(), " is not finite");
}

}  // namespace

const Attribute::Value* OpInfo::find(std::string_view attribute) const {
  for (const Attribute& a : attributes)
    if (a.name == attribute) return &a.value;
  return nullptr;
}

Observers::Pause::Pause() : outer_(std::exchange(paused, true)) {}
Observers::Pause::~Pause() { paused = outer_; }

template <class F>
void Observers::tell(F&& f) {
  if (!innermost) return;
  const Pause pause;
  const NoGrad no_grad;
  for (ObserverScope* scope = innermost; scope; scope = scope->outer_) f(scope->observer_);
}
void Observers::forward(const ForwardEvent& event) {
  if (!paused) tell([&](Observer& o) { o.forward(event); });
}
void Observers::backward(const BackwardEvent& event) {
  tell([&](Observer& o) { o.backward(event); });
}
void Observers::leaf_ready(const Tensor& leaf) {
  tell([&](Observer& o) { o.leaf_ready(leaf); });
}

void autograd::observe(const OpInfo& op, std::span<const Tensor> inputs, const Tensor& output) {
  if (!innermost) return;
  const auto& node = output.impl()->node;
  Observers::forward({op, inputs, output, node ? node->sequence : 0});
}

ObserverScope::ObserverScope(Observer& observer) : observer_(observer), outer_(std::exchange(innermost, this)) { detail::on_copy = copied; }
ObserverScope::~ObserverScope() {
  innermost = outer_;
  if (!innermost) detail::on_copy = nullptr;
}
bool ObserverScope::active() { return innermost != nullptr; }

LayerScope::LayerScope(const ObservedLayer& layer) : outer_(std::exchange(running, &layer)) {}
LayerScope::~LayerScope() { running = outer_; }
std::string LayerScope::current() { return running ? running->path() : std::string(); }

struct AnomalyMode::Layers {
  std::map<std::uint64_t, std::string> of;
  static std::string named(const char* op, const std::string& layer) { return op + (layer.empty() ? std::string() : " in layer " + layer); }
};
AnomalyMode::AnomalyMode() : layers_(std::make_unique<Layers>()) {}
AnomalyMode::~AnomalyMode() = default;

void AnomalyMode::forward(const ForwardEvent& event) {
  const std::string layer = LayerScope::current();
  if (event.id && !layer.empty()) layers_->of[event.id] = layer;
  if (std::string_view(event.op.name) != "copy") require_finite(event.output, "output of " + Layers::named(event.op.name, layer));
}
void AnomalyMode::backward(const BackwardEvent& event) {
  const auto layer = layers_->of.find(event.id);
  const std::string op = Layers::named(event.op, layer == layers_->of.end() ? std::string() : layer->second);
  for (std::size_t i = 0; i < event.gradients.size(); ++i)
    if (event.gradients[i]) require_finite(event.gradients[i], message("gradient of ", op, " for input ", i));
  if (layer != layers_->of.end()) layers_->of.erase(layer);
}

}  // namespace lamina
