// The kinds of heads, which a new one joins here.
#include "lamina/heads/coral.hpp"
#include "lamina/heads/corn.hpp"
#include "lamina/heads/multiclass.hpp"
#include "lamina/heads/multilabel.hpp"
#include "lamina/heads/regression.hpp"
#include "lamina/heads/several.hpp"

namespace lamina::heads {
namespace {

/// A kind of head, and the labels that it can learn.
struct Kind {
  const char *name, *help;
  data::Task task;
  std::shared_ptr<const Head> (*make)(const data::LabelSchema&, const std::string&);
};
template <class H>
std::shared_ptr<const Head> make(const data::LabelSchema& schema, const std::string& name) {
  return std::make_shared<H>(schema, name);
}
/// The first one of a task is what its labels get unless something else is asked for.
constexpr Kind kKinds[] = {
    {"multiclass", "one class a pixel", data::Task::multiclass, make<Multiclass>},
    {"multilabel", "planes that may overlap, each yes or no", data::Task::multilabel, make<Multilabel>},
    {"ordinal", "grades: for each but the lowest, this bad or worse?", data::Task::ordinal, make<Ordinal>},
    {"corn", "grades: for each, worse, given that it is this bad?", data::Task::ordinal, make<Corn>},
    {"coral", "grades: as ordinal, with one row of weights and a bias a grade", data::Task::ordinal, make<Coral>},
    {"regression", "grades: the number itself; regression:0.5/1.5/2.5 with other thresholds", data::Task::ordinal, make<Regression>}};

}  // namespace

std::string without_thresholds(std::string kind) {
  for (std::size_t at; (at = kind.find(':')) != std::string::npos;) kind.erase(at, std::min(kind.find(',', at), kind.size()) - at);
  return kind;
}

std::shared_ptr<const Head> make_head(const data::LabelSchema& schema, const std::string& kind_of, const std::string& name) {
  if (schema.task == data::Task::several) return std::make_shared<Several>(schema, kind_of, name);
  require<DataError>(!schema.names.empty(), "head ", name, ": the label schema names no label");
  const std::string kind = without_thresholds(kind_of);
  std::vector<std::string_view> names;
  for (const Kind& k : kKinds) {
    names.emplace_back(k.name);
    if (kind.empty() ? k.task != schema.task : kind != k.name) continue;
    require<OptionError>(k.task == schema.task, "head ", k.name, " learns ", data::name_of(k.task), " labels, and these are ",
                         data::name_of(schema.task), "; \"task\" in dataset.json says what they are");
    if (kind == kind_of) return k.make(schema, name);
    require<OptionError>(kind == "regression", "head ", kind_of, ": thresholds are of a regression head");
    return std::make_shared<Regression>(schema, name, kind_of.substr(kind.size() + 1));
  }
  throw_unknown_name("head", kind, names);
}

std::span<const Choice> head_choices() {
  static const std::vector<Choice> all = [] {
    std::vector<Choice> choices;
    for (const Kind& k : kKinds) choices.push_back({k.name, k.help});
    return choices;
  }();
  return all;
}

}  // namespace lamina::heads
