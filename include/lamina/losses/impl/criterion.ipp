#include "lamina/losses/criterion.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <tuple>

#include "lamina/core/names.hpp"
#include "lamina/losses/impl/terms.hpp"
#include "lamina/ops/arithmetic.hpp"

namespace lamina::losses {
namespace {

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

constexpr Named<EmptyClass> kPolicies[] = {
    {EmptyClass::penalize, "penalize"}, {EmptyClass::skip, "skip"}, {EmptyClass::one, "one"}, {EmptyClass::zero, "zero"}};

}  // namespace

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
    const std::size_t digits = std::min(words[0].find_first_not_of("0123456789."), words[0].size());
    const std::string name = words[0].substr(digits);
    require<OptionError>(digits == 0 || std::find(names.begin(), names.end(), name) == names.end(), "loss: \"", text,
                         "\" has no * between its factor and its term; write ", words[0].substr(0, digits), "*", text.substr(digits));
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

EmptyClass empty_class_named(const std::string& name) { return parse_name("policy for absent classes", name, kPolicies); }
const char* name_of(EmptyClass policy) { return name_in(kPolicies, policy); }

Criterion::Criterion(const std::string& expression, CriterionOptions options) : options_(std::move(options)) {
  parse_all(expression);
  expression_ = expression;
  set_empty_class(options_.empty_class);
  set_positive_weights(std::move(options_.positive_weights));
}

void Criterion::set_empty_class(EmptyClass policy) {
  require<OptionError>(policy == EmptyClass::penalize || has_ratios(), "--absent-classes ", name_of(policy),
                       " means nothing to the loss \"", expression_,
                       "\", no term of which is a ratio of regions; add one (+dice), or use --absent-classes penalize");
  options_.empty_class = policy;
}

void Criterion::parse_all(const std::string& expression) {
  // "HEAD=...": the arguments of a term follow a colon.
  if (const std::size_t equals = expression.find('='); equals < expression.find_first_of(":+*")) {
    for (const std::string& one : split(expression, ',')) {
      const std::size_t at = one.find('=');
      require<OptionError>(at < one.find_first_of(":+*"), "loss: \"", one, "\" names no head; write for example tissue=ce+dice,damage=ce");
      CriterionOptions own = options_;
      own.empty_class = EmptyClass::penalize;  // of(): what all have; some head may have no ratio
      own.positive_weights.clear();            // nor cross-entropy
      of_heads_.emplace_back(one.substr(at + 1), std::move(own));
      of_heads_.back().head_ = one.substr(0, at);
    }
    return;
  }
  double most = 0;
  for (const std::string& text : split(expression, '+')) {
    Term term = parse(text);
    most = std::max(most, term.factor);
    const auto same = std::find_if(terms_.begin(), terms_.end(), [&](const Term& t) { return t.scalar == term.scalar; });
    if (same == terms_.end())
      terms_.push_back(std::move(term));
    else
      same->factor += term.factor;
  }
  for (Term& t : terms_)  // arguments tell terms of one kind apart
    if (std::count_if(terms_.begin(), terms_.end(), [&](const Term& other) { return other.type.name == t.type.name; }) == 1)
      t.scalar = t.type.scalar;
  require<OptionError>(most > 0, "loss \"", expression, "\" has no term with a positive factor");
  set_class_weights(std::move(options_.class_weights));
}

bool Criterion::has_ratios() const {
  return std::any_of(terms_.begin(), terms_.end(), [](const Term& t) { return t.type.kind == TermKind::region; }) ||
         std::any_of(of_heads_.begin(), of_heads_.end(), [](const Criterion& c) { return c.has_ratios(); });
}

bool Criterion::takes_class_weights() const {
  return of_heads_.empty() ? std::all_of(terms_.begin(), terms_.end(), [](const Term& t) { return t.type.weighted; })
                           : std::any_of(of_heads_.begin(), of_heads_.end(), [](const Criterion& c) { return c.takes_class_weights(); });
}

void Criterion::set_class_weights(std::vector<double> weights) {
  require<OptionError>(weights.empty() || of_heads_.empty() || takes_class_weights(),
                       "class weights mean nothing to the loss of any head; use --class-weights none");
  for (const Term& t : terms_)
    require<OptionError>(weights.empty() || t.type.weighted, "class weights mean nothing to the loss term ", t.type.name,
                         "; use --class-weights none");
  options_.class_weights = std::move(weights);
}

bool Criterion::takes_positive_weights() const {
  return std::any_of(terms_.begin(), terms_.end(), [](const Term& t) { return t.type.kind == TermKind::pixel || t.type.balanced; }) ||
         std::any_of(of_heads_.begin(), of_heads_.end(), [](const Criterion& c) { return c.takes_positive_weights(); });
}

void Criterion::set_positive_weights(std::vector<double> weights) {
  require<OptionError>(weights.empty() || takes_positive_weights(), "positive weights mean nothing to the loss \"", expression_,
                       "\", no term of which is a cross-entropy; add one (+ce), or use --positive-weights none");
  options_.positive_weights = std::move(weights);
}

Criterion Criterion::of(const heads::Part& part) const {
  const auto own = std::find_if(of_heads_.begin(), of_heads_.end(), [&](const Criterion& c) { return c.head_ == part.head->name(); });
  require<OptionError>(of_heads_.empty() || own != of_heads_.end(), "loss: there is no term for the head ", part.head->name(), "; write ",
                       part.head->name(), "=ce+dice, or terms without names for all heads");
  Criterion one = of_heads_.empty() ? *this : *own;
  one.options_ = options_;
  const auto keep_own = [&](std::vector<double>& weights, bool mean_something) {
    if (!mean_something) return weights.clear();
    if (!part.whole && !weights.empty()) weights = {weights.begin() + part.output, weights.begin() + part.output + part.head->outputs()};
  };
  keep_own(one.options_.class_weights, part.whole || (part.takes_weights() && one.takes_class_weights()));
  keep_own(one.options_.positive_weights, part.head->activation() == LossActivation::sigmoid);
  return one;
}

void Criterion::require_fits(const heads::Head& whole) const {
  for (const auto& [what, weights, count, are] : {std::tuple("class", &options_.class_weights, whole.weighed(), whole.weighed_are()),
                                                  {"positive", &options_.positive_weights, whole.outputs(), whole.outputs_are()}})
    require<OptionError>(weights->empty() || std::ssize(*weights) == count, what, " weights: ", weights->size(), " numbers for ", count,
                         " ", are);
  std::vector<std::string_view> names;
  for (const heads::Part& part : whole.parts()) names.emplace_back(part.head->name());
  for (const Criterion& c : of_heads_)
    if (std::find(names.begin(), names.end(), c.head_) == names.end()) throw_unknown_name("head of the loss", c.head_, names);
  for (const heads::Part& part : whole.parts()) {
    of(part).require_terms_fit(*part.head);
    if (options_.positive_weights.empty() || part.head->activation() == LossActivation::sigmoid) continue;
    const auto first = options_.positive_weights.begin() + part.output;
    require<OptionError>(std::all_of(first, first + part.head->outputs(), [](double w) { return w == 1; }),
                         "positive weights are of planes and grades, which are each yes or no; those of the ", part.head->kind(),
                         " head must be 1");
  }
}

void Criterion::require_terms_fit(const heads::Head& head) const {
  for (const Term& t : terms_) {
    require<OptionError>(t.type.kind == TermKind::own || head.activation(), "the loss term ", t.type.name,
                         " needs probabilities, and the scores of the ", head.kind(), " head are values: use --loss mae, mse or smooth_l1");
    require<OptionError>(!t.type.of_values || !head.activation(), "the loss term ", t.type.name,
                         " is between numbers, and the scores of the ", head.kind(),
                         " head are of probabilities: use --loss ce+dice, or --head regression for grades");
    require<OptionError>(
        !t.type.needs || t.type.needs == head.activation(), "the loss term ", t.type.name, " is defined for ",
        t.type.needs == LossActivation::sigmoid ? "outputs that are each yes or no (planes, grades)" : "classes of which a pixel has one",
        ", not for the ", head.kind(), " head");
  }
}

std::vector<double> Criterion::divisors(const heads::Head& head, const Tensor& labels, const Tensor& pixel_weights) const {
  std::vector<double> all;
  for (const heads::Part& part : head.parts()) all.push_back(of(part).divisor(*part.head, part.labels(labels), pixel_weights));
  return all;
}

double Criterion::divisor(const heads::Head& head, const Tensor& labels, const Tensor& pixel_weights) const {
  const Tensor targets = head.targets(labels);
  const auto values = targets.to_vector<std::uint8_t>();
  const auto often = pixel_weights ? pixel_weights.to_vector<float>() : std::vector<float>{};
  const std::size_t planes = targets.rank() == 4 ? static_cast<std::size_t>(targets.size(3)) : 1;
  const bool of_classes = head.activation().has_value();
  const bool weighted = !options_.class_weights.empty() && (!of_classes || options_.ce_normalization == CeNormalization::weight_sum);
  double sum = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i] == data::kIgnoreLabel) continue;
    const std::size_t k = !of_classes ? i % planes * head.schema().names.size() + values[i] : targets.rank() == 4 ? i % planes : values[i];
    sum += (weighted ? options_.class_weights[k] : 1.0) * (often.empty() ? 1.0 : static_cast<double>(often[i / planes]));
  }
  return sum;
}

Tensor Criterion::operator()(const heads::Head& head, const Tensor& logits, const Tensor& labels, Scalars* values,
                             const Tensor& pixel_weights, ResizeGrid upsample, const std::vector<double>& shares) const {
  const std::vector<heads::Part> parts = head.parts();
  Tensor loss;
  Scalars all;
  if (parts.size() > 1) all["loss"] = 0;  // the first of all
  for (std::size_t k = 0; k < parts.size(); ++k) {
    const heads::Part& part = parts[k];
    const double share = shares.empty() ? 1 : shares[k];
    Scalars own;
    Tensor one = of(part).loss_of(*part.head, part.logits(logits), part.labels(labels), values ? &own : nullptr, pixel_weights, upsample);
    if (share != 1) one = scale(one, share);
    loss = loss ? add(loss, one) : one;
    Scalars named;
    for (const auto& [name, value] : own) named[part.whole ? name : part.head->name() + '/' + name] = value;
    if (!part.whole) named["loss"] = own.empty() ? 0 : own.at("loss");
    all.add(named, share);
  }
  if (values) *values = std::move(all);
  return loss;
}

Tensor Criterion::loss_of(const heads::Head& head, const Tensor& logits, const Tensor& labels, Scalars* values, const Tensor& pixel_weights,
                          ResizeGrid upsample) const {
  const std::int64_t height = labels.size(1), width = labels.size(2);
  const bool smaller = logits.size(1) != height || logits.size(2) != width;
  struct Pass {
    SegmentationLossOptions options;
    bool has_pixel_term = false;
    SegmentationLossParts parts{};
  };
  std::vector<Pass> passes;
  // The first pass that a term fits in.
  const auto pass_where = [&](auto&& fits) -> std::size_t {
    const auto at = std::find_if(passes.begin(), passes.end(), fits);
    if (at != passes.end()) return static_cast<std::size_t>(at - passes.begin());
    passes.push_back({{.activation = head.activation().value_or(LossActivation::softmax),
                       .ce_weight = 0,
                       .regions = {},
                       .class_weights = options_.class_weights,
                       .positive_weights = options_.positive_weights,
                       .pixel_weights = pixel_weights ? pixel_weights.to(logits.device()) : Tensor{},
                       .ignore_label = data::kIgnoreLabel,
                       .ce_normalization = options_.ce_normalization,
                       .region_reduction = options_.region_reduction,
                       .empty_class = options_.empty_class}});
    if (smaller) passes.back().options.upsample = upsample;
    return passes.size() - 1;
  };
  std::vector<std::pair<std::size_t, std::size_t>> places(terms_.size());  // of a term: its pass, and which region of it
  bool others = false;
  for (std::size_t i = 0; i < terms_.size(); ++i) {
    const Term& t = terms_[i];
    if (t.type.kind == TermKind::pixel) {
      places[i].first = pass_where([](const Pass& p) { return !p.has_pixel_term; });
      Pass& pass = passes[places[i].first];
      const PixelTerm shape = t.type.pixel ? t.type.pixel(t.arguments) : PixelTerm{};
      pass.has_pixel_term = true;
      pass.options.ce_weight = t.factor;
      pass.options.focal = shape.focal;
      pass.options.smoothing = shape.smoothing;
    } else if (t.type.kind == TermKind::region) {
      const RegionOf region = t.type.region(t.arguments);
      const RegionReduction reduction = region.reduction.value_or(options_.region_reduction);
      places[i].first = pass_where([&](const Pass& p) {
        return p.options.regions.empty() || (p.options.region_reduction == reduction && p.options.regions.size() < kMostRegionTerms);
      });
      SegmentationLossOptions& o = passes[places[i].first].options;
      places[i].second = o.regions.size();
      o.region_reduction = reduction;
      o.regions.push_back(region.term);
      o.regions.back().weight = t.factor;
    } else {
      others = true;
    }
  }
  Tensor loss;
  const auto add_up = [&](const Tensor& part) { loss = loss ? add(loss, part) : part; };
  const Tensor targets = passes.empty() ? Tensor{} : head.targets(labels).to(logits.device());
  for (Pass& p : passes) add_up(segmentation_loss(logits, targets, p.options, values ? &p.parts : nullptr));
  const Tensor full = others && smaller ? resize_bilinear(logits, height, width, upsample) : logits;
  Scalars out{{"loss", 0}};
  for (std::size_t i = 0; i < terms_.size(); ++i) {
    const Term& t = terms_[i];
    if (t.type.kind == TermKind::own) {
      const Tensor value =
          value_of(t.type, {head, full, labels, options_.class_weights, options_.positive_weights, pixel_weights}, t.arguments);
      if (values) out[t.scalar] = value.item();
      add_up(t.factor == 1 ? value : scale(value, t.factor));
    } else if (values) {
      const SegmentationLossParts& parts = passes[places[i].first].parts;
      out[t.scalar] = t.type.kind == TermKind::pixel ? parts.ce : parts.regions[places[i].second];
    }
  }
  if (values) out["loss"] = loss.item(), *values = std::move(out);
  return loss;
}

}  // namespace lamina::losses
