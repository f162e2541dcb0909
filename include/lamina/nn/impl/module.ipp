#include "lamina/nn/module.hpp"

#include <algorithm>
#include <map>

namespace lamina::nn {

namespace {
thread_local bool building_meta = false;
}  // namespace

MetaScope::MetaScope() : outer_(std::exchange(building_meta, true)) {}
MetaScope::~MetaScope() { building_meta = outer_; }
bool MetaScope::active() { return building_meta; }

std::string Module::path() const {
  if (!parent_) return {};
  const std::string above = parent_->path();
  return above.empty() ? name_ : above + "." + name_;
}

void Module::require_new(const std::string& name) const {
  const bool taken = std::any_of(own_.begin(), own_.end(), [&](const Own& own) { return own.item.name == name; }) ||
                     std::any_of(children_.begin(), children_.end(), [&](const auto& child) { return child.first == name; });
  require<OptionError>(!name.empty() && !taken, "a module ", path().empty() ? "" : path() + " ", "has a part called \"", name,
                       "\" already, or it is no name; files know weights by the names of parts");
}

Tensor Module::add_tensor(Kind kind, std::string name, const Shape& shape, DType dtype, Initial initial) {
  require_new(name);
  Tensor value = building_meta ? Tensor::empty(shape, {dtype, kMeta}) : initial();
  if (kind == Kind::parameter) value.set_requires_grad();
  own_.push_back({kind, {std::move(name), value}, building_meta ? std::move(initial) : nullptr});
  return value;
}

Tensor Module::add_parameter(std::string name, Tensor value) {
  return add_tensor(Kind::parameter, std::move(name), value.shape(), value.dtype(), [value] { return value; });
}

Tensor Module::add_buffer(std::string name, Tensor value) {
  return add_tensor(Kind::buffer, std::move(name), value.shape(), value.dtype(), [value] { return value; });
}

void Module::set_initial(const Tensor& tensor, Initial initial) {
  if (!tensor.device().is_meta()) return tensor.copy_from(initial());
  for (Own& own : own_)
    if (own.item.tensor.impl() == tensor.impl()) own.initial = std::move(initial);
}

void Module::initialise() {
  for (Own& own : own_) {
    if (own.item.tensor.device().is_meta()) own.item.tensor.adopt(std::exchange(own.initial, nullptr)());
  }
  for (auto& [name, child] : children_) child->initialise();
}

void Module::collect(const std::string& prefix, bool parameters, bool buffers, std::vector<NamedTensor>& out) const {
  for (const Own& own : own_)
    if (own.kind == Kind::parameter ? parameters : buffers) out.push_back({prefix + own.item.name, own.item.tensor});
  for (const auto& [name, child] : children_) child->collect(prefix + name + ".", parameters, buffers, out);
}

std::vector<NamedTensor> Module::named_parameters() const {
  std::vector<NamedTensor> out;
  collect("", true, false, out);
  return out;
}

std::vector<NamedTensor> Module::named_buffers() const {
  std::vector<NamedTensor> out;
  collect("", false, true, out);
  return out;
}

std::vector<NamedTensor> Module::state() const {
  std::vector<NamedTensor> out;
  collect("", true, true, out);
  return out;
}

std::vector<Tensor> Module::parameters() const {
  std::vector<Tensor> out;
  for (NamedTensor& p : named_parameters()) out.push_back(std::move(p.tensor));
  return out;
}

std::int64_t Module::parameter_count() const {
  std::int64_t n = 0;
  for (const Tensor& p : parameters()) n += p.numel();
  return n;
}

void Module::to(Device device) {
  for (const NamedTensor& t : state())
    if (t.tensor.dtype() != DType::i64) t.tensor.move_to({t.tensor.dtype(), device});
}

void Module::to(DType dtype) {
  for (const NamedTensor& t : named_parameters()) t.tensor.move_to({t.tensor.rank() >= 2 ? dtype : precise(dtype), t.tensor.device()});
  for (const NamedTensor& t : named_buffers())
    if (t.tensor.dtype() != DType::i64) t.tensor.move_to({precise(dtype), t.tensor.device()});
}

TensorOptions Module::options() const {
  const auto all = parameters();
  const auto kernel = std::find_if(all.begin(), all.end(), [](const Tensor& p) { return p.rank() >= 2; });
  return kernel != all.end() ? kernel->options() : all.empty() ? TensorOptions{} : all[0].options();
}

void Module::train(bool on) {
  training_ = on;
  for (auto& [name, child] : children_) child->train(on);
}

EvalScope::EvalScope(Module& module) {
  remember(module);
  module.eval();
}
EvalScope::~EvalScope() {
  for (const auto& [module, training] : modes_) module->training_ = training;
}
void EvalScope::remember(Module& module) {
  modes_.emplace_back(&module, module.training_);
  for (const auto& [name, child] : module.children_) remember(*child);
}

StateMatch Module::load_state(const std::vector<NamedTensor>& source, bool strict) {
  StateMatch match;
  for (auto& [to, from] : matched(source, strict, &match)) to.copy_from(from);
  return match;
}

void Module::fill(std::vector<NamedTensor> source) {
  auto pairs = matched(source, true);
  source.clear();
  for (auto& [to, from] : pairs) {
    const bool ours = from.impl().use_count() == 1 && from.storage().unique() && from.storage().owned() && from.contiguous();
    Tensor value = from.to(to.dtype());
    to.adopt(ours || value.dtype() != from.dtype() ? value : value.clone());
  }
}

std::vector<std::pair<Tensor, Tensor>> Module::matched(const std::vector<NamedTensor>& source, bool strict, StateMatch* match) const {
  std::map<std::string, Tensor> given;
  for (const NamedTensor& s : source) given[s.name] = s.tensor;
  std::vector<std::pair<Tensor, Tensor>> copies;
  StateMatch found;
  std::string wrong;
  for (const NamedTensor& own : state()) {
    const auto it = given.find(own.name);
    if (it == given.end()) {
      found.missing.push_back(own.name);
      wrong += "\n  missing: " + own.name + " " + own.tensor.shape().str();
      continue;
    }
    const Tensor& from = it->second;
    const bool same_shape = from.shape() == own.tensor.shape();
    if (same_shape && (from.dtype() == DType::i64) == (own.tensor.dtype() == DType::i64)) {
      copies.emplace_back(own.tensor, from);
      found.loaded.push_back(own.name);
    } else {
      found.unfit.push_back(same_shape
                                ? message(own.name, " is ", name_of(own.tensor.dtype()), " here, ", name_of(from.dtype()), " in the source")
                                : message(own.name, " is ", own.tensor.shape(), " here, ", from.shape(), " in the source"));
      wrong += (same_shape ? "\n  dtype: " : "\n  shape: ") + found.unfit.back();
    }
    given.erase(it);
  }
  for (const auto& [name, tensor] : given) {
    found.unexpected.push_back(name);
    wrong += "\n  unexpected: " + name + " " + tensor.shape().str();
  }
  require<DataError>(!strict || wrong.empty(), "the weights do not fit the model:", wrong);
  if (match) *match = std::move(found);
  return copies;
}

namespace {
thread_local RandomScope* innermost = nullptr;
}  // namespace

RandomScope::RandomScope(RandomKey key) : stream_(key), outer_(innermost) { innermost = this; }
RandomScope::~RandomScope() { innermost = outer_; }
RandomKey RandomScope::next() {
  thread_local RandomStream unscoped{RandomKey{}};
  return innermost ? innermost->stream_.next() : unscoped.next();
}

}  // namespace lamina::nn
