// The kinds of loss terms of the process, and what each must return.
#include <mutex>

#include "lamina/autograd/node.hpp"
#include "lamina/losses/impl/terms.hpp"
#include "lamina/ops/reshape.hpp"

namespace lamina::losses {
namespace {

/// The one thing here that outlives a call.
struct Table {
  std::mutex mutex;
  std::vector<TermType> types;
  Table() {
    const auto add = [&](std::vector<TermType> more) { types.insert(types.end(), more.begin(), more.end()); };
#define LAMINA_LOSS_TERM(name) add(name());
    LAMINA_LOSS_TERMS(LAMINA_LOSS_TERM)
#undef LAMINA_LOSS_TERM
  }
};
Table& table() {
  static Table t;
  return t;
}

}  // namespace

std::vector<TermType> term_types() {
  const std::lock_guard lock(table().mutex);
  return table().types;
}

void register_term(TermType type) {
  const std::lock_guard lock(table().mutex);
  require_new_name("a loss term", type.name, table().types);
  const std::string what = "the loss term " + type.name;
  if (type.scalar.empty()) type.scalar = type.name;
  std::vector<std::string_view> scalars{"loss"};  // the sum's
  for (const TermType& t : table().types) scalars.emplace_back(t.scalar);
  require_new_name(what + ": its scalar", type.scalar, scalars);
  for (std::size_t i = 0; i < type.arguments.size(); ++i) {
    const auto& [name, value, least, most] = type.arguments[i];
    require_new_name(what + ": an argument", name, std::span(type.arguments).first(i));
    require<OptionError>(value >= least && value <= most, what, ": ", name, " = ", value, ", where it is not given, is outside [", least,
                         ", ", most, "]");
  }
  require<OptionError>(type.kind != TermKind::own || type.own, what, " is of the kind own and has no function `own`");
  require<OptionError>(type.kind != TermKind::region || type.region, what, " is of the kind region and has no function `region`");
  table().types.push_back(std::move(type));
}

Tensor value_of(const TermType& type, const TermInput& in, std::span<const double> arguments) {
  const Tensor value = type.own(in, arguments), &logits = in.logits;
  const std::string what = "the loss term " + type.name;
  require(value && value.numel() == 1, what, " returned ", value ? message("a tensor of shape ", value.shape()) : "an undefined tensor",
          "; a term is one number: mean(...) or sum(...) of what it finds in the pixels");
  require<DeviceError>(value.device() == logits.device() && (value.dtype() == logits.dtype() || value.dtype() == precise(logits.dtype())),
                       what, " is ", name_of(value.dtype()), " on ", value.device(), "; it must be as the logits, ",
                       name_of(logits.dtype()), " on ", logits.device());
  require<GraphError>(
      !autograd::grad_enabled() || !logits.requires_grad() || autograd::leads_to(value, logits), what,
      ": no gradient leads from its value to the logits, so the network would learn nothing of it; compute it from "
      "TermInput::logits by ops, not from what item(), data(), detach() or NoGrad cut off, and where a batch has nothing to "
      "learn from return scale(sum(logits), 0)");
  return value.rank() == 0 ? value : reshape(value, {});
}

}  // namespace lamina::losses
