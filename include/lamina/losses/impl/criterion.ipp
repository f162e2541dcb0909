#include "lamina/losses/criterion.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <mutex>

#include "lamina/core/names.hpp"
#include "lamina/losses/impl/terms.hpp"
#include "lamina/ops/arithmetic.hpp"

namespace lamina::losses {
namespace {

/// The process's table; the one thing here that outlives a call.
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

double number(const std::string& text, const std::string& where) {
  double v = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), v);
  require<OptionError>(error == std::errc() && end == text.data() + text.size() && std::isfinite(v), "loss: \"", text,
                       "\" is not a number in \"", where, "\"; write for example 0.5*ce+dice");
  return v;
}

/// The parts of `text` between separators.
std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(separator, begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

}  // namespace

std::vector<TermType> term_types() {
  const std::lock_guard lock(table().mutex);
  return table().types;
}

void register_term(TermType type) {
  const std::lock_guard lock(table().mutex);
  for (const TermType& t : table().types) require<OptionError>(t.name != type.name, "there is a loss term called ", t.name, " already");
  table().types.push_back(std::move(type));
}

Criterion::Term Criterion::parse(const std::string& text) const {
  const std::size_t star = text.find('*');
  const std::vector<std::string> words = split(star == std::string::npos ? text : text.substr(star + 1), ':');
  const double factor = star == std::string::npos ? 1 : number(text.substr(0, star), text);
  require<OptionError>(factor >= 0, "loss: the factor of \"", text, "\" is negative");
  const std::vector<TermType> types = term_types();
  const auto type = std::find_if(types.begin(), types.end(), [&](const TermType& t) { return t.name == words[0]; });
  if (type == types.end()) {
    std::vector<std::string_view> names;
    for (const TermType& t : types) names.emplace_back(t.name);
    throw_unknown_name("loss term", words[0], names);
  }
  Term term{*type, type->scalar, {}, factor};
  std::vector<std::string_view> names;
  for (const TermArgument& a : type->arguments) {
    term.arguments.push_back(a.value);
    names.emplace_back(a.name);
  }
  for (std::size_t i = 1; i < words.size(); ++i) {
    const std::size_t equals = std::min(words[i].find('='), words[i].size());
    const std::string name = words[i].substr(0, equals);
    const auto at = std::find(names.begin(), names.end(), name) - names.begin();
    require<OptionError>(!names.empty(), "the loss term ", type->name, " has no arguments; it was given \"", words[i], "\"");
    if (at == std::ssize(names)) throw_unknown_name(message("argument of the loss term ", type->name).c_str(), name, names);
    const TermArgument& argument = type->arguments[static_cast<std::size_t>(at)];
    const double v = number(words[i].substr(std::min(equals + 1, words[i].size())), text);
    require<OptionError>(v >= argument.least && v <= argument.most, "loss: \"", words[i], "\" is outside [", argument.least, ", ",
                         argument.most, "]");
    term.arguments[static_cast<std::size_t>(at)] = v;
    term.scalar += ":" + words[i];
  }
  return term;
}

Criterion::Criterion(const std::string& expression, CriterionOptions options) : options_(std::move(options)) {
  double most = 0;
  int regions = 0;
  for (const std::string& text : split(expression, '+')) {
    Term term = parse(text);
    most = std::max(most, term.factor);
    const auto same = std::find_if(terms_.begin(), terms_.end(), [&](const Term& t) { return t.scalar == term.scalar; });
    if (same != terms_.end()) {
      same->factor += term.factor;
      continue;
    }
    regions += term.type.kind == TermKind::region;
    terms_.push_back(std::move(term));
  }
  for (Term& t : terms_)  // arguments tell terms of one kind apart
    if (std::count_if(terms_.begin(), terms_.end(), [&](const Term& other) { return other.type.name == t.type.name; }) == 1)
      t.scalar = t.type.scalar;
  require<OptionError>(most > 0, "loss \"", expression, "\" has no term with a positive factor");
  require<OptionError>(regions <= kMostRegionTerms, "loss \"", expression, "\" has ", regions, " terms of regions; the most is ",
                       kMostRegionTerms);
}

void Criterion::require_fits(const heads::Head& head) const {
  for (const Term& t : terms_) {
    require<OptionError>(t.type.kind == TermKind::own || head.activation(), "the loss term ", t.type.name,
                         " needs probabilities, and the scores of a ", head.kind(), " head are values: use --loss mae or mse");
    require<OptionError>(options_.class_weights.empty() || std::ssize(options_.class_weights) == head.outputs(),
                         "class weights: ", options_.class_weights.size(), " numbers for ", head.outputs(), " ", head.outputs_are());
  }
}

Tensor Criterion::operator()(const heads::Head& head, const Tensor& logits, const Tensor& labels, Scalars* values) const {
  SegmentationLossOptions fused{.activation = head.activation().value_or(LossActivation::softmax),
                                .ce_weight = 0,
                                .regions = {},
                                .class_weights = options_.class_weights,
                                .ignore_label = data::kIgnoreLabel,
                                .ce_normalization = options_.ce_normalization,
                                .region_reduction = options_.region_reduction,
                                .empty_class = options_.empty_class};
  bool one_pass = false, others = false;
  for (const Term& t : terms_) {
    if (t.type.kind == TermKind::pixel) fused.ce_weight += t.factor;
    if (t.type.kind == TermKind::region) {
      fused.regions.push_back(t.type.region(t.arguments));
      fused.regions.back().weight = t.factor;
    }
    (t.type.kind == TermKind::own ? others : one_pass) = true;
  }
  const std::int64_t height = labels.size(1), width = labels.size(2);
  const bool smaller = logits.size(1) != height || logits.size(2) != width;
  if (smaller) fused.upsample = options_.upsample;
  Tensor loss;
  SegmentationLossParts parts;
  if (one_pass) loss = segmentation_loss(logits, head.targets(labels).to(logits.device()), fused, &parts);
  const Tensor full = others && smaller ? resize_bilinear(logits, height, width, options_.upsample) : logits;
  Scalars out{{"loss", 0}};
  std::size_t region = 0;
  for (const Term& t : terms_) {
    if (t.type.kind == TermKind::pixel) out[t.scalar] = parts.ce;
    if (t.type.kind == TermKind::region) out[t.scalar] = parts.regions[region++];
    if (t.type.kind != TermKind::own) continue;
    const Tensor value = t.type.own({head, full, labels, options_.class_weights}, t.arguments);
    out[t.scalar] = value.item();
    const Tensor scaled = t.factor == 1 ? value : scale(value, t.factor);
    loss = loss ? add(loss, scaled) : scaled;
  }
  if (values) {
    out["loss"] = loss.item();
    *values = std::move(out);
  }
  return loss;
}

}  // namespace lamina::losses
