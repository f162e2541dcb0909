// --class-weights and --positive-weights: rules and lists, of several heads each one's own.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "lamina/core/names.hpp"
#include "lamina/core/text.hpp"
#include "lamina/train/impl/parts.hpp"

namespace lamina::train {
namespace {

constexpr const char *kClassWeights = "--class-weights", *kPositiveWeights = "--positive-weights";

/// "class weights: background 1.44, wound 22.3". Empty where there are none.
std::string weights_text(const SegmentationTask& task, const char* what, const std::vector<double>& weights) {
  if (weights.empty()) return {};
  std::string text = message(what, " weights:");
  for (const heads::Part& part : task.heads()[0]->parts()) {
    const std::vector<std::string> names = weighed_names(part);
    if (!part.whole) text += (part.output ? "; " : " ") + part.head->name() + ":";
    for (int c = 0; c < part.weighed(); ++c) {
      const std::string number = formatted(" %.4g", weights[static_cast<std::size_t>(part.output + c)]);
      text += (c ? "," : "") + (names.empty() ? "" : " " + names[static_cast<std::size_t>(c)]) + number;
    }
  }
  return text;
}

/// What an option says of each head, "damage=enet,tissue=1,4,2", or under no name of all.
using Said = std::vector<std::pair<std::string, std::string>>;
Said said_in(const std::string& text, const char* option) {
  Said said;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string item = text.substr(begin, end - begin);
    const std::size_t equals = item.find('=');
    if (equals != std::string::npos) {
      const std::string name = item.substr(0, equals);
      require<OptionError>(said.empty() || !said[0].first.empty(), option, ": \"", said.empty() ? "" : said[0].second,
                           "\" names no head; write for example damage=enet,tissue=none");
      require<OptionError>(std::none_of(said.begin(), said.end(), [&](const auto& s) { return s.first == name; }), option, " ", text,
                           " names the head ", name, " twice");
      said.emplace_back(name, item.substr(equals + 1));
    } else if (said.empty()) {
      said.emplace_back("", item);
    } else {
      said.back().second += "," + item;
    }
    begin = end + 1;
  }
  return said;
}
std::string said_of(const Said& said, const heads::Part& part, const char* otherwise) {
  const auto own = std::find_if(said.begin(), said.end(), [&](const auto& s) { return s.first.empty() || s.first == part.head->name(); });
  return own == said.end() ? otherwise : own->second;
}

/// What a weight is not; empty: it is one.
std::string fault_of(double w, std::errc error, bool whole) {
  if (error == std::errc::result_out_of_range || w > 1e30) return "it is too large";
  if (error != std::errc() || !whole) return "it is no number";
  if (std::isnan(w)) return "it is not a number";
  return w < 0 ? "it is negative" : "";
}

/// Is it a list of numbers, right or wrong ones?
bool is_list(const std::string& text) {
  double first = 0;
  const char* const end = text.data() + std::min(text.find(','), text.size());
  return text.find_first_of("+-.0123456789") == 0 || std::from_chars(text.data(), end, first).ptr == end;
}

/// "1,4,2" of the option.
std::vector<double> numbers_in(const std::string& text, const char* option) {
  std::vector<double> weights;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    double w = 0;
    const auto [stop, error] = std::from_chars(text.data() + begin, text.data() + end, w);
    const std::string fault = fault_of(w, error, stop == text.data() + end);
    require<OptionError>(fault.empty(), option, ": \"", text.substr(begin, end - begin),
                         "\" is not a weight, a number from 0 to 1e30: ", fault);
    weights.push_back(w);
    begin = end + 1;
  }
  require<OptionError>(*std::max_element(weights.begin(), weights.end()) > 0, option, " ", text, ": every class weighs nothing");
  return weights;
}

/// The numbers of a list; none of a rule. Throws OptionError.
std::vector<double> listed_weights(const std::string& text) {
  if (is_list(text)) return numbers_in(text, kClassWeights);
  if (text == "auto" || data::is_weight_rule(text)) return {};
  std::vector<std::string_view> known{"auto"};
  known.insert(known.end(), std::begin(data::kWeightRules), std::end(data::kWeightRules));
  throw_unknown_name("--class-weights, which is a rule or a list of numbers such as 1,4,2:", text, known);
}
std::vector<double> listed_positive_weights(const std::string& text) {
  if (is_list(text)) return numbers_in(text, kPositiveWeights);
  constexpr std::string_view kKnown[] = {"none", "balanced"};
  if (std::find(std::begin(kKnown), std::end(kKnown), text) == std::end(kKnown))
    throw_unknown_name("--positive-weights, which are none, balanced or a list of numbers such as 20,5:", text, kKnown);
  return {};
}

/// A number for each, or none.
void require_listed(const std::string& option, const std::vector<double>& weights, const std::vector<heads::Part>& parts, int count,
                    const char* are) {
  if (weights.empty() || std::ssize(weights) == count) return;
  std::string names;
  for (const heads::Part& part : parts) {
    if (!part.whole) names += (names.empty() ? "" : "; ") + part.head->name() + ":";
    const std::vector<std::string> own = weighed_names(part);
    for (const std::string& name : own) names += (names.empty() ? "" : &name == &own[0] ? " " : ", ") + name;
    if (own.empty()) names += message(" 1 for ", counted(part.weighed(), "value"));
  }
  throw OptionError(message(option, " has ", weights.size(), " numbers for ", count, " ", are, ": ", names));
}

/// Of heads that are named, the weights of all, one after the other: those that `of(part, text)` gives, or where it gives none 1. None
/// where it never does.
template <class Of>
std::vector<double> of_named(const heads::Head& head, const Said& said, const char* option, const char* otherwise, Of&& of) {
  const std::vector<heads::Part> parts = head.parts();
  require<OptionError>(!parts[0].whole, option, " ", said[0].first, "=", said[0].second, ": the data set has one head; write ", option, " ",
                       said[0].second);
  std::vector<std::string_view> names;
  for (const heads::Part& part : parts) names.emplace_back(part.head->name());
  for (const auto& [name, text] : said)
    if (std::find(names.begin(), names.end(), name) == names.end()) throw_unknown_name(message("head of ", option).c_str(), name, names);
  std::vector<double> all;
  bool any = false;
  for (const heads::Part& part : parts) {
    std::vector<double> own = of(part, said_of(said, part, otherwise));
    any = any || !own.empty();
    own.resize(static_cast<std::size_t>(part.weighed()), 1);
    all.insert(all.end(), own.begin(), own.end());
  }
  if (!any) all.clear();
  return all;
}

data::WeightRule rule_of(const std::string& text) { return text == "auto" ? data::WeightRule::enet : data::weight_rule_named(text); }

}  // namespace

void check_weights(const TrainConfig& config) {
  for (const auto& [name, text] : said_in(config.class_weights, kClassWeights)) (void)listed_weights(text);
  for (const auto& [name, text] : said_in(config.positive_weights, kPositiveWeights)) (void)listed_positive_weights(text);
}

std::vector<std::string> weighed_names(const heads::Part& part) {
  const std::vector<std::string> events = part.head->events();
  return events.empty() && part.whole ? part.head->outcomes() : events;
}

std::vector<std::string> weights_lines(const SegmentationTask& task) {
  const losses::CriterionOptions& o = task.criterion().options();
  std::vector<std::string> lines{weights_text(task, "class", o.class_weights), weights_text(task, "positive", o.positive_weights)};
  std::erase(lines, "");
  return lines;
}

std::vector<double> class_weights_for(const TrainConfig& config, const data::Dataset& dataset, const heads::Head& head,
                                      const losses::Criterion& criterion) {
  const Said said = said_in(config.class_weights, kClassWeights);
  const auto masks = [&] { return heads::mask_pixels(training_items(config, dataset)); };
  if (!said[0].first.empty())
    return of_named(head, said, kClassWeights, "auto", [&](const heads::Part& part, const std::string& text) -> std::vector<double> {
      const bool takes = part.takes_weights() && criterion.of(part).takes_class_weights();
      if (text == "none" || (text == "auto" && !takes)) return {};
      const std::string& name = part.head->name();
      require<OptionError>(takes, kClassWeights, " ", name, "=", text, ": class weights mean nothing to ",
                           part.takes_weights() ? "a loss term of this head" : "the values of this head", "; use ", name, "=none");
      const std::vector<double> listed = listed_weights(text);
      require_listed(message(kClassWeights, " ", name, "=", text), listed, {part}, part.weighed(), part.head->outputs_are());
      return listed.empty() ? heads::class_weights(part, rule_of(text), heads::output_counts(head, masks())) : listed;
    });
  if (config.class_weights == "none") return {};
  if (config.class_weights == "auto" && !(head.activation() && criterion.takes_class_weights())) return {};
  if (std::vector<double> weights = listed_weights(config.class_weights); !weights.empty()) {
    require_listed(kClassWeights, weights, head.parts(), head.weighed(), head.weighed_are());
    return weights;
  }
  return heads::class_weights(head, rule_of(config.class_weights), masks());
}

std::vector<double> positive_weights_for(const TrainConfig& config, const data::Dataset& dataset, const heads::Head& head) {
  const Said said = said_in(config.positive_weights, kPositiveWeights);
  const auto takes = [](const heads::Part& p) { return p.head->activation() == LossActivation::sigmoid; };
  const auto none_takes = [&](const std::string& text, const char* kind) {
    return message(kPositiveWeights, " ", text, " are of planes and grades, which are each yes or no; the ", kind, " head has none: use ",
                   kClassWeights);
  };
  if (!said[0].first.empty())
    return of_named(head, said, kPositiveWeights, "none", [&](const heads::Part& part, const std::string& text) -> std::vector<double> {
      if (text == "none") return {};
      const std::string named = part.head->name() + "=" + text;
      require<OptionError>(takes(part), none_takes(named, part.head->kind()));
      const std::vector<double> listed = listed_positive_weights(text);
      require_listed(message(kPositiveWeights, " ", named), listed, {part}, part.head->outputs(), part.head->outputs_are());
      if (!listed.empty()) return listed;
      const auto all = heads::balanced_positives(head, training_items(config, dataset));
      return {all.begin() + part.output, all.begin() + part.output + part.head->outputs()};
    });
  if (config.positive_weights == "none") return {};
  const std::vector<heads::Part> parts = head.parts();
  require<OptionError>(std::any_of(parts.begin(), parts.end(), takes), none_takes(config.positive_weights, head.kind()));
  std::vector<double> weights = listed_positive_weights(config.positive_weights);
  require_listed(kPositiveWeights, weights, parts, head.outputs(), head.outputs_are());
  return weights.empty() ? heads::balanced_positives(head, training_items(config, dataset)) : weights;
}

void put_loss(nlohmann::ordered_json& to, const losses::Criterion& criterion) {
  const losses::CriterionOptions& o = criterion.options();
  to["class_weights"] = o.class_weights;
  if (!o.positive_weights.empty()) to["positive_weights"] = o.positive_weights;
  to["absent_classes"] = losses::name_of(o.empty_class);
}

void take_loss(losses::Criterion& criterion, const nlohmann::json& of_data, EmptyClass otherwise) {
  criterion.set_class_weights(of_data.value("class_weights", std::vector<double>{}));
  criterion.set_positive_weights(of_data.value("positive_weights", std::vector<double>{}));
  criterion.set_empty_class(losses::empty_class_named(of_data.value("absent_classes", losses::name_of(otherwise))));
}

std::vector<std::string> told_of_weightless(const TrainConfig& config, const heads::Head& head, const std::vector<double>& weights,
                                            const std::vector<std::int64_t>& pixels) {
  std::string listed, by_rule;  // names of classes without pixels
  for (const heads::Part& part : head.parts()) {
    const std::string said = said_of(said_in(config.class_weights, kClassWeights), part, "auto");
    std::string& names = is_list(said) ? listed : by_rule;
    double weight = 0;
    for (int c = 0; c < part.weighed() && part.takes_weights() && said != "none"; ++c) {
      const auto k = static_cast<std::size_t>(part.output + c);
      weight += weights[k] * static_cast<double>(pixels[k]);
      if (pixels[k] == 0)
        names += (names.empty() ? "'" : ", '") + (part.whole ? "" : part.head->name() + " ") +
                 weighed_names(part)[static_cast<std::size_t>(c)] + "'";
    }
    require<OptionError>(weight > 0 || part.head->activation() == LossActivation::sigmoid || !part.takes_weights() || said == "none",
                         kClassWeights, " ", config.class_weights, ": no training pixel", part.whole ? "" : " of " + part.head->name(),
                         " is of a class that weighs anything: nothing would be learnt");
  }
  std::vector<std::string> told;
  for (const auto& [names, meaning] : {std::pair(listed, "what they weigh means nothing to cross-entropy"),
                                       {by_rule, "the weight is 0, and the loss says nothing of it; --class-weights none does"}})
    if (!names.empty()) told.push_back("class weights: no training pixel is " + names + ": " + meaning);
  return told;
}

}  // namespace lamina::train
