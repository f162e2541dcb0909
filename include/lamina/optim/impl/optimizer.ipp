#include "lamina/optim/optimizer.hpp"

#include <cmath>
#include <map>

#include "lamina/core/dispatch.hpp"
#include "lamina/kernels/optimizer.hpp"

namespace lamina::optim {
namespace {

void require_range(bool ok, const char* option, double value, const char* range) {
  require<OptionError>(ok, "optimiser option ", option, " = ", value, " is outside ", range);
}

}  // namespace

Optimizer::Optimizer(std::vector<nn::NamedTensor> parameters, std::vector<std::string> moments, double lr, const GradientOptions& gradient)
    : parameters_(std::move(parameters)), steps_(Tensor::zeros({}, {DType::i64, kCpu})), gradient_(gradient), lr_(lr) {
  require<OptionError>(!parameters_.empty(), "an optimiser needs at least one parameter");
  set_lr(lr);
  std::map<const void*, const std::string*> names;
  for (const nn::NamedTensor& p : parameters_) {
    const auto [first, fresh] = names.emplace(p.tensor.impl().get(), &p.name);
    require<OptionError>(fresh, "an optimiser has the parameter ", *first->second, " twice, also as ", p.name, "; give it once");
  }
  require_range(gradient.clip_norm >= 0, "clip_norm", gradient.clip_norm, "[0, inf)");
  require_range(gradient.clip_value >= 0, "clip_value", gradient.clip_value, "[0, inf)");
  require_range(gradient.weight_decay >= 0, "weight_decay", gradient.weight_decay, "[0, inf)");
  for (const std::string& moment : moments)
    for (const nn::NamedTensor& p : parameters_)
      moments_.push_back({moment + "." + p.name, Tensor::zeros(p.tensor.shape(), precise_like(p.tensor))});
  masters_.resize(parameters_.size());
  seen_.assign(parameters_.size(), 0);
  group_of_.assign(parameters_.size(), 0);
  follow_parameters();
}

void Optimizer::set_lr(double lr) {
  require_range(std::isfinite(lr) && lr >= 0, "lr", lr, "[0, inf)");
  lr_ = lr;
}

void Optimizer::set_groups(std::vector<ParameterGroup> groups) {
  std::vector<std::size_t> group_of(parameters_.size(), 0);
  std::vector<std::size_t> length(parameters_.size(), 0);  // of the prefix that fits best, and 1
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const ParameterGroup& group = groups[g];
    require_range(std::isfinite(group.lr_factor) && group.lr_factor >= 0, "lr_factor", group.lr_factor, "[0, inf)");
    require_range(group.weight_decay.value_or(0) >= 0, "weight_decay", group.weight_decay.value_or(0), "[0, inf)");
    bool found = false;
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
      if (!parameters_[i].name.starts_with(group.prefix)) continue;
      found = true;
      if (group.prefix.size() + 1 > length[i]) length[i] = group.prefix.size() + 1, group_of[i] = g + 1;
    }
    require<OptionError>(found, "parameter group \"", group.prefix, "\": no parameter's name begins so; the first is ",
                         parameters_[0].name);
  }
  groups.insert(groups.begin(), ParameterGroup{});
  groups_ = std::move(groups);
  group_of_ = std::move(group_of);
}

void Optimizer::follow_parameters() {
  const std::size_t n = parameters_.size();
  const TensorOptions first = precise_like(parameters_[0].tensor);
  for (std::size_t i = 0; i < n; ++i) {
    const auto& [name, p] = parameters_[i];
    const TensorOptions own = precise_like(p);
    require(p.contiguous() && own.dtype == first.dtype && own.device == first.device, "optimiser: parameter ", name,
            " is a slice, or differs from the first in dtype or device");
    Tensor& master = masters_[i];
    const std::uint64_t version = p.storage().version();
    if (p.dtype() == own.dtype)
      master = {};
    else if (!master || (master.device() == own.device && version != seen_[i]))  // others wrote the parameter: loaded weights, say
      master = p.to(own.dtype);
    else
      master.move_to(own);
    seen_[i] = version;
    for (std::size_t k = i; k < moments_.size(); k += n) moments_[k].tensor.move_to(own);
  }
}

void Optimizer::zero_grad() {
  for (nn::NamedTensor& p : parameters_) p.tensor.zero_grad();
}

std::vector<nn::NamedTensor> Optimizer::state() const {
  std::vector<nn::NamedTensor> all = moments_;
  for (std::size_t i = 0; i < parameters_.size(); ++i)
    if (masters_[i]) all.push_back({"master." + parameters_[i].name, masters_[i]});
  all.push_back({"step", steps_});
  return all;
}

void Optimizer::load_state(const std::vector<nn::NamedTensor>& source) {
  follow_parameters();
  std::map<std::string, Tensor> given;
  for (const nn::NamedTensor& s : source) given[s.name] = s.tensor;
  const auto own = state();
  for (const nn::NamedTensor& s : own) {
    const auto it = given.find(s.name);
    require<DataError>(it != given.end(), "the optimiser state lacks ", s.name);
    require<DataError>(it->second.shape() == s.tensor.shape(), "the optimiser state ", s.name, " has shape ", it->second.shape(),
                       ", expected ", s.tensor.shape());
  }
  for (const nn::NamedTensor& s : own) s.tensor.copy_from(given[s.name]);
}

template <class Update>
void Optimizer::apply(Update&& update) {
  follow_parameters();
  std::int64_t& step = *steps_.data<std::int64_t>();
  ++step;
  dispatch(masters_[0] ? masters_[0] : parameters_[0].tensor, [&]<class Stored>(auto& device) {
    using T = Precise<Stored>;
    std::vector<UpdateTensor<T>> all;
    std::vector<std::vector<UpdateTensor<T>>> lists(groups_.size());
    std::vector<Tensor> packed;  // keeps packed copies of sliced gradients alive
    const std::size_t n = parameters_.size();
    for (std::size_t i = 0; i < n; ++i) {
      const Tensor& p = parameters_[i].tensor;
      if (!p.grad() || groups_[group_of_[i]].frozen) continue;
      packed.push_back(p.grad().packed().to(dtype_of<T>));
      auto moment = [&](std::size_t k) { return k * n + i < moments_.size() ? moments_[k * n + i].tensor.template data<T>() : nullptr; };
      p.mark_written();
      if (masters_[i]) masters_[i].mark_written();
      seen_[i] = p.storage().version();
      all.push_back({(masters_[i] ? masters_[i] : p).template data<T>(), packed.back().template data<const T>(), moment(0), moment(1),
                     p.numel(), !gradient_.decay_kernels_only || p.rank() >= 2, masters_[i] ? p.data<BFloat16>() : nullptr});
      lists[group_of_[i]].push_back(all.back());
    }
    GradientRule rule{1, gradient_.clip_value, gradient_.weight_decay, gradient_.decoupled_decay};
    if (gradient_.clip_norm > 0) {
      double squares = 0;
      kernels::gradient_square_sum<T>(device, all.data(), static_cast<std::int64_t>(all.size()), &squares);
      gradient_norm_ = std::sqrt(squares);
      if (!std::isfinite(gradient_norm_)) return void(--step);
      if (gradient_norm_ > gradient_.clip_norm) rule.scale = gradient_.clip_norm / (gradient_norm_ + 1e-6);  // PyTorch's epsilon
    }
    for (std::size_t g = 0; g < groups_.size(); ++g) {
      if (lists[g].empty()) continue;
      rule.weight_decay = groups_[g].weight_decay.value_or(gradient_.weight_decay);
      update.template operator()<T>(device, lists[g].data(), static_cast<std::int64_t>(lists[g].size()), rule, lr_ * groups_[g].lr_factor,
                                    step);
    }
  });
}

Adam::Adam(std::vector<nn::NamedTensor> parameters, const AdamOptions& options)
    : Optimizer(std::move(parameters), {"m", "v"}, options.lr, options.gradient), options_(options) {
  require_range(options.beta1 >= 0 && options.beta1 < 1, "beta1", options.beta1, "[0, 1)");
  require_range(options.beta2 >= 0 && options.beta2 < 1, "beta2", options.beta2, "[0, 1)");
  require_range(options.epsilon > 0, "epsilon", options.epsilon, "(0, inf)");
}

void Adam::step() {
  apply(
      [&]<class T>(auto& device, const UpdateTensor<T>* list, std::int64_t count, const GradientRule& rule, double lr, std::int64_t step) {
        kernels::adam_update<T>(
            device, list, count,
            AdamUpdate{rule, lr, options_.beta1, options_.beta2, options_.epsilon, step, options_.epsilon_inside_correction});
      });
}

Sgd::Sgd(std::vector<nn::NamedTensor> parameters, const SgdOptions& options)
    : Optimizer(std::move(parameters), options.momentum != 0 ? std::vector<std::string>{"momentum"} : std::vector<std::string>{},
                options.lr, options.gradient),
      options_(options) {
  require_range(options.momentum >= 0 && options.momentum < 1, "momentum", options.momentum, "[0, 1)");
  require<OptionError>(!options.nesterov || options.momentum > 0, "nesterov needs a momentum above 0");
}

void Sgd::step() {
  apply(
      [&]<class T>(auto& device, const UpdateTensor<T>* list, std::int64_t count, const GradientRule& rule, double lr, std::int64_t step) {
        kernels::sgd_update<T>(device, list, count, SgdUpdate{rule, lr, options_.momentum, options_.nesterov, step == 1});
      });
}

}  // namespace lamina::optim
