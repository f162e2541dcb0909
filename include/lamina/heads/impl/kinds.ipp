// The kinds of heads, which a new one joins here.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <deque>
#include <list>
#include <mutex>

#include "lamina/heads/coral.hpp"
#include "lamina/heads/corn.hpp"
#include "lamina/heads/multiclass.hpp"
#include "lamina/heads/multilabel.hpp"
#include "lamina/heads/regression.hpp"
#include "lamina/heads/several.hpp"

namespace lamina::heads {
namespace {

template <class H>
std::shared_ptr<const Head> make(const data::LabelSchema& schema, const std::string& name) {
  return std::make_shared<H>(schema, name);
}

/// The kinds of the process. Nothing is ever taken away: what was given out stays good.
struct Kinds {
  std::mutex mutex;
  std::deque<HeadKind> all;
  std::list<std::vector<Choice>> choices;  // after each addition

  Kinds() {
    add({"multiclass", "one class a pixel", data::Task::multiclass, make<Multiclass>});
    add({"multilabel", "planes that may overlap, each yes or no", data::Task::multilabel, make<Multilabel>});
    add({"ordinal", "grades: for each but the lowest, this bad or worse?", data::Task::ordinal, make<Ordinal>});
    add({"corn", "grades: for each, worse, given that it is this bad?", data::Task::ordinal, make<Corn>});
    add({"coral", "grades: as ordinal, with one row of weights and a bias a grade", data::Task::ordinal, make<Coral>});
    add({"regression", "grades: the number itself; regression:0.5/1.5/2.5 with other thresholds", data::Task::ordinal, make<Regression>});
  }
  void add(HeadKind kind) {
    require_new_name("a head", kind.name, all);
    require<OptionError>(kind.make && kind.task != data::Task::several, "the head ", kind.name,
                         " needs a function `make`, and labels of one task: several heads are each of a kind");
    all.push_back(std::move(kind));
    choices.emplace_back();
    for (const HeadKind& k : all) choices.back().push_back({k.name.c_str(), k.help.c_str()});
  }
};
Kinds& kinds() {
  static Kinds& all = *new Kinds;  // never destroyed: static objects may look kinds up
  return all;
}

/// The kind called so; where that is empty the task's first, which its labels get unless something else is asked for.
const HeadKind& kind_named(const std::string& name, data::Task task) {
  const std::lock_guard lock(kinds().mutex);
  std::vector<std::string_view> names;
  for (const HeadKind& k : kinds().all) {
    if (name.empty() ? k.task == task : k.name == name) return k;
    names.emplace_back(k.name);
  }
  throw_unknown_name("head", name, names);
}

/// "0.4/1.5/2.6" of every plane, colons between, from there on.
std::vector<std::vector<float>> parse_thresholds(const std::string& kind, std::size_t begin) {
  std::vector<std::vector<float>> all(1);
  while (begin <= kind.size()) {
    const std::size_t end = std::min(kind.find_first_of("/:", begin), kind.size());
    float v = 0;
    const auto [stop, error] = std::from_chars(kind.data() + begin, kind.data() + end, v);
    require<OptionError>(error == std::errc() && stop == kind.data() + end && std::isfinite(v), "head ", kind, ": \"",
                         kind.substr(begin, end - begin), "\" is no threshold; write for example regression:0.5/1.5/2.5");
    all.back().push_back(v);
    if (end < kind.size() && kind[end] == ':') all.emplace_back();
    begin = end + 1;
  }
  return all;
}

}  // namespace

void register_head(HeadKind kind) {
  const std::lock_guard lock(kinds().mutex);
  kinds().add(std::move(kind));
}

std::string without_thresholds(std::string kind) {
  for (std::size_t at; (at = kind.find(':')) != std::string::npos;) kind.erase(at, std::min(kind.find(',', at), kind.size()) - at);
  return kind;
}

std::shared_ptr<const Head> make_head(const data::LabelSchema& schema, const std::string& kind_of, const std::string& name) {
  if (schema.task == data::Task::several) return std::make_shared<Several>(schema, kind_of, name);
  require<DataError>(!schema.names.empty(), "head ", name, ": the label schema names no label");
  const HeadKind& k = kind_named(without_thresholds(kind_of), schema.task);
  require<OptionError>(k.task == schema.task, "head ", k.name, " learns ", data::name_of(k.task), " labels, and these are ",
                       data::name_of(schema.task), "; \"task\" in dataset.json says what they are");
  std::shared_ptr<const Head> head = k.make(schema, name);
  require<OptionError>(head && head->kind() == k.name && head->name() == name, "the head registered as ", k.name, " was made ",
                       head ? message("as kind() ", head->kind(), ", name() ", head->name()) : "null",
                       "; HeadKind::make must give one of kind() ", k.name, " and name() ", name, ", by which files are loaded");
  const std::size_t colon = kind_of.find(':');
  return colon == std::string::npos ? head : head->with_thresholds(parse_thresholds(kind_of, colon + 1));
}

void require_loadable(const Head& head) {
  try {
    const auto again = make_head(head.schema(), head.kind(), head.name());
    require<OptionError>(again->outputs() == head.outputs() && std::string_view(again->kind()) == head.kind(), "it is made again with ",
                         again->outputs(), " outputs, not ", head.outputs());
  } catch (const OptionError& e) {
    throw OptionError(message("a file of the head ", head.kind(), " could not be loaded: ", e.what(),
                              "; heads::register_head makes a kind known, in every program that loads it"));
  }
}

std::span<const Choice> head_choices() {
  const std::lock_guard lock(kinds().mutex);
  return kinds().choices.back();
}

}  // namespace lamina::heads
